// Sends a fuzzed request and checks what must hold for its answer, whatever was sent: an answer or an error in the form of the surface,
// whole or streamed to its end, and no failure of the server's own.
import assert from 'node:assert/strict'
import type { z } from 'zod'
import { Message, MessageEvent } from '../../src/surfaces/anthropic/reply-schemas.ts'
import { ChatEvent, ChatReply } from '../../src/surfaces/native/reply-schemas.ts'
import { ChatCompletion, ChatCompletionChunk } from '../../src/surfaces/openai/chat/reply-schemas.ts'
import { ResponseEvent, Response as ResponseReply } from '../../src/surfaces/openai/responses/reply-schemas.ts'
import { anthropic, eventsOf, native, openai, type SentEvent, type Surface } from '../security/surfaces.ts'
import { nextBody } from './fuzz-follow-ups.ts'
import type { Expected } from './fuzz-model.ts'
import type { FuzzRequest, SurfaceName } from './fuzz-requests.ts'

type Json = Record<string, unknown>

type Form = {
  surface: Surface
  Reply: z.ZodType
  Event: z.ZodType
  /** Which event is the last of a stream: that of an answer or of an error. */
  isEnd(event: Json): boolean
  isError(event: Json): boolean
  /** Whether the error names the field that it is about. */
  namesField(error: Json, body: Json): boolean
}

const inside = (value: unknown, name: string): unknown => (value as Json | null | undefined)?.[name]

const namesParam = (error: Json) => typeof inside(error.error, 'param') === 'string'

/** There is no field for it in the API's errors. */
const mentionsField = (error: Json, body: Json) => {
  const message = String(inside(error.error, 'message'))
  return [...Object.keys(body), 'model', 'messages', 'max_tokens'].some((name) => message.startsWith(name))
}

const forms: Record<SurfaceName, Form> = {
  native: {
    surface: native,
    Reply: ChatReply,
    Event: ChatEvent,
    isEnd: ({ type }) => type === 'done',
    isError: ({ type }) => type === 'error',
    namesField: ({ details }) => typeof inside(details, 'field') === 'string',
  },
  chat: {
    surface: openai,
    Reply: ChatCompletion,
    Event: ChatCompletionChunk,
    isEnd: ({ done }) => done === true,
    isError: ({ error }) => error !== undefined,
    namesField: namesParam,
  },
  responses: {
    surface: openai,
    Reply: ResponseReply,
    Event: ResponseEvent,
    isEnd: ({ type }) => type === 'response.completed' || type === 'response.incomplete',
    isError: ({ type }) => type === 'error',
    namesField: namesParam,
  },
  messages: {
    surface: anthropic,
    Reply: Message,
    Event: MessageEvent,
    isEnd: ({ type }) => type === 'message_stop',
    isError: ({ type }) => type === 'error',
    namesField: mentionsField,
  },
}

/** The end of OpenAI's stream is no JSON. */
const toJson = ({ data }: SentEvent): Json => (data === '[DONE]' ? { done: true } : (JSON.parse(data) as Json))

/** In the words of the scripted model, or for an agent that was refused in the middle of its answer. */
const refusal =
  /scripted refusal|^The model's safeguards stopped its answer|safeguards flagged this message|can't help with this\. Start a new session/

/** Failures that are the model's, and not the server's. */
const modelFailure = /^The model (called|returned no answer|repeatedly returned no answer)/

function checkFailure(message: string, { mayFail, isRefused }: Expected): void {
  if (isRefused && refusal.test(message)) return
  assert.ok(mayFail && modelFailure.test(message), `failed: ${message}`)
}

function checkError(
  form: Form,
  status: number,
  text: string,
  request: Pick<FuzzRequest, 'body'>,
  expected: Expected,
): void {
  const error = form.surface.ErrorBody.parse(JSON.parse(text)) as Json
  const message = form.surface.messageOf(error)
  assert.ok(message.length > 0)
  if (status >= 500) return checkFailure(message, expected)
  assert.ok(status >= 400, `${status}`)
  // That a body is too deep or too large concerns no field.
  const isAboutBody = message.startsWith('the body ') || (expected.isRefused && refusal.test(message))
  if (status === 400 && !isAboutBody) assert.ok(form.namesField(error, request.body), `names no field: ${text}`)
}

function checkStream(form: Form, text: string, expected: Expected): void {
  const events = eventsOf(text).map(toJson)
  const last = events.at(-1)
  assert.ok(last !== undefined, 'a stream without events')
  if (form.isError(last)) {
    const { error } = last
    checkFailure(typeof error === 'string' ? error : String(inside(error, 'message')), expected)
  } else assert.ok(form.isEnd(last), `the stream ends with ${JSON.stringify(last)}`)
  // OpenAI's end and error are no chunks.
  for (const event of events) if (event.type !== undefined || event.object !== undefined) form.Event.parse(event)
  assert.equal(events.filter((event) => form.isEnd(event) || form.isError(event)).length, 1, 'a stream ends once')
}

/** The answer, and the reply in it if it is a whole one; throws if it is not as it must be. */
async function send(
  url: string,
  form: Form,
  request: Pick<FuzzRequest, 'path' | 'headers' | 'body'>,
  expected: Expected,
): Promise<{ status: number; reply: Json | null }> {
  const response = await fetch(`${url}${request.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...request.headers },
    body: JSON.stringify(request.body),
  })
  const text = await response.text()
  const { status, headers } = response
  assert.match(headers.get('x-request-id') ?? '', /^req_[0-9a-f]{24}$/)
  if (status !== 200) checkError(form, status, text, request, expected)
  else if (headers.get('content-type')?.startsWith('text/event-stream')) checkStream(form, text, expected)
  else return { status, reply: form.Reply.parse(JSON.parse(text)) as Json }
  return { status, reply: null }
}

/** The statuses of the answers, that of the first request and of what follows it. Throws if an answer is not as it must be. */
export async function sendFuzzed(url: string, name: SurfaceName, request: FuzzRequest): Promise<number[]> {
  const form = forms[name]
  const expected = await request.expected()
  const { status, reply } = await send(url, form, request, expected)
  if (reply === null || request.next === null || name === 'native') return [status]
  const body = nextBody[name](request.body, reply, request.next)
  // The model has no value for the schema in what follows.
  const wantsForm = ['response_format', 'text', 'output_format', 'output_config'].some((field) => field in body)
  try {
    const after = await send(url, form, { ...request, body }, { ...expected, mayFail: expected.mayFail || wantsForm })
    return [status, after.status]
  } catch (error) {
    throw new Error(`after an answer, ${JSON.stringify(body)}`, { cause: error })
  }
}
