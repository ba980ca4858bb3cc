// Helpers for the cases of the Anthropic suite: messages, tools, and reading answers, streams and errors. Every answer
// and every event is checked against the SDK's own types.
import assert from 'node:assert/strict'
import type { Anthropic } from '@anthropic-ai/sdk'
import { assertFits } from '../helpers/sdk-schemas.ts'

/** The SDK adds the request id. */
export type Message = Anthropic.Message & { _request_id?: string | null }
export type MessageParam = Anthropic.MessageParam
export type MessageEvent = Anthropic.RawMessageStreamEvent
export type ToolUse = Anthropic.ToolUseBlock
export type Tool = Anthropic.Tool
export type ToolResult = Anthropic.ToolResultBlockParam

/** A request as a program may send it, including fields that the newest SDK no longer declares. */
export type Params = { messages: MessageParam[]; [field: string]: unknown }

export const model = 'sonnet'

/** A name with brackets, like the CLI's names for long-context models. The suite's server maps it to haiku. */
export const longModel = 'claude-long-1[1m]'

export const toBody = (params: Params) => ({ model, max_tokens: 1024, ...params }) as Anthropic.MessageCreateParams

const whole = (params: Params) => toBody(params) as Anthropic.MessageCreateParamsNonStreaming

const streamed = (params: Params) => ({ ...toBody(params), stream: true }) as Anthropic.MessageCreateParamsStreaming

export async function ask(client: Anthropic, params: Params, options?: Anthropic.RequestOptions): Promise<Message> {
  const message = await client.messages.create(whole(params), options)
  assertFits('anthropic', 'Message', message)
  return message
}

/** The same, with the names of the ignored fields. */
export async function askWithIgnored(client: Anthropic, params: Params, options?: Anthropic.RequestOptions) {
  const { data, response } = await client.messages.create(whole(params), options).withResponse()
  assertFits('anthropic', 'Message', data)
  return { message: data, ignored: response.headers.get('x-claude-serve-ignored') }
}

export const openStream = (client: Anthropic, params: Params, options?: Anthropic.RequestOptions) =>
  client.messages.create(streamed(params), options)

/** All events of a streamed answer, which must be complete. */
export async function readEvents(client: Anthropic, params: Params): Promise<MessageEvent[]> {
  const events: MessageEvent[] = []
  for await (const event of await openStream(client, params)) events.push(event)
  checkEvents(events)
  return events
}

/** Expects one message from start to stop, with blocks one after another, counted from 0. */
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

/** The answer that the stream helper assembles. */
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

/** An answer as a message for the next request, as every client sends it. */
export const toHistory = ({ role, content }: Message): MessageParam => ({ role, content })

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

/** The error of a request, which must be an instance of the SDK's class. */
export async function errorOf<T extends Error>(
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
