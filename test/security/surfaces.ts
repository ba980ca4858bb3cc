// The three surfaces on one scripted agent, and what is the same of each in words of its own: a request, a stream, an answer's text,
// an error. For tests that do one thing to all of them.

import assert from 'node:assert/strict'
import type { z } from 'zod'
import type { App } from '../../src/http/app.ts'
import { ErrorBody as AnthropicError } from '../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../src/surfaces/anthropic/routes.ts'
import { ErrorBody as NativeError } from '../../src/surfaces/native/schemas.ts'
import { ErrorBody as OpenaiError } from '../../src/surfaces/openai/chat/reply-schemas.ts'
import { registerOpenai } from '../../src/surfaces/openai/routes.ts'
import type { InjectAppOptions } from '../helpers/inject-app.ts'
import { openaiRest } from '../helpers/inject-app.ts'

export const models = async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** Options of an app with all three; `first` is done before their routes are there. */
export function allFaces(options: InjectAppOptions = {}, first: (app: App) => void = () => {}): InjectAppOptions {
  return {
    ...options,
    prepare: (app, runs) => {
      first(app)
      const face = { runs, models, modelMap: {}, requestTimeoutMs: 60_000 }
      app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...face }))
      app.register(async (scope) => registerAnthropic(scope, { ...face, countTokens: () => 7 }))
    },
  }
}

type Json = Record<string, unknown>

/** A server-sent event as a client reads it. */
export type SentEvent = { id: string | null; event: string | null; data: string }

export type Face = {
  name: 'native' | 'openai' | 'responses' | 'anthropic'
  path: string
  /** Where a stream is asked for. */
  streamPath: string
  /** The field that has what was said so far. */
  saidIn: string
  /** A request with one prompt. */
  body(prompt: unknown, more?: Json): Json
  /** The same, for a stream. */
  streamed(prompt: unknown): Json
  ErrorBody: z.ZodType
  /** What an error says. */
  messageOf(body: unknown): string
  /** The text of a whole answer. */
  textOf(body: unknown): string
  /** What one event adds to the text. */
  deltaOf(event: Json): string
  /** Whether it is the event that a good stream ends with. */
  isEnd(event: SentEvent): boolean
}

const inside = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Record<string | number, unknown> | null | undefined)?.[name], value)

const textIn = (value: unknown, ...path: (string | number)[]): string => {
  const found = inside(value, ...path)
  return typeof found === 'string' ? found : ''
}

const messages = (content: unknown) => [{ role: 'user', content }]

export const native: Face = {
  name: 'native',
  path: '/v1/chat',
  streamPath: '/v1/chat/stream',
  saidIn: 'prompt',
  body: (prompt, more = {}) => ({ prompt, ...more }),
  streamed: (prompt) => ({ prompt }),
  ErrorBody: NativeError,
  messageOf: (body) => textIn(body, 'error'),
  textOf: (body) => textIn(body, 'result'),
  deltaOf: (event) => (event.type === 'delta' ? textIn(event, 'text') : ''),
  isEnd: ({ data }) => inside(JSON.parse(data), 'type') === 'done',
}

export const openai: Face = {
  name: 'openai',
  path: '/v1/chat/completions',
  streamPath: '/v1/chat/completions',
  saidIn: 'messages',
  body: (prompt, more = {}) => ({ model: 'sonnet', messages: messages(prompt), ...more }),
  streamed: (prompt) => openai.body(prompt, { stream: true }),
  ErrorBody: OpenaiError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'choices', 0, 'message', 'content'),
  deltaOf: (event) => textIn(event, 'choices', 0, 'delta', 'content'),
  isEnd: ({ data }) => data === '[DONE]',
}

/** OpenAI's other way to ask. */
export const responses: Face = {
  name: 'responses',
  path: '/v1/responses',
  streamPath: '/v1/responses',
  saidIn: 'input',
  body: (prompt, more = {}) => ({ model: 'sonnet', input: messages(prompt), ...more }),
  streamed: (prompt) => responses.body(prompt, { stream: true }),
  ErrorBody: OpenaiError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'output', 0, 'content', 0, 'text'),
  deltaOf: (event) => (event.type === 'response.output_text.delta' ? textIn(event, 'delta') : ''),
  isEnd: ({ event }) => event === 'response.completed',
}

export const anthropic: Face = {
  name: 'anthropic',
  path: '/v1/messages',
  streamPath: '/v1/messages',
  saidIn: 'messages',
  body: (prompt, more = {}) => ({ model: 'sonnet', max_tokens: 100, messages: messages(prompt), ...more }),
  streamed: (prompt) => anthropic.body(prompt, { stream: true }),
  ErrorBody: AnthropicError,
  messageOf: (body) => textIn(body, 'error', 'message'),
  textOf: (body) => textIn(body, 'content', 0, 'text'),
  deltaOf: (event) => textIn(event, 'delta', 'text'),
  isEnd: ({ event }) => event === 'message_stop',
}

/** The native API's own surface, and the two faces of other APIs. */
export const compatible = [openai, responses, anthropic]
export const faces = [native, ...compatible]

const lineOf = /^(data|event|id): (.*)$/s

/**
 * The events of a stream, read as the standard has it: CR, LF and CRLF all end a line. Throws for any line that is none of
 * ours, which is what a broken frame would be.
 */
export function eventsOf(stream: string): SentEvent[] {
  assert.ok(stream.endsWith('\n\n'), 'the stream ends within an event')
  const blocks = stream.slice(0, -2).split(/(?:\r\n|\r|\n){2}/)
  return blocks.filter((block) => !block.startsWith(':')).map(eventOf)
}

function eventOf(block: string): SentEvent {
  const event: SentEvent = { id: null, event: null, data: '' }
  let count = 0
  for (const line of block.split(/\r\n|\r|\n/)) {
    const [, name, value = ''] = lineOf.exec(line) ?? []
    assert.ok(name === 'data' || name === 'event' || name === 'id', `not a line of an event: ${JSON.stringify(line)}`)
    if (name === 'data') count++
    event[name] = value
  }
  assert.equal(count, 1, `an event has one line of data: ${JSON.stringify(block)}`)
  return event
}

/** The text that a good stream has told. */
export function toldBy({ deltaOf, isEnd }: Face, stream: string): string {
  const events = eventsOf(stream)
  const last = events.at(-1)
  assert.ok(last !== undefined && isEnd(last), 'the stream does not end well')
  return events
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => deltaOf(JSON.parse(data) as Json))
    .join('')
}

/** Nested so many levels deep: lists in lists. */
export function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level++) value = [value]
  return value
}
