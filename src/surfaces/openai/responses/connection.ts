// The Responses API over a WebSocket: each message of the client is a request, its answer are the events of a stream, as
// messages. Requests are answered one after the other. Not for the connection itself (http/websockets.ts).
import { randomBytes } from 'node:crypto'
import { requireScope } from '../../../auth/authenticate.ts'
import { checkToolSchemas } from '../../../compat/client-tools.ts'
import { type MessageApi, resolveFor, serveMessage } from '../../../compat/serve-run.ts'
import { noUsage, type RunEnd } from '../../../core/events.ts'
import type { RunHandle } from '../../../core/runs.ts'
import { AppError, invalidField } from '../../../errors.ts'
import type { Reading } from '../../../http/reader-limits.ts'
import { toRequestError } from '../../../http/request-errors.ts'
import type { RouteRequest } from '../../../http/routes.ts'
import type { Frame } from '../../../http/sse.ts'
import { parseBody } from '../../../http/validate.ts'
import { type Connection, closeCodes } from '../../../http/websockets.ts'
import { fieldsOf } from '../../../platform/json.ts'
import { sealerOf } from '../conversations/conversations.ts'
import { openaiStatus, toErrorBody } from '../shared/errors.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { AnsweredItems } from './answered-items.ts'
import { locate, responsesApi, toItems } from './api.ts'
import { ConnectionMemory } from './connection-memory.ts'
import { checkItems } from './items.ts'
import { ResponseEvents, type ResponseFacts, responseId } from './reply.ts'
import type { ResponseEvent } from './reply-schemas.ts'
import { checkResponse, planOf, type ResponsePlan } from './request.ts'
import { ResponseMessage, ResponseRequest, streamIdMax } from './schemas.ts'

/** Requests that wait on one connection. */
const waitingMax = 16

/** Errors that the client has not taken yet. One that sends without reading would fill the memory with them. */
const refusalsMax = 1_000

export type ParseJson = (text: string) => Promise<unknown>

/** Serves the connection until it is closed. */
export function serveConnection(
  parts: { options: OpenaiOptions; request: RouteRequest; bytesMax: number; parse: ParseJson; reading: Reading },
  connection: Connection,
): void {
  const requests = new ConnectionRequests(parts, connection)
  const { reading, request } = parts
  connection.gone.addEventListener('abort', () => reading.leave())
  reading.revoked.catch((thrown: unknown) => requests.end(toRequestError(thrown, request)))
  connection.listen((text) => requests.accept(text))
}

type Message = ResponseMessage & { body: Record<string, unknown> }

class ConnectionRequests {
  readonly #parts: Parameters<typeof serveConnection>[0]
  readonly #connection: Connection
  readonly #memory = new ConnectionMemory()
  readonly #waiting: string[] = []
  #waitingBytes = 0
  #refusals = 0
  #isAnswering = false

  constructor(parts: Parameters<typeof serveConnection>[0], connection: Connection) {
    this.#parts = parts
    this.#connection = connection
  }

  accept(text: string | null): void {
    // What was received before the other side learned that the connection is being closed.
    if (!this.#connection.isOpen) return
    if (text === null) return void this.#refuse(new AppError('invalid_request', 'a message must be JSON, as text'))
    const bytes = Buffer.byteLength(text)
    if (this.#waiting.length >= waitingMax || this.#waitingBytes + bytes > this.#parts.bytesMax) {
      const reason = 'too many requests wait on this connection: send the next one when a response is complete'
      return void this.#refuseUnread(text, new AppError('rate_limited', reason))
    }
    this.#waiting.push(text)
    this.#waitingBytes += bytes
    void this.#answerAll()
  }

  /** Its client must learn which of its requests it was. */
  async #refuseUnread(text: string, error: AppError): Promise<void> {
    const message = await this.#parts.parse(text).catch(() => null)
    await this.#refuse(error, streamIdOf(message))
  }

