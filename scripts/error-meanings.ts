// What each error means and how to fix it, for the documents.
import type { ErrorCode } from '../src/errors.ts'

/** What happened, and what to do. */
export const meanings: Record<ErrorCode, readonly [what: string, remedy: string]> = {
  invalid_request: [
    'A field, header or body is invalid; `details.field` and the text name it and the fix.',
    'Fix the request.',
  ],
  cwd_not_found: ['The folder does not exist, or is not a folder.', 'Create it, or name another.'],
  model_not_found: [
    'This model is not available with this login.',
    '`GET /v1/models` lists the models; `--model-map` adds other names.',
  ],
  unauthorized: [
    'A key is required, and the request has no valid one; this also applies to other users of the machine, requests forwarded by a proxy, and web pages.',
    'Create one with `claude-serve keys create`.',
  ],
  budget_exceeded: ["The request's `max_budget_usd` or the key's budget is used up.", 'Raise it, or use another key.'],
  extra_usage_required: [
    'The plan that Claude Code is logged in with does not cover this request: it is billed as extra usage, and there is none left or it is off.',
    'Enable or buy extra usage in the settings of the account, or set `ANTHROPIC_API_KEY` for the server.',
  ],
  insufficient_scope: ['The key lacks a scope, named in `details.scope`.', 'Use a key with that scope.'],
  host_not_allowed: [
    'The request names a host that this server does not accept.',
    'Start the server with `--allow-host` and that name.',
  ],
  origin_not_allowed: [
    'The request came from a web page.',
    'Call from a program, or allow the page with `--cors-origin` and give it a key.',
  ],
  permission_mode_not_allowed: [
    'The server does not allow this mode.',
    'Use another, or start with `--permission-modes`; `bypassPermissions` is never allowed as root.',
  ],
  cwd_not_allowed: [
    'The folder is outside those that requests may name.',
    'Name another, or start the server with `--cwd-root`.',
  ],
  blocked_by_hook: [
    'A hook in the settings of the folder or of the user has blocked the prompt, or stopped the run.',
    'Read what the hook says; change the prompt, or the hook.',
  ],
  not_found: ['Nothing exists at this path or with this id.', 'Check the path and the id.'],
  session_not_found: ['The conversation does not exist.', '`GET /v1/sessions` lists conversations.'],
  run_not_found: ['The run does not exist, or is more than a week old.', '`GET /v1/runs` lists runs.'],
  method_not_allowed: ['The path does not support this method.', 'The header `allow` names the supported ones.'],
  request_timeout: ['The request took too long to arrive.', 'Send it again over a better connection.'],
  conflict: [
    'The idempotency key was already used with a different body, or a run is using the conversation.',
    'Use a new key, or wait for that run or cancel it.',
  ],
  body_too_large: ["The body is larger than `--body-limit`, or than the model's API accepts.", 'Send less.'],
  url_too_long: ['The URL has more than 4,096 characters.', 'Move long values into the body.'],
  unsupported_media_type: [
    'The body is not declared as JSON.',
    'Send `content-type: application/json` and an uncompressed body.',
  ],
  queue_full: [
    'The limit on waiting runs of one key, or of all callers without a key, is reached.',
    'Wait for `retry-after`; `--queue-limit` and `--max-processes` raise the limits.',
  ],
  rate_limited: [
    "A rate limit is reached: the key's, the one for wrong keys, the one for readers of a run, or the model API's own.",
    'Wait for `retry-after`.',
  ],
  quota_exhausted: [
    'The plan that Claude Code is logged in with is used up.',
    'Wait for `retry-after`; `GET /v1/quota` shows the windows. Once a minute a run is let through to see whether there is more.',
  ],
  headers_too_large: ['There are more than 100 headers, or more than 16 KB of them.', 'Send fewer.'],
  cancelled: ['The run was cancelled, or its client disconnected.', 'Nothing to fix.'],
  internal: ['A bug in claude-serve.', '`claude-serve logs` has the request id and what happened; please report it.'],
  interrupted: [
    'The server ended before the run did.',
    'Check what the run has done, then send the request again; `"on_crash": "restart"` restarts background runs.',
  ],
  sandbox_mismatch: [
    'The CLI did not start with the requested tools and settings, so its process was ended before it could do anything.',
    'Use a CLI version that this server was tested with.',
  ],
  not_implemented: ['This version does not support that.', 'The text names an alternative, if there is one.'],
  claude_failed: [
    'The CLI, or the API behind it, failed.',
    '`returncode`, `stderr` and `upstream_status` say more if they are known.',
  ],
  claude_not_found: [
    'No usable `claude` was found: none can be run, or it is too old.',
    'Install or update it, or name one with `--claude-bin`.',
  ],
  claude_not_logged_in: [
    'The CLI is not logged in, or the API refused its login.',
    'Run `claude-serve login`, or set `ANTHROPIC_API_KEY` for the server.',
  ],
  overloaded: [
    "The model's API, the reader of conversation files or the check of schemas is overloaded, or the server has too many files open.",
    'Wait for `retry-after`. If it is the files, the message says so: raise the limit with `ulimit -n`.',
  ],
  shutting_down: ['The server is being stopped.', 'Send it again when the server is back.'],
  storage_full: [
    'The disk that holds the data folder is full or cannot be written. Runs in the background and runs with an idempotency key are not accepted; others are answered if they need no room, and are not stored.',
    'Free some space, or use another `--data-dir`. `GET /readyz` says when there is room again.',
  ],
  storage_lost: [
    "The server's database was deleted, replaced or damaged while the server was running. Runs in the background and runs with an idempotency key are not accepted; others are answered.",
    'Stop the server, put the file right or move it away, and start the server again.',
  ],
  timeout: [
    'The run took longer than its `timeout_s`, or the CLI stopped responding.',
    'Allow more time, or request less.',
  ],
}
