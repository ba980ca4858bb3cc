// Lists every field of a messages request and how the server treats it. docs/compatibility.md is generated from it.
import { isReducedImage } from '../../compat/media-blocks.ts'
import {
  type Field,
  type FieldTable,
  isDirect,
  isEmpty,
  isFalse,
  known,
  type NestedTable,
} from '../../compat/request-fields.ts'
import { isObject } from '../../platform/json.ts'
import { isClientToolType } from './builtin-tools.ts'
import { isPassedAsJson } from './schemas.ts'

const isOne = (value: unknown) => value === 1

/** The CLI caches every conversation, its system prompt and its tools, for five minutes. */
const cacheControl: Field = {
  treatment: 'ignored',
  requestsNothing: (value) => isObject(value) && value.ttl !== '1h',
  note: 'also on blocks and tools; the CLI caches what such a mark asks for, for five minutes: `"ttl": "1h"` is ignored',
}

export const messagesFields: FieldTable = {
  model: { treatment: 'honored', note: 'a name from `GET /v1/models`, a full id, or a name from `--model-map`' },
  messages: {
    treatment: 'honored',
    note: 'roles user, assistant and system; text, images and documents (base64, text, content), tool calls and results, thinking with its signature. A system message in the middle keeps its position, as marked user text; search results become text; blocks of server tools become text and are named in the header; URL and file sources are refused, and so is an assistant prefill',
  },
  system: { treatment: 'honored', note: 'a string or text blocks' },
  max_tokens: { treatment: 'honored', plainOnly: true, note: 'required', requestsNothing: () => true },
  stream: { treatment: 'honored' },
  tools: {
    treatment: 'honored',
    plainOnly: true,
    note: "the model's own tools, run by the client; `bash_…`, `text_editor_…` and `memory_…` too. Web search, web fetch, code execution and tool search are left out and named in the header; computer and browser are refused. `defer_loading` keeps a tool from the model until a `tool_reference` in a result names it, or a call does; beside a tool search of Anthropic's servers it is ignored. `strict`, `input_examples` and the like have no effect and are named in the header",
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honored; `any` and `tool` limit the tools offered and instruct the model, which gets a second try if it calls nothing; if it still calls nothing, `tool_choice` is named in the header. With `disable_parallel_tool_use` the first call is returned',
  },
  thinking: {
    treatment: 'honored',
    plainOnly: true,
    requestsNothing: (value) => (value as { type?: unknown }).type === 'disabled',
    note: 'no thinking if absent or `disabled`; `between_tools` is the same as `adaptive`; `budget_tokens` applies to models that take a budget',
  },
  output_config: { treatment: 'honored', note: '`effort`; `format` is validated before the answer is sent' },
  output_format: { treatment: 'honored', note: 'the same as `output_config.format`' },
  stop_sequences: {
    treatment: 'emulated',
    plainOnly: true,
    note: 'the answer is cut there and the model is interrupted; any number of sequences',
  },
  temperature: {
    treatment: 'ignored',
    requestsNothing: isOne,
    note: 'refused with `anthropic-version: 2026-10-21`, as by the API',
  },
  top_p: { treatment: 'ignored', requestsNothing: isOne, note: 'the same as `temperature`' },
  top_k: { treatment: 'ignored', requestsNothing: () => false, note: 'the same as `temperature`' },
  thread: { treatment: 'refused', note: 'the SDK then sends the whole conversation' },
  mcp_servers: { treatment: 'ignored' },
  compaction: { treatment: 'ignored', requestsNothing: isEmpty },
  fallbacks: { treatment: 'ignored', requestsNothing: isEmpty },
  fallback_credit_token: { treatment: 'silent' },
  billing_policy: { treatment: 'silent' },
  container: { treatment: 'ignored' },
  context_management: { treatment: 'ignored', requestsNothing: isEmpty },
  metadata: { treatment: 'silent' },
  service_tier: { treatment: 'silent', note: 'the answer says `standard`' },
  speed: { treatment: 'silent' },
  inference_geo: { treatment: 'silent' },
  cache_control: cacheControl,
  diagnostics: { treatment: 'silent' },
  user_profile_id: { treatment: 'silent' },
  workspace_id: { treatment: 'silent' },
  betas: { treatment: 'silent', note: 'the same for any value of the `anthropic-beta` header' },
}

/** Citations that a model has made, or the setting of a document. */
const isWithoutCitations = (value: unknown) => isEmpty(value) || (value as { enabled?: unknown }).enabled === false

const textFields: FieldTable = {
  ...known('type', 'text'),
  cache_control: cacheControl,
  citations: { treatment: 'ignored', requestsNothing: isWithoutCitations },
}
const blockFields: FieldTable = {
  ...textFields,
  ...known('source', 'title', 'context', 'content', 'id', 'name', 'input', 'tool_use_id', 'is_error', 'caller'),
  ...known('thinking', 'signature', 'data'),
}
const sourceFields = known('type', 'media_type', 'data', 'content')
/** The CLI makes large pictures of messages smaller; those in tool results stay as they are. */
const pictureFields: FieldTable = {
  ...sourceFields,
  data: { treatment: 'ignored', requestsNothing: (value) => typeof value !== 'string' || !isReducedImage(value) },
}

/** Blocks of server tools are passed on as JSON, with all of their fields. */
const isRead = ({ type }: { type?: unknown }) => !isPassedAsJson(type)

export const messagesNestedFields: readonly NestedTable[] = [
  { path: 'messages[]', fields: known('role', 'content') },
  { path: 'messages[].content[]', fields: blockFields, applies: isRead },
  {
    path: 'messages[].content[].source',
    fields: pictureFields,
    applies: ({ media_type: type }) => typeof type !== 'string' || !/pdf|text/.test(type),
  },
  { path: 'messages[].content[].content[]', fields: blockFields, applies: isRead },
  { path: 'system[]', fields: textFields },
  {
    path: 'tools[]',
    fields: {
      ...known('type', 'name', 'description', 'input_schema', 'eager_input_streaming', 'defer_loading'),
      cache_control: cacheControl,
      strict: { treatment: 'ignored', requestsNothing: isFalse },
      allowed_callers: { treatment: 'ignored', requestsNothing: isDirect },
    },
    applies: ({ type }) => isClientToolType(type),
  },
  { path: 'tool_choice', fields: known('type', 'name', 'disable_parallel_tool_use') },
  { path: 'thinking', fields: known('type', 'budget_tokens', 'display') },
  { path: 'output_config', fields: known('effort', 'format') },
]