  /** Reports the reason and closes the connection. */
  async end(error: AppError): Promise<void> {
    await this.#refuse(error)
    this.#connection.close(closeCodes.policy, error.message)
  }

  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return
    this.#isAnswering = true
    while (!this.#connection.gone.aborted) {
      const text = this.#waiting.shift()
      if (text === undefined) break
      this.#waitingBytes -= Buffer.byteLength(text)
      await this.#answer(text)
    }
    this.#isAnswering = false
  }

  async #answer(text: string): Promise<void> {
    let message: Message | null = null
    let parsed: unknown = null
    // A run may be silent for longer than a connection may be.
    const timer = setInterval(() => this.#connection.keepOpen(), 60_000).unref()
    try {
      parsed = await this.#parts.parse(text)
      message = this.#read(parsed)
      this.#parts.request.caller = await this.#identify()
      if (message.generate === false) await this.#prepare(message)
      else await this.#serve(message)
    } catch (thrown) {
      const error = toRequestError(thrown, this.#parts.request)
      if (message !== null) this.#forgetPrevious(message)
      if (error.code === 'unauthorized') return await this.end(error)
      await this.#refuse(error, streamIdOf(parsed))
    } finally {
      clearInterval(timer)
    }
  }

  #read(parsed: unknown): Message {
    const message = parseBody(ResponseMessage, parsed)
    if (message.type !== 'response.create') {
      throw invalidField('type', 'must be response.create: no other message is supported', 'unsupported_value')
    }
    const { type: _type, stream_id: _id, generate: _generate, stream: _stream, ...body } = message
    if (message.background) throw invalidField('background', 'is not supported on a WebSocket: send it over HTTP')
    return { ...message, body: { ...body, stream: true } }
  }

  /** The key may have been revoked or changed since the last message, and its rate counts each of them. */
  async #identify() {
    const { request } = this.#parts
    const caller = await request.identify()
    requireScope(caller, 'chat')
    return caller
  }

  async #serve(message: Message): Promise<void> {
    const { options, request } = this.#parts
    const { caller, headers, trace } = request
    await serveMessage(this.#api(message), options, {
      ...{ body: message.body, caller, headers, trace },
      gone: this.#connection.gone,
      write: (frames) => this.#write(frames),
      toError: (thrown) => toRequestError(thrown, request),
    })
  }

  #api(message: Message): MessageApi<ResponseRequest, ResponsePlan> {
    return {
      ...responsesApi(this.#parts.options, this.#memory),
      messageEncoder: (plan, run) => this.#encoder(message, plan, run),
    }
  }

  #encoder(message: Message, plan: ResponsePlan, { id, createdAtMs }: RunHandle) {
    const facts: ResponseFacts = { runId: id, createdAtMs }
    const events = new ResponseEvents(plan, facts)
    const answered = plan.request.body.store === false ? new AnsweredItems(plan) : null
    const toFrames = (encoded: readonly ResponseEvent[]) => encoded.map((event) => toFrame(event, message.stream_id))
    return {
      toFrames: (event: Parameters<typeof events.encode>[0]) => {
        const encoded = events.encode(event)
        const added = answered?.accept(event) ?? null
        if (added !== null) this.#memory.add(responseId(id), [...this.#memory.current, ...added])
        return toFrames(encoded)
      },
      toErrorFrames: (error: AppError) => {
        this.#forgetPrevious(message)
        return toFrames(events.failure(error))
      },
    }
  }

  /** A response without an answer, which later requests continue: the client sends early what it knows already. */
  async #prepare(message: Message): Promise<void> {
    const { options, request } = this.#parts
    const body = parseBody(ResponseRequest, message.body)
    const resolved = await resolveFor(request.caller, body.model, options)
    checkResponse(body)
    const input = toItems(body.input) ?? []
    const { before, own } = await locate(options, { body, input, caller: request.caller, memory: this.#memory })
    const sealer = sealerOf(options, request.caller)
    await checkToolSchemas(checkItems(own, sealer.open).tools)
    const facts = { runId: `run_${randomBytes(16).toString('hex')}`, createdAtMs: Date.now() }
    const plan = planOf({ body, model: resolved.publicName, isAgent: resolved.agent }, sealer)
    const events = new ResponseEvents(plan, facts)
    const started = events.encode({ type: 'run-start', runId: facts.runId, sessionId: '', model: '' })
    const ended = events.encode(emptyEnd)
    this.#memory.add(
      responseId(facts.runId),
      [...before, ...own].map(({ item }) => item),
    )
    await this.#write([...started, ...ended].map((event) => toFrame(event, message.stream_id)))
  }

  #forgetPrevious({ body }: Message): void {
    if (typeof body.previous_response_id === 'string') this.#memory.forget(body.previous_response_id)
  }

  async #write(frames: readonly Frame[]): Promise<boolean> {
    for (const { data } of frames) if (!(await this.#connection.send(data))) return false
    return true
  }

  async #refuse(error: AppError, streamId: string | null = null): Promise<void> {
    if (++this.#refusals > refusalsMax) {
      const reason = 'too many messages were refused: read the answers before you send more'
      return this.#connection.close(closeCodes.policy, reason)
    }
    const { error: details } = toErrorBody(error)
    const fields = streamId === null ? {} : { stream_id: streamId }
    await this.#connection.send(
      JSON.stringify({ type: 'error', status: openaiStatus(error), error: details, ...fields }),
    )
    this.#refusals--
  }
}

/** The id of a message that may be no request, so that its client can tell which one was refused. */
function streamIdOf(message: unknown): string | null {
  const { stream_id: id } = fieldsOf(message)
  return typeof id === 'string' && id !== '' && id.length <= streamIdMax ? id : null
}

/** The end of a run that never was. */
const emptyEnd: RunEnd = {
  type: 'run-end',
  outcome: 'succeeded',
  result: '',
  structuredOutput: null,
  stopReason: 'end_turn',
  stopSequence: null,
  numTurns: 0,
  durationMs: 0,
  usage: noUsage,
  costUsd: 0,
  model: '',
  sessionId: '',
  permissionDenials: [],
  error: null,
}

const toFrame = (event: ResponseEvent, streamId: string | null | undefined): Frame => ({
  data: JSON.stringify(streamId ? { ...event, stream_id: streamId } : event),
})
