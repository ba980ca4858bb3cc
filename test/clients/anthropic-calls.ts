// Small pieces that the cases of the Anthropic suite are made of: messages, tools, and how an answer, a stream or a failure is
// taken. Every answer and every event on the way is held against the SDK's own declarations.
import assert from 'node:assert/strict'
import type { Anthropic } from '@anthropic-ai/sdk'
import { assertFits } from '../helpers/sdk-schemas.ts'

/** The SDK adds the id of the request. */
export type Message = Anthropic.Message & { _request_id?: string | null }
export type MessageParam = Anthropic.MessageParam
export type MessageEvent = Anthropic.RawMessageStreamEvent
export type ToolUse = Anthropic.ToolUseBlock
export type Tool = Anthropic.Tool
export type ToolResult = Anthropic.ToolResultBlockParam

/** A request as a program may send it: also with fields that the newest SDK does not declare any more. */
export type Params = { messages: MessageParam[]; [field: string]: unknown }

export const model = 'sonnet'

/** A name with brackets, as the CLI has them for logins with a longer context. The suite's server maps it to haiku. */
export const longModel = 'claude-long-1[1m]'

export const toBody = (params: Params) => ({ model, max_tokens: 1024, ...params }) as Anthropic.MessageCreateParams

const whole = (params: Params) => toBody(params) as Anthropic.MessageCreateParamsNonStreaming

const streamed = (params: Params) => ({ ...toBody(params), stream: true }) as Anthropic.MessageCreateParamsStreaming

export async function ask(client: Anthropic, params: Params, options?: Anthropic.RequestOptions): Promise<Message> {
  const message = await client.messages.create(whole(params), options)
  assertFits('anthropic', 'Message', message)
  return message
}

/** The same with the names of the fields that had no effect. */
export async function askAndTell(client: Anthropic, params: Params, options?: Anthropic.RequestOptions) {
  const { data, response } = await client.messages.create(whole(params), options).withResponse()
  assertFits('anthropic', 'Message', data)
  return { message: data, ignored: response.headers.get('x-claude-serve-ignored') }
}

export const openStream = (client: Anthropic, params: Params, options?: Anthropic.RequestOptions) =>
  client.messages.create(streamed(params), options)

/** All events of an answer that must be complete. */
export async function readEvents(client: Anthropic, params: Params): Promise<MessageEvent[]> {
  const events: MessageEvent[] = []
  for await (const event of await openStream(client, params)) events.push(event)
  checkEvents(events)
  return events
}

/** One message from start to stop, whose blocks come one after the other and are counted from 0. */
export function checkEvents(events: readonly MessageEvent[]): void {
  for (const event of events) assertFits('anthropic', 'RawMessageStreamEvent', event)
  const types = events.map(({ type }) => type)
  assert.equal(types.filter((type) => type === 'message_start').length, 1)
  assert.equal(types.filter((type) => type === 'message_stop').length, 1)
  assert.equal(types[0], 'message_start')
  assert.deepEqual(types.slice(-2), ['message_delta', 'message_stop'])
  let next = 0
  let open: number | null = null
  for (const event of events.slice(1, -2)) {
    if (event.type === 'content_block_start') {
      assert.deepEqual([open, event.index], [null, next])
      open = next++
    } else {
      assert.ok(event.type === 'content_block_delta' || event.type === 'content_block_stop', event.type)
      assert.equal(event.index, open)
      if (event.type === 'content_block_stop') open = null
    }
  }
  assert.equal(open, null)
}

/** The answer that the stream helper puts together. */
export async function streamMessage(client: Anthropic, params: Params): Promise<Message> {
  const message = await client.messages.stream(streamed(params)).finalMessage()
  assertFits('anthropic', 'Message', message)
  return message
}

export const textOf = ({ content }: Message) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('')

export const deltasOf = (events: readonly MessageEvent[]) =>
  events.flatMap((event) => (event.type === 'content_block_delta' ? [event.delta] : []))

export const textOfEvents = (events: readonly MessageEvent[]) =>
  deltasOf(events)
    .map((delta) => (delta.type === 'text_delta' ? delta.text : ''))
    .join('')

export function startOf(events: readonly MessageEvent[]): Message {
  const [event] = events
  assert.ok(event?.type === 'message_start')
  return event.message
}

export function endOf(events: readonly MessageEvent[]): Anthropic.RawMessageDeltaEvent {
  const event = events.at(-2)
  assert.ok(event?.type === 'message_delta')
  return event
}

export const fromUser = (content: MessageParam['content']): MessageParam => ({ role: 'user', content })
export const fromAssistant = (content: MessageParam['content']): MessageParam => ({ role: 'assistant', content })

/** An answer as the message that the next request brings back, as every client does. */
export const giveBack = ({ role, content }: Message): MessageParam => ({ role, content })

export const resultFor = ({ id }: ToolUse, content: ToolResult['content'], more: Partial<ToolResult> = {}) =>
  ({ type: 'tool_result', tool_use_id: id, ...(content === undefined ? {} : { content }), ...more }) as const

export function makeTool(name: string, properties: Record<string, { type: string }> = {}): Tool {
  const input_schema = { type: 'object' as const, properties, required: Object.keys(properties) }
  return { name, description: `What ${name} does.`, input_schema }
}

export const weatherTool = makeTool('get_weather', { city: { type: 'string' } })

/** The calls that an answer ends with. */
export function callsOf({ content, stop_reason }: Message): ToolUse[] {
  assert.equal(stop_reason, 'tool_use')
  return content.filter((block) => block.type === 'tool_use')
}

/** The one call that an answer ends with. */
export function callOf(message: Message): ToolUse {
  const calls = callsOf(message)
  assert.equal(calls.length, 1)
  const [call] = calls
  assert.ok(call)
  return call
}

/** The error that a request ends with, which must be of the client's own class for it. */
export async function failureOf<T extends Error>(
  answer: PromiseLike<unknown>,
  ErrorClass: abstract new (...fields: never[]) => T,
): Promise<T> {
  try {
    assert.fail(`no error but ${JSON.stringify(await answer)}`)
  } catch (error) {
    assert.ok(error instanceof ErrorClass, String(error))
    return error
  }
}
