// Errors that routes have in common, for the rows of routes and for openapi.json. Which status and form they have is up
// to each API.
import type { ErrorCode } from '../errors.ts'

/** Each route has those of `guard`; `key`, `scope`, `body` and `run` follow from its row. */
export const errorGroups = {
  guard: ['invalid_request', 'host_not_allowed', 'origin_not_allowed', 'internal'],
  key: ['unauthorized', 'rate_limited'],
  scope: ['insufficient_scope'],
  body: ['body_too_large', 'unsupported_media_type'],
  folder: ['cwd_not_found', 'cwd_not_allowed'],
  model: ['model_not_found'],
  run: [
    'budget_exceeded',
    'blocked_by_hook',
    'quota_exhausted',
    'extra_usage_required',
    'conflict',
    'queue_full',
    'cancelled',
    'interrupted',
    'sandbox_mismatch',
    'claude_failed',
    'claude_not_found',
    'claude_not_logged_in',
    'overloaded',
    'shutting_down',
    'storage_full',
    'storage_lost',
    'timeout',
  ],
  mode: ['permission_mode_not_allowed'],
  oneRun: ['run_not_found'],
  ask: ['not_found'],
  response: ['not_found'],
  batch: ['not_found'],
  storedFile: ['not_found'],
  session: ['session_not_found'],
  mcpSession: ['not_found', 'rate_limited'],
  held: ['conflict'],
  files: ['overloaded', 'timeout', 'not_implemented'],
  cli: ['claude_not_found', 'claude_not_logged_in', 'claude_failed'],
} as const satisfies Record<string, readonly ErrorCode[]>

export type ErrorGroup = keyof typeof errorGroups
