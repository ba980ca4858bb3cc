// What the scripted model does in answer to a fuzzed conversation, as directives in its last prompt, and whether its answer is one that
// the request cannot be answered with. Not for what the server makes of it.
import { fitSchema } from '../../src/demo/fit-schema.ts'
import { compileSchema } from '../../src/platform/json-schema.ts'
import { step } from '../helpers/test-server.ts'
import type { Schema } from './fuzz-schemas.ts'
import type { Conversation, Tool } from './fuzz-turns.ts'

type Step = Record<string, unknown>

const words = 'Fine.'

/** A value for the schema, which fits unless the schema is contradictory; or one that rarely fits. */
function valueFor(schema: Schema, fits: boolean): unknown {
  if (!fits) return { other: [null] }
  try {
    return fitSchema(schema)
  } catch {
    return {}
  }
}

const isRecord = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function inputFor({ kind, schema }: Tool, fits: boolean): unknown {
  const value = kind === 'function' ? valueFor(schema, fits) : { input: 'x', command: 'view', path: '/a' }
  return isRecord(value) ? value : {}
}

/** A call whose input ends in the middle. */
function brokenCall(name: string): string {
  const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [] }
  return [
    event('message_start', {
      message: { ...message, stop_reason: null, usage: { input_tokens: 5, output_tokens: 1 } },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'tool_use', id: 'toolu_1', name, input: {} } }),
    event('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{"path": "C:\\d' } }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } }),
    event('message_stop', {}),
  ].join('')
}

function stepOf({ tools, model: { does, fits }, answerSchema }: Conversation): Step {
  const [first, second] = tools
  const answer = answerSchema === null ? null : valueFor(answerSchema, fits)
  switch (does) {
    case 'says-nothing':
      return { text: '' }
    case 'refuses':
      return { text: words, tokens: 2, stop_reason: 'refusal' }
    case 'is-refused':
      return { status: 400, message: 'messages: scripted refusal' }
    case 'stops':
      return first === undefined || fits
        ? { text: words, tokens: 2, stop_reason: 'max_tokens' }
        : { tool: first.name, input: inputFor(first, true), stop_reason: 'max_tokens' }
    case 'says-json':
      return { text: answerSchema === null ? '{"a":1}' : JSON.stringify(answer), tokens: 2 }
    case 'thinks':
      if (answerSchema === null) return { text: words, tokens: 2, thinking: 2 }
  }
  if (answerSchema !== null && does !== 'calls-twice') return { tool: 'StructuredOutput', input: answer }
  if (does === 'text' || first === undefined) return { text: words, tokens: 2 }
  if (does === 'breaks') return { raw: brokenCall(first.name) }
  const calls = [first, ...(does === 'calls-twice' ? [second ?? first] : [])]
  return {
    ...(does === 'calls-twice' ? { text: words } : {}),
    tokens: 2,
    // Some surfaces have a name of their own for the last kind; the model calls what it is offered.
    tools: calls.flatMap((tool) =>
      [tool.name, ...(tool.kind === 'builtin' ? ['bash'] : [])].map((name) => ({ name, input: inputFor(tool, fits) })),
    ),
    ...(fits ? {} : { force_tool: true }),
  }
}

/** The prompt of the conversation, with what the model is to do; null if there is no prompt. */
export function promptFor(conversation: Conversation): string | null {
  const { prompt, model } = conversation
  if (prompt === null) return null
  const first = stepOf(conversation)
  // An agent is asked again, and a model that repeats its mistake would never come to an end.
  const steps = model.does === 'breaks' ? [first, { text: words, tokens: 2 }] : [first]
  const directives = steps.map(step).join(' ')
  // The scripted model passes over what starts like a note of the CLI.
  return /^\s*[[<]/.test(prompt) ? `${directives} ${prompt}` : `${prompt} ${directives}`
}

/** What the answer may be besides a good one. */
export type Expected = {
  /** The model's answer is not one that the request can be answered with. */
  mayFail: boolean
  /** The model or its API refuses the request, and names no field. */
  isRefused: boolean
}

export async function expectedOf(conversation: Conversation): Promise<Expected> {
  const { answerSchema, wantsJson, model, prompt } = conversation
  const isRefused = (model.does === 'is-refused' || model.does === 'refuses') && prompt !== null
  const breaks = model.does === 'breaks' && prompt !== null
  if (answerSchema !== null)
    return {
      isRefused,
      mayFail: breaks || prompt === null || model.does === 'calls-twice' || !(await fitsAnswer(conversation)),
    }
  return { isRefused, mayFail: breaks || (wantsJson && (model.does !== 'says-json' || prompt === null)) }
}

/** Whether the model's answer is the value that the request wants. */
async function fitsAnswer({ answerSchema, model: { does, fits } }: Conversation): Promise<boolean> {
  if (answerSchema === null || ['says-nothing', 'stops', 'refuses', 'is-refused'].includes(does)) return false
  try {
    const check = await compileSchema(answerSchema)
    return check(valueFor(answerSchema, fits)) === null
  } catch {
    // The server refuses the schema.
    return true
  }
}
