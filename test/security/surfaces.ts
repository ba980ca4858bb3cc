// The native, OpenAI, Anthropic and Ollama surfaces on one scripted agent, each described in the same terms: a request, a stream, an answer's
// text, an error. For tests that treat all of them alike.

import assert from 'node:assert/strict'
import type { z } from 'zod'
import type { App } from '../../src/http/app.ts'
import { ErrorBody as AnthropicError } from '../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../src/surfaces/anthropic/routes.ts'
import { ErrorBody as NativeError } from '../../src/surfaces/native/reply-schemas.ts'
import { ErrorBody as OllamaError } from '../../src/surfaces/ollama/reply-schemas.ts'
import { registerOllama } from '../../src/surfaces/ollama/routes.ts'
import { ErrorBody as OpenaiError } from '../../src/surfaces/openai/chat/reply-schemas.ts'
import { registerOpenai } from '../../src/surfaces/openai/routes.ts'
import { batchOptions } from '../helpers/batch-options.ts'
import type { InjectAppOptions } from '../helpers/inject-app.ts'
import { openaiRest } from '../helpers/inject-app.ts'

export const models = async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** App options with every surface; `first` runs before their routes are registered. */
export function allSurfaces(options: InjectAppOptions = {}, first: (app: App) => void = () => {}): InjectAppOptions {
  return {
    ...options,
    prepare: (app, runs) => {
      first(app)
      const shared = { runs, models, modelMap: {}, requestTimeoutMs: 60_000 }
      app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...shared }))
      app.register(async (scope) => registerAnthropic(scope, { ...shared, ...batchOptions(), countTokens: () => 7 }))
      app.register(async (scope) => registerOllama(scope, { ...shared, countTokens: () => 7 }))
    },
  }
}

type Json = Record<string, unknown>

/** A server-sent event, or a line of JSON, as a client reads it. */
export type SentEvent = { id: string | null; event: string | null; data: string }

export type Surface = {
  name: 'native' | 'openai' | 'responses' | 'anthropic' | 'ollama'
  path: string
  /** The path that answers with a stream. */
  streamPath: string
  /** The field that holds the prompt and what came before it. */
  promptField: string
  /** A request with one prompt. */
  body(prompt: unknown, more?: Json): Json
  /** The same, for a stream. */
  streamed(prompt: unknown): Json
  ErrorBody: z.ZodType
  /** The message of an error. */
  messageOf(body: unknown): string
  /** The text of a whole answer. */
  textOf(body: unknown): string
  /** What one event adds to the text. */
  deltaOf(event: Json): string
  /** Whether this event ends a complete stream. */
  isEnd(event: SentEvent): boolean
}

const inside = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((found, name) => (found as Record<string | number, unknown> | null | undefined)?.[name], value)

const textIn = (value: unknown, ...path: (string | number)[]): string => {
  const found = inside(value, ...path)
  return typeof found === 'string' ? found : ''
}

const messages = (content: unknown) => [{ role: 'user', content }]

export const native: Surface = {
  name: 'native',
  path: '/v1/chat',
  streamPath: '/v1/chat/stream',
  promptField: 'prompt',
  body: (prompt, more = {}) => ({ prompt, ...more }),
  streamed: (prompt) => ({ prompt }),
  ErrorBody: NativeError,
  messageOf: (body) => textIn(body, 'error'),
  textOf: (body) => textIn(body, 'result'),
  deltaOf: (event) => (event.type === 'delta' ? textIn(event, 'text') : ''),
  isEnd: ({ data }) => inside(JSON.parse(data), 'type') === 'done',
}

export const openai: Surface = {
  name: 'openai',
  path: '/v1/chat/completions',
  streamPath: '/v1/chat/completions',
  promptField: 'messages',
  body: (prompt, more = {}) => ({ model: 'sonnet', messages: messages(prompt), ...more }),
  streamed: (prompt) => openai.body(prompt, { stream: true }),
  ErrorBody: OpenaiError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'choices', 0, 'message', 'content'),
  deltaOf: (event) => textIn(event, 'choices', 0, 'delta', 'content'),
  isEnd: ({ data }) => data === '[DONE]',
}

