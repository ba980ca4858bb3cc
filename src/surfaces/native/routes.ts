// The native API's routes: what a request must pass beyond its schema, and how a run's events become an answer. The
// translation itself is in translate.ts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { PermissionMode } from '../../core/agent.ts'
import { checkAnswerSchema } from '../../core/answer-schema.ts'
import { allEvents, takeEarlyEvents } from '../../core/early-events.ts'
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { resolveFolder } from '../../core/folders.ts'
import type { RunHandle, Runs } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { errorHeaders, faultOf } from '../../http/faults.ts'
import { endWithConnection } from '../../http/hang-up.ts'
import { type Frame, openSse } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { ChatRequest } from './schemas.ts'
import { type Checked, toChatEvents, toError, toErrorBody, toReply, toRunRequest } from './translate.ts'

export type NativeOptions = {
  runs: Runs
  permissionModes: readonly PermissionMode[]
  cwdRoots: readonly string[] | null
  requestTimeoutMs: number
  maxRequestTimeoutMs: number
  /** Facts for the health routes; `health` throws an AppError where the CLI cannot be run. */
  health(): Promise<Record<string, unknown>>
  readiness(): Promise<{ ready: boolean; facts: Record<string, unknown> }>
}

export function registerNative(app: FastifyInstance, options: NativeOptions): void {
  app.setErrorHandler((thrown, request, reply) => sendError(reply, request, faultOf(thrown, request)))
  app.get('/livez', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const { ready, facts } = await options.readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', ...facts })
  })
  app.get('/v1/health', async (_request, reply) => {
    try {
      return await options.health()
    } catch (fault) {
      const { message } = fault as Error
      return reply.code(503).send({ status: 'error', error: message })
    }
  })
  app.post('/v1/chat', (request, reply) => chat(options, request, reply))
  app.post('/v1/chat/stream', (request, reply) => chatStream(options, request, reply))
}

function sendError(reply: FastifyReply, request: FastifyRequest, error: AppError): FastifyReply {
  return reply.code(error.status).headers(errorHeaders(error)).send(toErrorBody(error, request.id))
}

async function chat(options: NativeOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const run = await start(options, request, reply, false)
  let end: RunEnd | null = null
  for await (const event of run.events) if (event.type === 'run-end') end = event
  if (end === null) throw new Error('a run without an end')
  if (end.outcome !== 'succeeded') throw toError(end, run.id)
  return reply.send(toReply(end, run.id))
}

async function chatStream(options: NativeOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const run = await start(options, request, reply, true)
  const events = run.events[Symbol.asyncIterator]()
  const early = await takeEarlyEvents(events, (end) => toError(end, run.id))
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders() })
  const frames = new NativeFrames(run.id, request.id)
  try {
    for await (const event of allEvents(early, events)) {
      const out = frames.ofRun(event)
      if (out.length > 0 && !(await stream.write(out))) break
    }
  } catch (thrown) {
    await stream.write(frames.of([{ type: 'error', ...toErrorBody(faultOf(thrown, request), request.id) }]))
  } finally {
    await events.return?.()
    stream.end()
  }
  return reply
}

/** Numbers the frames of one stream from 1. */
class NativeFrames {
  #id = 0
  readonly #runId: string
  readonly #requestId: string

  constructor(runId: string, requestId: string) {
    this.#runId = runId
    this.#requestId = requestId
  }

  ofRun(event: RunEvent): Frame[] {
    return this.of(toChatEvents(event, this.#runId, this.#requestId))
  }

  of(events: readonly object[]): Frame[] {
    return events.map((event) => ({ id: ++this.#id, data: JSON.stringify(event) }))
  }
}

/** Checks the body and starts its run, which ends with the connection. */
async function start(
  options: NativeOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  live: boolean,
): Promise<RunHandle> {
  const body = parseBody(ChatRequest, request.body)
  const timeoutMs = checkTimeout(body, options)
  if (body.fork && !body.session_id) throw invalid('fork', 'needs a session_id to copy')
  await checkAnswerSchema(body.json_schema ?? null, 'json_schema')
  const checked: Checked = {
    permissionMode: checkPermissionMode(body.permission_mode ?? null, options.permissionModes),
    cwd: body.cwd ? await resolveFolder(body.cwd, options.cwdRoots, 'cwd') : null,
    addDirs: body.add_dirs
      ? await Promise.all(body.add_dirs.map((dir, at) => resolveFolder(dir, options.cwdRoots, `add_dirs[${at}]`)))
      : null,
  }
  const run = options.runs.start({ ...toRunRequest(body, checked, live), timeoutMs })
  endWithConnection(run, request, reply)
  return run
}

const invalid = (field: string, fault: string) => new AppError('invalid_request', `${field} ${fault}`, { field })

function checkTimeout(body: ChatRequest, { requestTimeoutMs, maxRequestTimeoutMs }: NativeOptions): number {
  if (!body.timeout_s) return requestTimeoutMs
  const timeoutMs = body.timeout_s * 1000
  if (timeoutMs > maxRequestTimeoutMs)
    throw invalid('timeout_s', `must be at most ${maxRequestTimeoutMs / 1000} (--max-request-timeout)`)
  return timeoutMs
}

const knownModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions', 'auto']

function checkPermissionMode(mode: string | null, allowed: readonly PermissionMode[]): PermissionMode | null {
  if (mode === null) return null
  const granted = allowed.find((each) => each === mode)
  if (granted === 'bypassPermissions' && process.getuid?.() === 0) {
    const text = 'permission_mode bypassPermissions is not allowed for a server that runs as root'
    throw new AppError('permission_mode_not_allowed', text, { field: 'permission_mode' })
  }
  if (granted !== undefined) return granted
  const list = allowed.join(', ')
  if (!knownModes.includes(mode))
    throw invalid('permission_mode', `must be one of ${list}, not ${JSON.stringify(mode.slice(0, 80))}`)
  const text = `permission_mode ${mode} is not allowed here; this server allows ${list} (--permission-modes)`
  throw new AppError('permission_mode_not_allowed', text, { field: 'permission_mode' })
}
