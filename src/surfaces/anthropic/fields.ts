// Every field of a messages request, and what becomes of it.
import { type FieldTable, isEmpty } from '../../compat/request-fields.ts'

const isOne = (value: unknown) => value === 1

export const messagesFields: FieldTable = {
  model: { treatment: 'honoured', note: 'a name from `GET /v1/models`, a full id, or one that `--model-map` gives' },
  messages: {
    treatment: 'honoured',
    note: 'roles user, assistant and system; text, images and documents (base64, text, content), calls and results of tools, thinking with its signature. A system message in the middle stays in its place, as marked text of the user; search results become text; blocks of server tools become text and are named in the header; URL and file sources are refused, as is an answer begun for the model',
  },
  system: { treatment: 'honoured', note: 'a string or text blocks' },
  max_tokens: { treatment: 'honoured', plainOnly: true, note: 'required', requestsNothing: () => true },
  stream: { treatment: 'honoured' },
  tools: {
    treatment: 'honoured',
    plainOnly: true,
    note: "the model's own tools, run by the client; `bash_…`, `text_editor_…` and `memory_…` too. Web search, web fetch, code execution and tool search are left out and named in the header; computer and browser are refused. `strict`, `input_examples`, `defer_loading` and the like are without effect",
  },
  tool_choice: {
    treatment: 'emulated',
    note: '`none` and `auto` are honoured; `any` and `tool` narrow the offer and instruct the model, which is asked once more if it calls nothing; if it still does not, `tool_choice` is named in the header. With `disable_parallel_tool_use` the first call is returned',
  },
  thinking: {
    treatment: 'honoured',
    plainOnly: true,
    requestsNothing: (value) => (value as { type?: unknown }).type === 'disabled',
    note: 'left out or `disabled`: none; `between_tools` is `adaptive`; `budget_tokens` counts with models that take one',
  },
  output_config: { treatment: 'honoured', note: '`effort`; `format` is validated before the answer is sent' },
  output_format: { treatment: 'honoured', note: 'as `output_config.format`' },
  stop_sequences: {
    treatment: 'emulated',
    plainOnly: true,
    note: 'the answer is cut there and the model is interrupted; any number',
  },
  temperature: {
    treatment: 'ignored',
    requestsNothing: isOne,
    note: 'with `anthropic-version: 2026-10-21` refused, as by the API',
  },
  top_p: { treatment: 'ignored', requestsNothing: isOne, note: 'as `temperature`' },
  top_k: { treatment: 'ignored', requestsNothing: () => false, note: 'as `temperature`' },
  thread: { treatment: 'refused', note: 'the SDK sends the whole conversation then' },
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
  cache_control: { treatment: 'silent', note: 'also on blocks and tools: the CLI sets its own' },
  diagnostics: { treatment: 'silent' },
  user_profile_id: { treatment: 'silent' },
  workspace_id: { treatment: 'silent' },
  betas: { treatment: 'silent', note: 'any value of the `anthropic-beta` header as well' },
}
