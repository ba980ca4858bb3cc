// Helpers for the cases of the OpenAI suite: messages, tools, and reading streams and failures.
import assert from 'node:assert/strict'
import type { OpenAI } from 'openai'
import type { zodResponseFormat } from 'openai/helpers/zod'
import type { TestServer } from '../helpers/test-server.ts'

/** The parts of the client's package that the suite needs; the types are those of the newest version. */
export type OpenaiPackage = { OpenAI: typeof OpenAI; zodResponseFormat: typeof zodResponseFormat }

/** What the cases of the suite share. */
export type Subject = OpenaiPackage & {
  server: TestServer
  client: OpenAI
  /** A former major version, for which only those cases run in which the versions could differ. */
  isFormer: boolean
  makeClient: (target: { url: string }) => OpenAI
}

export type Message = OpenAI.ChatCompletionMessageParam
export type Chunk = OpenAI.ChatCompletionChunk
export type Completion = OpenAI.ChatCompletion
export type FunctionCall = OpenAI.ChatCompletionMessageFunctionToolCall
export type FunctionTool = OpenAI.ChatCompletionFunctionTool

export const model = 'sonnet'

export const fromUser = (content: string): Message => ({ role: 'user', content })

export const resultFor = (call: FunctionCall, content: string): Message => ({
  role: 'tool',
  tool_call_id: call.id,
  content,
})

export function makeTool(name: string, properties: Record<string, { type: string }> = {}): FunctionTool {
  const parameters = { type: 'object', properties, required: Object.keys(properties) }
  return { type: 'function', function: { name, description: `What ${name} does.`, parameters } }
}

export const weatherTool = makeTool('get_weather', { city: { type: 'string' } })

export function choiceOf(completion: Completion): Completion['choices'][number] {
  assert.equal(completion.choices.length, 1)
  const [choice] = completion.choices
  assert.ok(choice)
  return choice
}

export const contentOf = (completion: Completion) => choiceOf(completion).message.content

/** The calls that an answer ends with. */
export function callsOf(completion: Completion): FunctionCall[] {
  const { message, finish_reason } = choiceOf(completion)
  assert.equal(finish_reason, 'tool_calls')
  return (message.tool_calls ?? []).map((call) => {
    assert.ok(call.type === 'function')
    return call
  })
}

/** The one call that an answer ends with. */
export function callOf(completion: Completion): FunctionCall {
  const calls = callsOf(completion)
  assert.equal(calls.length, 1)
  const [call] = calls
  assert.ok(call)
  return call
}

/** An answer as the message that the next request sends back, as every client does. */
export const asMessage = (completion: Completion): Message => choiceOf(completion).message

export async function readAll(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

export const textOfChunks = (chunks: readonly Chunk[]) =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')

export const finishOf = (chunks: readonly Chunk[]) =>
  chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.finish_reason ?? []))

/** The error that a request ends with, which must be an instance of the client's own class for it. */
export async function failureOf<T extends Error>(
  answer: Promise<unknown>,
  ErrorClass: abstract new (...fields: never[]) => T,
): Promise<T> {
  const failure = await answer.then(
    (value) => new assert.AssertionError({ message: `no error but ${JSON.stringify(value)}` }),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ErrorClass, String(failure))
  return failure
}
