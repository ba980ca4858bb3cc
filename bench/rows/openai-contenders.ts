// The contenders of the rows about the OpenAI route. A prompt and its system prompt differ from round to round; contenders that are
// compared get the same of both.

import type { JsonRecord } from '../json.ts'
import { type Completion, complete } from '../openai-client.ts'
import { step } from '../scripted-model.ts'
import type { Served } from '../systems.ts'
import { thinkOnce } from './process-check.ts'
import type { Contender } from './turns.ts'

export const systemFor = (prompt: string) => `You keep to the matter of "${prompt}" and answer briefly.`

/** What a native request, or a command line, needs to be equivalent to a completion. */
export const alike = (prompt: string): JsonRecord => ({
  tools: [],
  model: 'sonnet',
  system_prompt: systemFor(prompt),
})

/** The system prompt depends on `words` only; `script` determines the answer of the scripted model. */
const opening = (words: string, script = ''): JsonRecord[] => [
  { role: 'system', content: systemFor(words) },
  { role: 'user', content: words + script },
]

/** Unrelated completions. */
export function unrelatedCompletion(server: Served): Contender {
  const firstText = async (prompt: string) => firstTextOf(await complete(server.client, { messages: opening(prompt) }))
  return { name: 'ours', firstText, stop: server.stop }
}

/** One conversation, which each request carries as it happened: its own prompts, and the answers verbatim. */
export function nextCompletion(server: Served): Contender {
  const messages: JsonRecord[] = []
  const firstText = async (prompt: string) => {
    messages.push(...(messages.length === 0 ? opening(prompt, thinkOnce) : [{ role: 'user', content: prompt }]))
    const completion = await complete(server.client, { messages })
    messages.push(completion.message)
    return firstTextOf(completion)
  }
  return { name: 'ours', firstText, stop: server.stop }
}

/** One equivalent session, continued by its id. */
export function nextAlike(name: string, server: Served): Contender {
  let session: JsonRecord | null = null
  const firstText = async (words: string) => {
    const prompt = session === null ? words + thinkOnce : words
    session ??= alike(words)
    const { sessionId, firstTextMs } = await server.client.chat({ prompt, ...session })
    session = { ...session, session_id: sessionId }
    return firstTextMs
  }
  return { name, firstText, stop: server.stop }
}

/** The parts of a round trip: the request for the call to its complete answer, the one with the result to its first text. */
export interface Trip {
  callMs: number
  resultMs: number
}

const weather = { city: 'Rome' }
const callWeather = step({ thinking: 1, tool: 'get_weather', input: weather }) + step({ tokens: 20 })
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Tells the weather.', parameters } }]

/** Round trips of a tool, from sending the first request to the first text of the second's answer. Each is recorded in `trips`. */
export function toolTrips(server: Served, trips: Trip[]): Contender {
  const firstText = async (prompt: string) => {
    const messages = opening(prompt, callWeather)
    const began = performance.now()
    const { message, completeMs: callMs } = await complete(server.client, { messages, tools })
    messages.push(message, { role: 'tool', tool_call_id: callIn(message), content: 'It rains.' })
    const between = performance.now() - began
    const resultMs = firstTextOf(await complete(server.client, { messages, tools }))
    trips.push({ callMs, resultMs })
    return between + resultMs
  }
  return { name: 'ours', firstText, stop: server.stop }
}

/** Counts one request of a contender as two. */
export function twice(contender: Contender): Contender {
  return { ...contender, firstText: async (prompt) => 2 * (await contender.firstText(prompt)) }
}

/** The id of the one call that the answer must be. */
function callIn(message: Completion['message']): string {
  const [call, ...others] = message.tool_calls ?? []
  const isRight = call?.function.arguments === JSON.stringify(weather) && others.length === 0
  if (!isRight) throw new Error(`the answer is not the call: ${JSON.stringify(message)}`)
  return call.id
}

export function firstTextOf({ firstTextMs, message }: Completion): number {
  if (Number.isNaN(firstTextMs)) throw new Error(`the answer has no text: ${JSON.stringify(message)}`)
  return firstTextMs
}
