// Every field of a request to the Responses API, and what becomes of it.
import { type FieldTable, isEmpty } from '../../../compat/request-fields.ts'

const isZero = (value: unknown) => value === 0
const isOne = (value: unknown) => value === 1

export const responseFields: FieldTable = {
  model: { treatment: 'honoured', note: 'a name from `GET /v1/models`, a full id, or one that `--model-map` gives' },
  input: {
    treatment: 'honoured',
    note: 'a string or items: messages of all roles, function and custom calls with their outputs, reasoning, references to items of stored responses; pictures and files as data: URLs. Items of other types are left out and named in the header',
  },
  instructions: { treatment: 'honoured', note: 'not carried over by `previous_response_id`' },
  previous_response_id: {
    treatment: 'emulated',
    note: 'the conversation so far comes from the store; a response that is not there any more is a 400 `previous_response_not_found`',
  },
  store: {
    treatment: 'emulated',
    note: 'as with OpenAI, true unless it is false: what was asked is kept with the run, as long as the run is',
  },
  background: { treatment: 'honoured', note: 'needs `store`; poll it, stream it again, cancel it' },
  stream: { treatment: 'honoured' },
  stream_options: { treatment: 'silent' },
  tools: {
    treatment: 'honoured',
    plainOnly: true,
    note: "the client's own functions and custom tools, also in namespaces; a custom tool's grammar is ignored; tools that OpenAI runs are left out and named in the header",
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honoured; `required`, a name and `allowed_tools` narrow the offer and instruct the model, which is asked once more if it calls nothing',
  },
  parallel_tool_calls: { treatment: 'emulated', note: 'with `false` the first call is returned' },
  text: {
    treatment: 'honoured',
    note: '`format`: `json_schema` is validated before the answer is sent, `json_object` is an instruction; `verbosity` is without effect',
  },
  reasoning: {
    treatment: 'honoured',
    note: '`effort`: `none` switches thinking off, `minimal` is `low`; with `summary` the thinking is shown',
  },
  include: {
    treatment: 'emulated',
    note: '`reasoning.encrypted_content` carries the thinking, so that it can be given back; the rest is without effect',
  },
  max_output_tokens: { treatment: 'honoured', plainOnly: true, note: 'the response is `incomplete` there' },
  metadata: { treatment: 'emulated', note: 'given back with the response; at most 16 entries' },
  conversation: {
    treatment: 'refused',
    note: 'cannot be used: go on with previous_response_id',
    requestsNothing: isEmpty,
  },
  prompt: {
    treatment: 'refused',
    note: 'cannot be used: this server keeps no prompt templates',
    requestsNothing: isEmpty,
  },
  max_tool_calls: { treatment: 'ignored', requestsNothing: () => false },
  temperature: { treatment: 'ignored', requestsNothing: isOne },
  top_p: { treatment: 'ignored', requestsNothing: isOne },
  top_logprobs: { treatment: 'ignored', requestsNothing: isZero },
  truncation: { treatment: 'ignored', requestsNothing: (value) => value === 'disabled' },
  context_management: { treatment: 'ignored', requestsNothing: isEmpty },
  moderation: { treatment: 'ignored', requestsNothing: () => false },
  user: { treatment: 'silent' },
  safety_identifier: { treatment: 'silent' },
  service_tier: { treatment: 'silent', note: 'the answer says `default`' },
  prompt_cache_key: { treatment: 'silent' },
  prompt_cache_options: { treatment: 'silent' },
  prompt_cache_retention: { treatment: 'silent' },
  client_metadata: { treatment: 'silent' },
  access_programs: { treatment: 'silent' },
}
