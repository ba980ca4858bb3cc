// Schemas of what Ollama's routes return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../core/schema.ts'

const madeCall = z.strictObject({
  id: z.string(),
  function: z.strictObject({ index: z.int(), name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
})
export type MadeCall = z.output<typeof madeCall>

const message = z.strictObject({
  role: z.literal('assistant'),
  content: z.string(),
  thinking: z.string().optional().describe("The model's thinking, if it was requested."),
  tool_calls: z.array(madeCall).optional().describe('Whole, with arguments as objects, also in a stream.'),
})

const head = {
  model: z.string().describe('The name of the model, as it was requested.'),
  created_at: z.string(),
}

const reasons = z.enum(['stop', 'length', 'load', 'unload'])
export type DoneReason = 'stop' | 'length' | 'load' | 'unload'

/** In the answer, or in the last line of a stream. */
const end = {
  done: z.boolean().describe('False in all lines of a stream but the last.'),
  done_reason: reasons.optional(),
  total_duration: z.int().optional().describe('Nanoseconds, like all durations.'),
  load_duration: z.int().optional().describe('How long the run waited for a process.'),
  prompt_eval_count: z.int().optional().describe('Tokens of the request, cached ones included.'),
  prompt_eval_duration: z.int().optional().describe('Always 0: `eval_duration` includes it.'),
  eval_count: z.int().optional().describe('Tokens of the answer, thinking included.'),
  eval_duration: z.int().optional(),
}

export const ChatReply = strict('OllamaChatReply', 'The answer, or one line of it, as Ollama returns it.', {
  ...head,
  message,
  ...end,
})
export type ChatReply = z.output<typeof ChatReply>

export const GenerateReply = strict('OllamaGenerateReply', 'The answer, or one line of it, as Ollama returns it.', {
  ...head,
  response: z.string(),
  thinking: z.string().optional().describe("The model's thinking, if it was requested."),
  ...end,
})
export type GenerateReply = z.output<typeof GenerateReply>

const details = z.strictObject({
  parent_model: z.literal(''),
  format: z.literal(''),
  family: z.literal('claude'),
  families: z.tuple([z.literal('claude')]),
  parameter_size: z.literal(''),
  quantization_level: z.literal(''),
})
export type Details = z.output<typeof details>

const listed = z.strictObject({
  name: z.string().describe('`sonnet:latest` is the plain model, `agent/sonnet:latest` is Claude Code with it.'),
  model: z.string(),
  modified_at: z.string().describe('Always the same: unknown.'),
  size: z.literal(0).describe('Models are not on this machine.'),
  digest: z.string().describe('Of the name.'),
  details,
})
export type ListedModel = z.output<typeof listed>

export const ModelList = strict('OllamaModelList', 'All names that requests may use.', { models: z.array(listed) })
export type ModelList = z.output<typeof ModelList>

export const LoadedList = strict('OllamaLoadedList', 'No model is loaded on this machine.', { models: z.tuple([]) })

export const ShownModel = strict('OllamaShownModel', 'What a model can do.', {
  license: z.string(),
  modelfile: z.string(),
  parameters: z.literal(''),
  template: z.string(),
  system: z.literal(''),
  details,
  model_info: z.record(z.string(), z.union([z.string(), z.int()])),
  capabilities: z.array(z.enum(['completion', 'tools', 'vision', 'thinking'])),
  modified_at: z.string(),
})
export type ShownModel = z.output<typeof ShownModel>

export const Version = strict('OllamaVersion', 'The version of Ollama whose API this is.', { version: z.string() })

/** The body of every error response, and the last line of a stream that failed. */
export const ErrorBody = strict('OllamaError', "Every error answer of the Ollama surface, in Ollama's format.", {
  error: z.string(),
})
export type ErrorBody = z.output<typeof ErrorBody>
