// Helpers for the cases of the Responses API: reading an answer, a stream or a failure. Every answer and every event is
// checked against the SDK's own declarations, and every stream against its final response.
import assert from 'node:assert/strict'
import type { OpenAI } from 'openai'
import type { TestServer } from '../helpers/test-server.ts'
import { assertEvent, assertResponse } from './openai-response-types.ts'
import type { Block } from './sent.ts'

/** What the cases share. */
export type Subject = { server: TestServer; client: OpenAI; OpenAI: typeof OpenAI }

/** The SDK's type lacks `store`. */
export type Response = OpenAI.Responses.Response & { store?: boolean }
export type Event = OpenAI.Responses.ResponseStreamEvent
export type Item = OpenAI.Responses.ResponseOutputItem
export type InputItem = OpenAI.Responses.ResponseInputItem
export type Tool = OpenAI.Responses.Tool
export type FunctionCall = OpenAI.Responses.ResponseFunctionToolCall
export type Params = Omit<OpenAI.Responses.ResponseCreateParams, 'stream'>

export const model = 'sonnet'

/** The signature of the scripted upstream's thinking. */
const signature = Buffer.from('demo-signature').toString('base64')

/** A thinking block of the scripted upstream, as it must be sent back to it. */
export const thinkingBlock = (count: number): Block => ({
  type: 'thinking',
  thinking: Array.from({ length: count }, (_, index) => `think${index} `).join(''),
  signature,
})

export const fromUser = (content: string): InputItem => ({ role: 'user', content })

export const outputOf = (call: { call_id: string }, output: string): InputItem => ({
  type: 'function_call_output',
  call_id: call.call_id,
  output,
})

export function makeTool(
  name: string,
  properties: Record<string, { type: string }> = {},
): OpenAI.Responses.FunctionTool {
  const parameters = { type: 'object', properties, required: Object.keys(properties) }
  return { type: 'function', name, description: `What ${name} does.`, parameters, strict: null }
}

export const weatherTool = makeTool('get_weather', { city: { type: 'string' } })

export async function ask(client: OpenAI, params: Params): Promise<Response> {
  const response: Response = await client.responses.create({ model, ...params, stream: false })
  checkResponse(response)
  return response
}

/** Like `ask`, and also returns the names of the fields that had no effect. */
export async function askWithIgnored(
  client: OpenAI,
  params: Params,
): Promise<{ response: Response; ignored: string | null }> {
  const pending = client.responses.create({ model, ...params, stream: false })
  const { data, response } = await pending.withResponse()
  checkResponse(data)
  return { response: data, ignored: response.headers.get('x-claude-serve-ignored') }
}

export const openStream = (client: OpenAI, params: Params) =>
  client.responses.create({ model, ...params, stream: true as const })

export async function readEvents(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) events.push(event)
  return events
}

/** All events of an answer that completes. */
export async function askForEvents(client: OpenAI, params: Params): Promise<Event[]> {
  const events = await readEvents(await openStream(client, params))
  checkEvents(events)
  return events
}

/** The events of a stream up to its error, and the error. */
export async function readUntilError(stream: AsyncIterable<Event>): Promise<{ events: Event[]; error: unknown }> {
  const events: Event[] = []
  try {
    for await (const event of stream) events.push(event)
  } catch (error) {
    return { events, error }
  }
  assert.fail(`no error but ${events.at(-1)?.type}`)
}

export function checkResponse(response: Response): void {
  assertResponse(response)
  assert.match(response.id, /^resp_\w+$/)
  const ids = response.output.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
}

const endings = ['response.completed', 'response.incomplete', 'response.failed']

/**
 * Events are numbered from 0, items come one after the other, each is the sum of its deltas, and together they are the
 * final output.
 */
export function checkEvents(events: readonly Event[]): void {
  for (const event of events) assertEvent(event)
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    [...events.keys()],
  )
  const types = events.map(({ type }) => type)
  assert.deepEqual(types.slice(0, 2), ['response.created', 'response.in_progress'])
  assert.deepEqual(
    types.filter((type) => endings.includes(type)),
    types.slice(-1),
  )
  const sums = new Map<string, string>()
  const items: Item[] = []
  let openId = ''
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      assert.equal(openId, '')
      assert.equal(event.output_index, items.length)
      openId = event.item.id ?? ''
    } else if (event.type === 'response.output_item.done') {
      assert.equal(event.item.id, openId)
      assert.equal(event.output_index, items.length)
      assert.equal(textOf(event.item), sums.get(event.item.id ?? '') ?? '')
      items.push(event.item)
      openId = ''
    } else if ('item_id' in event) {
      assert.equal(event.item_id, openId)
      assert.equal(event.output_index, items.length)
      if ('delta' in event) sums.set(event.item_id, `${sums.get(event.item_id) ?? ''}${event.delta}`)
      const whole = wholeOf(event)
      if (whole !== null) assert.equal(whole, sums.get(event.item_id) ?? '')
    }
  }
  const last = endOf(events)
  assert.deepEqual(last.output, items)
  for (const event of events) if ('response' in event) assert.equal(event.response.id, last.id)
}

function wholeOf(event: Event): string | null {
  switch (event.type) {
    case 'response.output_text.done':
    case 'response.reasoning_summary_text.done':
      return event.text
    case 'response.function_call_arguments.done':
      return event.arguments
    case 'response.custom_tool_call_input.done':
      return event.input
    case 'response.refusal.done':
      return event.refusal
    default:
      return null
  }
}

/** The whole text of an item. */
export function textOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return item.content.map((part) => (part.type === 'refusal' ? part.refusal : part.text)).join('')
    case 'reasoning':
      return item.summary.map(({ text }) => text).join('')
    case 'function_call':
      return item.arguments
    case 'custom_tool_call':
      return item.input
    case 'compaction':
      return ''
    default:
      assert.fail(`an item of the type ${item.type}`)
  }
}

/** The response that a stream ends with. */
export function endOf(events: readonly Event[]): Response {
  const last = events.at(-1)
  assert.ok(last !== undefined && 'response' in last, last?.type)
  return last.response
}

export const typesOf = (output: readonly { type: string }[]) => output.map(({ type }) => type)

/** The calls that an answer ends with. */
export function callsOf({ output, status }: Response): FunctionCall[] {
  assert.equal(status, 'completed')
  return output.filter((item) => item.type === 'function_call')
}

/** The one call that an answer ends with. */
export function callOf(response: Response): FunctionCall {
  const calls = callsOf(response)
  assert.equal(calls.length, 1)
  const [call] = calls
  assert.ok(call)
  return call
}

/** The output, as a program that stores the conversation itself sends it back. */
export const asInput = ({ output }: Response) => output as InputItem[]
