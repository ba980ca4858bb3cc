// Every field of a chat completions request, and what becomes of it.
import { type FieldTable, isEmpty } from '../../../compat/request-fields.ts'

const isOne = (value: unknown) => value === 1
const isZero = (value: unknown) => value === 0
const isFalse = (value: unknown) => value === false
/** Some programs write -1 for no limit. */
const isNoLimit = (value: unknown) => typeof value === 'number' && value <= 0
const isText = (value: unknown) => Array.isArray(value) && value.every((kind) => kind === 'text')

export const chatFields: FieldTable = {
  model: { treatment: 'honoured', note: 'a name from `GET /v1/models`, a full id, or one that `--model-map` gives' },
  messages: {
    treatment: 'honoured',
    note: 'all roles, each kept; strings and arrays of parts; `image_url` and `file` as data: URLs. A system message after the first words stays in its place, as marked text of the user',
  },
  stream: { treatment: 'honoured' },
  stream_options: { treatment: 'honoured', note: '`include_usage`; the rest is without effect' },
  tools: {
    treatment: 'honoured',
    plainOnly: true,
    note: "the model's own tools, run by the client; `custom` ones take one text, their grammars are ignored; other types are left out and named in the header",
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honoured; `required`, a name and `allowed_tools` narrow the offer and instruct the model, which is asked once more if it calls nothing; if it still does not, `tool_choice` is named in the header',
  },
  parallel_tool_calls: { treatment: 'emulated', note: 'with `false` the first call is returned' },
  functions: { treatment: 'emulated', plainOnly: true, note: 'as tools' },
  function_call: { treatment: 'emulated', note: 'as `tool_choice`' },
  response_format: {
    treatment: 'honoured',
    note: '`json_schema` is validated before the answer is sent; `json_object` is an instruction, with one more try where the answer is not streamed',
  },
  stop: {
    treatment: 'emulated',
    plainOnly: true,
    note: 'the answer is cut there and the model is interrupted; any number',
  },
  max_tokens: {
    treatment: 'honoured',
    plainOnly: true,
    note: 'zero and less mean no limit',
    requestsNothing: isNoLimit,
  },
  max_completion_tokens: {
    treatment: 'honoured',
    plainOnly: true,
    note: 'as `max_tokens`',
    requestsNothing: isNoLimit,
  },
  reasoning_effort: { treatment: 'honoured', note: '`none` switches thinking off, `minimal` is `low`' },
  reasoning: { treatment: 'emulated', note: '`effort` as `reasoning_effort`; `exclude` hides the reasoning' },
  thinking: { treatment: 'emulated', note: '`{"type": "disabled"}` switches it off, any other shows it' },
  include_reasoning: { treatment: 'honoured', note: 'whether `reasoning_content` is sent' },
  metadata: { treatment: 'emulated', note: 'given back with the answer; at most 16 entries' },
  n: { treatment: 'refused', note: 'must be 1: this server gives one answer', requestsNothing: isOne },
  logprobs: { treatment: 'refused', note: 'cannot be true: the model tells none', requestsNothing: isFalse },
  top_logprobs: { treatment: 'refused', note: 'must be 0: the model tells none', requestsNothing: isNoLimit },
  modalities: { treatment: 'refused', note: 'can only be ["text"]', requestsNothing: isText },
  audio: { treatment: 'refused', note: 'cannot be used: the model writes text' },
  temperature: { treatment: 'ignored', requestsNothing: isOne },
  top_p: { treatment: 'ignored', requestsNothing: isOne },
  presence_penalty: { treatment: 'ignored', requestsNothing: isZero },
  frequency_penalty: { treatment: 'ignored', requestsNothing: isZero },
  logit_bias: { treatment: 'ignored', requestsNothing: isEmpty },
  seed: { treatment: 'ignored', requestsNothing: () => false },
  verbosity: { treatment: 'ignored', requestsNothing: (value) => value === 'medium' },
  web_search_options: { treatment: 'ignored', requestsNothing: () => false },
  moderation: { treatment: 'ignored', requestsNothing: () => false },
  user: { treatment: 'silent' },
  safety_identifier: { treatment: 'silent' },
  store: { treatment: 'silent' },
  service_tier: { treatment: 'silent', note: 'the answer says `default`' },
  prediction: { treatment: 'silent' },
  prompt_cache_key: { treatment: 'silent' },
  prompt_cache_options: { treatment: 'silent' },
  prompt_cache_retention: { treatment: 'silent' },
  cache_control: { treatment: 'silent' },
  client_metadata: { treatment: 'silent' },
  session_id: { treatment: 'silent' },
}