/** OpenAI's other API. */
export const responses: Surface = {
  name: 'responses',
  path: '/v1/responses',
  streamPath: '/v1/responses',
  promptField: 'input',
  body: (prompt, more = {}) => ({ model: 'sonnet', input: messages(prompt), ...more }),
  streamed: (prompt) => responses.body(prompt, { stream: true }),
  ErrorBody: OpenaiError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'output', 0, 'content', 0, 'text'),
  deltaOf: (event) => (event.type === 'response.output_text.delta' ? textIn(event, 'delta') : ''),
  isEnd: ({ event }) => event === 'response.completed',
}

export const anthropic: Surface = {
  name: 'anthropic',
  path: '/v1/messages',
  streamPath: '/v1/messages',
  promptField: 'messages',
  body: (prompt, more = {}) => ({ model: 'sonnet', max_tokens: 100, messages: messages(prompt), ...more }),
  streamed: (prompt) => anthropic.body(prompt, { stream: true }),
  ErrorBody: AnthropicError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'content', 0, 'text'),
  deltaOf: (event) => textIn(event, 'delta', 'text'),
  isEnd: ({ event }) => event === 'message_stop',
}

/** Its answers are streamed unless that is switched off, and a stream is lines of JSON. */
export const ollama: Surface = {
  name: 'ollama',
  path: '/api/chat',
  streamPath: '/api/chat',
  promptField: 'messages',
  body: (prompt, more = {}) => ({ model: 'sonnet', messages: messages(prompt), stream: false, ...more }),
  streamed: (prompt) => ollama.body(prompt, { stream: true }),
  ErrorBody: OllamaError,
  messageOf: (body) => textIn(body, 'error'),
  textOf: (body) => textIn(body, 'message', 'content'),
  deltaOf: (event) => textIn(event, 'message', 'content'),
  isEnd: ({ data }) => inside(JSON.parse(data), 'done') === true,
}

/** Every surface but the native one. */
export const compatible = [openai, responses, anthropic, ollama]
export const surfaces = [native, ...compatible]

const lineOf = /^(data|event|id): (.*)$/s

/**
 * The events of a stream, parsed as the standard says: CR, LF and CRLF all end a line. Throws for any line that the server never
 * sends, as a broken frame would have one.
 */
export function eventsOf(stream: string): SentEvent[] {
  if (stream.startsWith('{')) return linesOf(stream)
  assert.ok(stream.endsWith('\n\n'), 'the stream ends within an event')
  const blocks = stream.slice(0, -2).split(/(?:\r\n|\r|\n){2}/)
  return blocks.filter((block) => !block.startsWith(':')).map(eventOf)
}

function linesOf(stream: string): SentEvent[] {
  assert.ok(stream.endsWith('\n'), 'the stream ends within a line')
  return stream
    .slice(0, -1)
    .split('\n')
    .map((data) => ({ id: null, event: null, data }))
}

function eventOf(block: string): SentEvent {
  const event: SentEvent = { id: null, event: null, data: '' }
  let count = 0
  for (const line of block.split(/\r\n|\r|\n/)) {
    const [, name, value = ''] = lineOf.exec(line) ?? []
    assert.ok(name === 'data' || name === 'event' || name === 'id', `not an event line: ${JSON.stringify(line)}`)
    if (name === 'data') count++
    event[name] = value
  }
  assert.equal(count, 1, `an event has one line of data: ${JSON.stringify(block)}`)
  return event
}

/** The text of a complete stream. */
export function streamedText({ deltaOf, isEnd }: Surface, stream: string): string {
  const events = eventsOf(stream)
  const last = events.at(-1)
  assert.ok(last !== undefined && isEnd(last), 'the stream is not complete')
  return events
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => deltaOf(JSON.parse(data) as Json))
    .join('')
}

/** Lists nested this many levels deep. */
export function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level++) value = [value]
  return value
}
