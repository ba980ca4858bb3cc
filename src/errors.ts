// The error class and the table of error codes. Only this file decides what a client learns about a failure; each
// surface turns an AppError into its own format. Startup errors are here too, without a code: no client sees them.

/** What a code means over HTTP. `retry`: whether the same request may succeed later, unchanged. */
type CodeFacts = { status: number; retry: boolean }

/** Every code that a response can carry. Codes are permanent: clients compare them, never the text. */
export const errorCodes = {
  invalid_request: { status: 400, retry: false },
  cwd_not_found: { status: 400, retry: false },
  model_not_found: { status: 400, retry: false },
  unauthorized: { status: 401, retry: false },
  budget_exceeded: { status: 402, retry: false },
  extra_usage_required: { status: 402, retry: false },
  insufficient_scope: { status: 403, retry: false },
  host_not_allowed: { status: 403, retry: false },
  origin_not_allowed: { status: 403, retry: false },
  permission_mode_not_allowed: { status: 403, retry: false },
  cwd_not_allowed: { status: 403, retry: false },
  blocked_by_hook: { status: 403, retry: false },
  not_found: { status: 404, retry: false },
  session_not_found: { status: 404, retry: false },
  run_not_found: { status: 404, retry: false },
  method_not_allowed: { status: 405, retry: false },
  request_timeout: { status: 408, retry: true },
  conflict: { status: 409, retry: false },
  body_too_large: { status: 413, retry: false },
  url_too_long: { status: 414, retry: false },
  unsupported_media_type: { status: 415, retry: false },
  queue_full: { status: 429, retry: true },
  rate_limited: { status: 429, retry: true },
  quota_exhausted: { status: 429, retry: true },
  headers_too_large: { status: 431, retry: false },
  cancelled: { status: 499, retry: false },
  internal: { status: 500, retry: false },
  interrupted: { status: 500, retry: false },
  sandbox_mismatch: { status: 500, retry: false },
  not_implemented: { status: 501, retry: false },
  claude_failed: { status: 502, retry: false },
  claude_not_found: { status: 503, retry: false },
  claude_not_logged_in: { status: 503, retry: false },
  overloaded: { status: 503, retry: true },
  shutting_down: { status: 503, retry: true },
  storage_full: { status: 503, retry: true },
  storage_lost: { status: 503, retry: false },
  timeout: { status: 504, retry: false },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof errorCodes

/**
 * Details that a program can act on. `retryAfterS` is in seconds; `stderr` is the masked end of the output;
 * `upstreamStatus` is the HTTP status that the model's API returned to the CLI.
 */
export type ErrorDetails = {
  field?: string
  retryAfterS?: number
  sessionId?: string
  costUsd?: number | null
  stderr?: string
  returncode?: number | null
  upstreamStatus?: number
  [fact: string]: unknown
}

/** Kinds of invalid field for which a surface may have its own code. */
export type FieldErrorKind =
  | 'missing_required_parameter'
  | 'unsupported_parameter'
  | 'unsupported_value'
  | 'previous_response_not_found'
  | 'conversation_locked'

type AppErrorOptions = ErrorOptions & { kind?: FieldErrorKind | undefined }

/** An error that a client may see: a permanent code, a message that says what to do, and details. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly kind: FieldErrorKind | null

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options: AppErrorOptions = {}) {
    super(message, options)
    this.name = 'AppError'
    this.code = code
    this.details = details
    this.kind = options.kind ?? null
  }

  get status(): number {
    return errorCodes[this.code].status
  }
}

/** Prevents a server or a command from starting. The message names the cause and the fix. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
}

/**
 * A request field that is not accepted. `problem` continues a sentence that starts with the field's name, and says how
 * to fix it.
 */
export function invalidField(field: string, problem: string, kind?: FieldErrorKind): AppError {
  return new AppError('invalid_request', `${field} ${problem}`.trim(), { field }, { kind })
}

/** `misspelled`: a field of the request that was most likely meant to be this one. */
export function missingField(field: string, misspelled: string | null = null): AppError {
  const name = field.slice(field.lastIndexOf('.') + 1)
  const hint = misspelled === null ? '' : `; ${misspelled} is not a field of this request: did you mean ${name}?`
  return invalidField(field, `is required${hint}`, 'missing_required_parameter')
}

/** The answer to every request that arrives during shutdown. */
export function shuttingDown(): AppError {
  return new AppError('shutting_down', 'claude-serve is shutting down; try again when it is back.', { retryAfterS: 5 })
}

/** `No space left on device` and `Disk quota exceeded`. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')

export const storageFull = (): AppError =>
  new AppError(
    'storage_full',
    'The disk that holds the data folder is full: free some space on it, or start the server with another --data-dir.',
    { retryAfterS: 10 },
  )

/** `what` has happened to the database, as the end of a sentence that begins with it. */
export const storageLost = (what: string): AppError =>
  new AppError(
    'storage_lost',
    `The server's database ${what}: what is stored now may be lost when the server stops. Stop it, put the file right, and start it again.`,
  )

/** The process, or the whole system, has as many files and connections open as it may. */
const hasTooManyFiles = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE')

/** Anything thrown, as an AppError. Unknown errors become `internal`, with a message that reveals nothing. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (isDiskFull(thrown)) return storageFull()
  if (hasTooManyFiles(thrown)) {
    const text = 'The server has as many files and connections open as it may: raise its limit (ulimit -n 4096).'
    return new AppError('overloaded', text, { retryAfterS: 5 }, { cause: thrown })
  }
  return new AppError(
    'internal',
    'Something went wrong inside claude-serve; the request id is in its log.',
    {},
    { cause: thrown },
  )
}
