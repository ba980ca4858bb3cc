// How each field of a request to the Responses API is treated.
import { type FieldTable, isDirect, isEmpty, known, type NestedTable } from '../../../compat/request-fields.ts'
import { argumentsField, definitionFields, messagePartFields, partFields } from '../shared/nested-fields.ts'
import { compactionTypes } from './compaction.ts'

const isZero = (value: unknown) => value === 0
const isOne = (value: unknown) => value === 1

export const responseFields: FieldTable = {
  model: { treatment: 'honored', note: 'a name from `GET /v1/models`, a full id, or one from `--model-map`' },
  input: {
    treatment: 'honored',
    note: 'a string or items: messages of all roles, function and custom calls with their outputs, `additional_tools`, searches by the client (`tool_search_call`, `tool_search_output`), reasoning, references to items of stored responses, a `compaction_trigger` at the end (the answer is one `compaction` item: a summary that only this server can read), and such summaries (`compaction`, `compaction_summary`, `context_compaction`); images and files as data: URLs. Items of other types are left out and named in the header',
  },
  instructions: { treatment: 'honored', note: 'not carried over by `previous_response_id`' },
  previous_response_id: {
    treatment: 'emulated',
    note: 'the conversation so far comes from the store; if a response no longer exists, the answer is 400 `previous_response_not_found`',
  },
  store: {
    treatment: 'emulated',
    note: 'on unless it is `false`, as with OpenAI: the request is stored for as long as its run is',
  },
  background: {
    treatment: 'honored',
    note: 'requires `store`; the response can be polled, streamed again and cancelled',
  },
  stream: { treatment: 'honored' },
  stream_options: { treatment: 'silent' },
  tools: {
    treatment: 'honored',
    plainOnly: true,
    note: "the client's own functions and custom tools, also in namespaces and in items of the conversation, and a `tool_search` that the client carries out; deferred tools are offered from the start; a custom tool's grammar and `strict` are ignored and named in the header; tools that OpenAI would run are left out and named in the header",
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honored; `required`, a name and `allowed_tools` restrict the tools offered and instruct the model, which is prompted once more if it calls nothing',
  },
  parallel_tool_calls: { treatment: 'emulated', note: 'with `false`, only the first call is returned' },
  text: {
    treatment: 'honored',
    note: '`format`: `json_schema` is validated before the answer is sent, `json_object` is an instruction; `verbosity` has no effect',
  },
  reasoning: {
    treatment: 'honored',
    note: '`effort`: `none` turns thinking off, `minimal` is treated as `low`; `summary` shows the thinking',
  },
  include: {
    treatment: 'emulated',
    note: '`reasoning.encrypted_content` carries the thinking, so that it can be sent back; the rest has no effect',
  },
  max_output_tokens: { treatment: 'honored', plainOnly: true, note: 'a response that reaches it is `incomplete`' },
  metadata: { treatment: 'emulated', note: 'returned with the response; at most 16 entries' },
  conversation: {
    treatment: 'honored',
    note: 'an id, or an object with it: the items of the conversation come before the input; once the response has succeeded, input and output are added to them. One response at a time: another one in the same conversation is refused with 400 `conversation_locked`. Not together with `previous_response_id`',
  },
  prompt: {
    treatment: 'refused',
    note: 'is not supported: this server stores no prompt templates',
    requestsNothing: isEmpty,
  },
  max_tool_calls: { treatment: 'ignored', requestsNothing: () => false },
  temperature: { treatment: 'ignored', requestsNothing: isOne },
  top_p: { treatment: 'ignored', requestsNothing: isOne },
  top_logprobs: { treatment: 'ignored', requestsNothing: isZero },
  truncation: { treatment: 'ignored', requestsNothing: (value) => value === 'disabled' },
  context_management: {
    treatment: 'ignored',
    requestsNothing: isEmpty,
    note: 'end the input with a `compaction_trigger`, or use `POST /v1/responses/compact`',
  },
  moderation: { treatment: 'ignored', requestsNothing: () => false },
  user: { treatment: 'silent' },
  safety_identifier: { treatment: 'silent' },
  service_tier: { treatment: 'silent', note: 'the answer reports `default`' },
  prompt_cache_key: { treatment: 'silent' },
  prompt_cache_options: { treatment: 'silent' },
  prompt_cache_retention: { treatment: 'silent' },
  client_metadata: { treatment: 'silent' },
  access_programs: { treatment: 'silent' },
}

/** The types of items that are read; the others are reported as a whole. A message may omit its type. */
const messageTypes: readonly unknown[] = [undefined, null, 'message']
const readTypes: readonly unknown[] = [
  ...messageTypes,
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'reasoning',
  ...compactionTypes,
]
const toolTypes: readonly unknown[] = ['function', 'custom']

export const responseNestedFields: readonly NestedTable[] = [
  {
    path: 'input[]',
    fields: {
      // The server gives items ids and states of its own, and passes thinking on by its encrypted form.
      ...known('type', 'role', 'content', 'id', 'status', 'summary', 'encrypted_content'),
      ...known('call_id', 'name', 'namespace', 'input', 'output'),
      ...argumentsField,
    },
    applies: ({ type }) => readTypes.includes(type),
  },
  { path: 'input[].content[]', fields: messagePartFields, within: ({ type }) => messageTypes.includes(type) },
  { path: 'input[].output[]', fields: partFields },
  {
    path: 'tools[]',
    fields: { ...definitionFields, allowed_callers: { treatment: 'ignored', requestsNothing: isDirect } },
    applies: ({ type }) => toolTypes.includes(type),
  },
  { path: 'reasoning', fields: known('effort', 'summary', 'generate_summary') },
  { path: 'text.format', fields: known('type', 'name', 'schema', 'description', 'strict') },
]
