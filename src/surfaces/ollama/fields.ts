// How each field of a request to Ollama's chat and generate is treated.
import { isReducedImage } from '../../compat/media-blocks.ts'
import { type FieldTable, isEmpty, isFalse, known, type NestedTable } from '../../compat/request-fields.ts'
import { withoutDataPrefix } from './images.ts'

const isOne = (value: unknown) => value === 1
const isZero = (value: unknown) => value === 0
const never = () => false

const shared: FieldTable = {
  model: {
    treatment: 'honored',
    note: 'a name from `GET /api/tags`, a full id, or one from `--model-map`; `:latest` may follow',
  },
  stream: { treatment: 'honored', note: 'on unless it is `false`' },
  format: {
    treatment: 'honored',
    note: 'a JSON Schema is validated before the answer is sent; `json` is an instruction, with one retry if the answer is not streamed',
  },
  think: {
    treatment: 'honored',
    note: '`false` turns thinking off; `true` shows it; a level sets the effort and shows it. If absent, the model may think, and it is not shown',
  },
  options: {
    treatment: 'honored',
    note: '`num_predict` and `stop`, without effect for `agent/…` models; settings of the machine, such as `num_ctx` and `num_gpu`, have no effect; all others, such as `temperature`, have none and are named as `options.temperature`',
  },
  keep_alive: { treatment: 'silent', note: 'the server decides by itself which processes stay' },
  logprobs: {
    treatment: 'refused',
    note: 'cannot be true: the model reports no log probabilities',
    requestsNothing: isFalse,
  },
  top_logprobs: {
    treatment: 'refused',
    note: 'must be 0: the model reports no log probabilities',
    requestsNothing: isZero,
  },
}

export const chatFields: FieldTable = {
  ...shared,
  messages: {
    treatment: 'honored',
    note: 'all roles, each preserved; `images` in base64. Results of calls are found by `tool_call_id`, by `tool_name`, or by their order. Without messages nothing is loaded or unloaded, and the answer says `load` or `unload`',
  },
  tools: { treatment: 'honored', plainOnly: true, note: 'called by the model, run by the client' },
  truncate: { treatment: 'silent' },
  shift: { treatment: 'silent' },
}

export const generateFields: FieldTable = {
  ...shared,
  prompt: {
    treatment: 'honored',
    note: 'without it nothing is loaded or unloaded, and the answer says `load` or `unload`',
  },
  system: { treatment: 'honored' },
  images: { treatment: 'honored', note: 'in base64' },
  suffix: {
    treatment: 'refused',
    note: 'is not supported: Claude does not fill in text; describe in the prompt what is missing',
    requestsNothing: isEmpty,
  },
  template: { treatment: 'ignored' },
  raw: { treatment: 'ignored', requestsNothing: isFalse },
  context: { treatment: 'ignored', note: 'use `/api/chat` for conversations' },
  truncate: { treatment: 'silent' },
  shift: { treatment: 'silent' },
  width: { treatment: 'ignored', requestsNothing: isZero },
  height: { treatment: 'ignored', requestsNothing: isZero },
  steps: { treatment: 'ignored', requestsNothing: isZero },
}

/** How a model of Ollama uses the machine that it runs on: there is nothing to set for one that runs elsewhere. */
const machineOptions = [
  ...['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'num_keep', 'numa', 'low_vram', 'f16_kv'],
  ...['use_mmap', 'use_mlock', 'vocab_only', 'logits_all', 'embedding_only'],
]

export const optionFields: FieldTable = {
  num_predict: {
    treatment: 'honored',
    plainOnly: true,
    requestsNothing: (value) => typeof value === 'number' && value <= 0,
  },
  stop: { treatment: 'honored', plainOnly: true },
  ...Object.fromEntries(machineOptions.map((name) => [name, { treatment: 'silent' }])),
  temperature: { treatment: 'ignored', requestsNothing: isOne },
  top_p: { treatment: 'ignored', requestsNothing: isOne },
  seed: { treatment: 'ignored', requestsNothing: never },
  presence_penalty: { treatment: 'ignored', requestsNothing: isZero },
  frequency_penalty: { treatment: 'ignored', requestsNothing: isZero },
}

const isUnchangedImage = (value: unknown) => typeof value !== 'string' || !isReducedImage(withoutDataPrefix(value))

/** The CLI makes large pictures of messages smaller; those in the results of calls stay as they are. */
const images: FieldTable = {
  images: { treatment: 'ignored', requestsNothing: (value) => !Array.isArray(value) || value.every(isUnchangedImage) },
}

const isOf = (role: string) => (message: { role?: unknown }) => message.role === role
/** Thinking comes back without its signature, and the model's API would not accept it. */
const withoutThinking: FieldTable = { thinking: { treatment: 'ignored' } }

export const chatNestedFields: readonly NestedTable[] = [
  { path: 'messages[]', applies: isOf('system'), fields: known('role', 'content') },
  { path: 'messages[]', applies: isOf('user'), fields: { ...known('role', 'content'), ...images } },
  {
    path: 'messages[]',
    applies: isOf('assistant'),
    fields: { ...known('role', 'content', 'tool_calls'), ...withoutThinking },
  },
  {
    path: 'messages[]',
    applies: isOf('tool'),
    fields: known('role', 'content', 'images', 'tool_call_id', 'tool_name', 'name'),
  },
  { path: 'messages[].tool_calls[]', fields: known('id', 'type', 'function') },
  { path: 'messages[].tool_calls[].function', fields: known('index', 'name', 'arguments') },
  { path: 'tools[]', fields: known('type', 'function') },
  { path: 'tools[].function', fields: known('type', 'name', 'description', 'parameters') },
]
