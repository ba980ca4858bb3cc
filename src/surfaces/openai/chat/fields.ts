// How each field of a chat completions request is treated.
import { type FieldTable, isEmpty, isFalse, known, type NestedTable } from '../../../compat/request-fields.ts'
import {
  argumentsField,
  definitionFields,
  imageFields,
  messageImageFields,
  messagePartFields,
  partFields,
} from '../shared/nested-fields.ts'

const isOne = (value: unknown) => value === 1
const isZero = (value: unknown) => value === 0
/** Some programs send -1 for no limit. */
const isNoLimit = (value: unknown) => typeof value === 'number' && value <= 0
const isText = (value: unknown) => Array.isArray(value) && value.every((kind) => kind === 'text')

export const chatFields: FieldTable = {
  model: { treatment: 'honored', note: 'a name from `GET /v1/models`, a full id, or one from `--model-map`' },
  messages: {
    treatment: 'honored',
    note: 'all roles, each preserved; strings and arrays of parts; `image_url` and `file` as data: URLs. A system message after the start of the conversation stays where it is, as marked user text; the model answers system messages alone',
  },
  stream: { treatment: 'honored' },
  stream_options: { treatment: 'honored', note: '`include_usage`; the rest has no effect' },
  tools: {
    treatment: 'honored',
    plainOnly: true,
    note: 'called by the model, run by the client; `custom` tools take one text, and their grammars are ignored; other types are left out and named in the header',
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honored; `required`, a name and `allowed_tools` restrict the tools offered and instruct the model, which is prompted once more if it calls nothing; if it still does not, `tool_choice` is named in the header',
  },
  parallel_tool_calls: { treatment: 'emulated', note: 'with `false`, only the first call is returned' },
  functions: { treatment: 'emulated', plainOnly: true, note: 'the same as `tools`' },
  function_call: { treatment: 'emulated', note: 'the same as `tool_choice`' },
  response_format: {
    treatment: 'honored',
    note: '`json_schema` is validated before the answer is sent; `json_object` is an instruction, with one retry if the answer is not streamed',
  },
  stop: {
    treatment: 'emulated',
    plainOnly: true,
    note: 'any number of sequences; the answer is cut at the first match and the model is interrupted',
  },
  max_tokens: {
    treatment: 'honored',
    plainOnly: true,
    note: 'zero or less means no limit',
    requestsNothing: isNoLimit,
  },
  max_completion_tokens: {
    treatment: 'honored',
    plainOnly: true,
    note: 'the same as `max_tokens`',
    requestsNothing: isNoLimit,
  },
  reasoning_effort: { treatment: 'honored', note: '`none` turns thinking off, `minimal` is treated as `low`' },
  reasoning: {
    treatment: 'emulated',
    note: '`effort` is treated as `reasoning_effort`; `exclude` hides the reasoning',
  },
  thinking: { treatment: 'emulated', note: '`{"type": "disabled"}` turns it off, any other value shows it' },
  include_reasoning: { treatment: 'honored', note: 'whether `reasoning_content` is sent' },
  metadata: { treatment: 'emulated', note: 'returned with the answer; at most 16 entries' },
  n: { treatment: 'refused', note: 'must be 1: this server returns one answer', requestsNothing: isOne },
  logprobs: {
    treatment: 'refused',
    note: 'cannot be true: the model reports no log probabilities',
    requestsNothing: isFalse,
  },
  top_logprobs: {
    treatment: 'refused',
    note: 'must be 0: the model reports no log probabilities',
    requestsNothing: isNoLimit,
  },
  modalities: { treatment: 'refused', note: 'must be ["text"]', requestsNothing: isText },
  audio: { treatment: 'refused', note: 'is not supported: the model only writes text' },
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
  service_tier: { treatment: 'silent', note: 'the answer reports `default`' },
  prediction: { treatment: 'silent' },
  prompt_cache_key: { treatment: 'silent' },
  prompt_cache_options: { treatment: 'silent' },
  prompt_cache_retention: { treatment: 'silent' },
  cache_control: { treatment: 'silent' },
  client_metadata: { treatment: 'silent' },
  session_id: { treatment: 'silent' },
}

/** The roles of messages with the result of a call. */
const isResult = ({ role }: { role?: unknown }) => role === 'tool' || role === 'function'
const isOfMessage = (entry: { role?: unknown }) => !isResult(entry)

const messageFields: FieldTable = {
  ...known('role', 'content', 'refusal', 'tool_calls', 'function_call', 'tool_call_id', 'cache_control'),
  annotations: { treatment: 'ignored' },
  // The results of calls are found by their ids, or by the name of a function.
  name: { treatment: 'ignored', requestsNothing: (_name, owner) => isResult(owner) },
}

export const chatNestedFields: readonly NestedTable[] = [
  { path: 'messages[]', fields: messageFields },
  { path: 'messages[].content[]', fields: messagePartFields, within: isOfMessage },
  { path: 'messages[].content[]', fields: partFields, within: isResult },
  { path: 'messages[].content[].image_url', fields: messageImageFields, within: isOfMessage },
  { path: 'messages[].content[].image_url', fields: imageFields, within: isResult },
  { path: 'messages[].tool_calls[]', fields: known('id', 'type', 'index', 'function', 'custom') },
  { path: 'messages[].tool_calls[].function', fields: { ...known('name'), ...argumentsField } },
  { path: 'messages[].function_call', fields: { ...known('name'), ...argumentsField } },
  { path: 'tools[]', fields: known('type', 'function', 'custom', 'cache_control') },
  { path: 'tools[].function', fields: definitionFields },
  { path: 'tools[].custom', fields: definitionFields },
  { path: 'functions[]', fields: definitionFields },
  { path: 'reasoning', fields: known('effort', 'exclude', 'enabled') },
]
