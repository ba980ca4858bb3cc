// What each error means and what to do about it, for the documents.
import type { ErrorCode } from '../src/errors.ts'

/** What has happened, and what to do. */
export const meanings: Record<ErrorCode, readonly [what: string, remedy: string]> = {
  invalid_request: [
    'A field, header or body cannot be taken; `details.field` and the text say which, and what would do.',
    'Mend the request.',
  ],
  cwd_not_found: ['The folder is not there, or is none.', 'Make it, or name another.'],
  model_not_found: [
    'There is no such model for this login.',
    '`GET /v1/models` lists them; `--model-map` gives one another name.',
  ],
  unauthorized: [
    'A key is needed, and none or no valid one was sent; also for another user of the machine, for what a proxy forwarded, and for web pages.',
    'Make one with `claude-serve keys create`.',
  ],
  budget_exceeded: [
    "The request's `max_budget_usd`, or the budget of the key, is spent.",
    'Give more, or take another key.',
  ],
  insufficient_scope: ['The key may not do this; `details.scope` says what it lacks.', 'Take a key with that scope.'],
  host_not_allowed: [
    'The request was sent to a name that this server does not answer to.',
    'Start it with `--allow-host` and that name.',
  ],
  origin_not_allowed: [
    'The request came from a web page.',
    'Call from a program, or allow the page by `--cors-origin` and give it a key.',
  ],
  permission_mode_not_allowed: [
    'The operator has not allowed this mode.',
    'Ask for another, or start with `--permission-modes`; `bypassPermissions` never as root.',
  ],
  cwd_not_allowed: [
    'The folder is outside of those that requests may name.',
    'Name another, or start the server with `--cwd-root`.',
  ],
  not_found: ['There is no such path, or nothing with this id.', 'Look at the path.'],
  session_not_found: ['There is no such conversation.', '`GET /v1/sessions` lists those that there are.'],
  run_not_found: ['There is no such run, or it was more than a week ago.', '`GET /v1/runs` lists what is kept.'],
  method_not_allowed: ['The path takes other methods.', 'The header `allow` names them.'],
  request_timeout: ['The request took too long to arrive.', 'Send it again, over a better connection.'],
  conflict: [
    'An idempotency key was used with another body, or a run holds the conversation.',
    'Take a new key; wait for that run, or cancel it.',
  ],
  body_too_large: ["The body is larger than `--body-limit`, or more than the model's API takes.", 'Send less.'],
  url_too_long: ['The URL has more than 4,096 characters.', 'Send what is long in the body.'],
  unsupported_media_type: [
    'The body was not called JSON.',
    'Send `content-type: application/json`, and the body as it is, not compressed.',
  ],
  queue_full: [
    'As many runs wait for a process as may.',
    'Wait for `retry-after`; `--queue-limit` and `--max-processes` allow more.',
  ],
  rate_limited: [
    "The key's rate, the limit on wrong keys or on readers of a run, or the limit of the model's API is reached.",
    'Wait for `retry-after`.',
  ],
  headers_too_large: ['The headers are more than 100, or longer than 16 KB together.', 'Send fewer.'],
  cancelled: ['The run was cancelled, or its client hung up.', 'Nothing to mend.'],
  internal: ['A fault of claude-serve.', '`claude-serve logs` has the request id and what happened; please report it.'],
  interrupted: [
    'The server ended before the run did.',
    'Look at what the run has done, then ask again; `"on_crash": "restart"` begins background runs anew.',
  ],
  sandbox_mismatch: [
    'The CLI did not start with the tools and settings that it was given, so its process was ended before it could do anything.',
    'Use a CLI version that this server was tested with.',
  ],
  not_implemented: ['This version cannot do that.', 'The text says what to use instead, where there is something.'],
  claude_failed: [
    'The CLI, or the API behind it, failed.',
    '`returncode`, `stderr` and `upstream_status` say more where they are known.',
  ],
  claude_not_found: [
    'There is no `claude` that can be run, or it is too old.',
    'Install or update it, or name one with `--claude-bin`.',
  ],
  claude_not_logged_in: [
    'The CLI is not logged in, or the API refused its login.',
    'Run `claude auth login`, or set `ANTHROPIC_API_KEY` for the server.',
  ],
  overloaded: ["The model's API, or the reader of conversations, has too much to do.", 'Wait for `retry-after`.'],
  shutting_down: ['The server is being stopped.', 'Send it again when the server is back.'],
  timeout: ['The run took longer than its `timeout_s`, or the CLI went silent.', 'Allow more time, or ask for less.'],
}
