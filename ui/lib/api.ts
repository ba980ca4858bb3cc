// Calls the server, through the public native API only. The API key, if the server requires one, lives as long as the
// tab and is sent only in a header.
import { signal } from '@preact/signals'
import type { ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'

const storageKey = 'claude-serve.key'

/** Whether the server requires an API key and we have none, or none that is still valid. */
export const needsKey = signal(false)

/** How the server is called in a terminal of its machine; its name until its health was loaded. */
export const serverCommand = signal('claude-serve')

/** Why a one-time link was rejected. */
export const loginError = signal<ApiError | null>(null)

export const currentKey = (): string | null => sessionStorage.getItem(storageKey)

export function saveKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(storageKey)
  else sessionStorage.setItem(storageKey, key)
  loginError.value = null
  needsKey.value = false
}

/** An error returned by the server, or `offline` if the server cannot be reached. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string | null

  constructor(status: number, { error, code, request_id: requestId }: Partial<ErrorBody>) {
    super(error ?? `The server returned status ${status}.`)
    this.status = status
    this.code = code ?? 'unknown'
    this.requestId = requestId ?? null
  }
}

/** Converts anything thrown into an error that can be shown. */
export const toApiError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError ? thrown : new ApiError(0, { error: String(thrown), code: 'page' })

const offline = () => new ApiError(0, { error: 'The server cannot be reached. Is it still running?', code: 'offline' })

export type CallOptions = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** A key to use instead of the saved one. */
  key?: string
}

/** Resolves when the response headers arrive. Throws ApiError; an aborted call rejects as `fetch` does. */
export async function send(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = 'GET', body, headers = {}, signal, key = currentKey() } = options
  const response = await fetch(path, {
    method,
    cache: 'no-store',
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw offline()
  })
  if (response.ok) return response
  const error = new ApiError(response.status, await response.json().catch(() => ({})))
  // A key that is only being tried out reports this itself.
  if (error.status === 401 && options.key === undefined) needsKey.value = true
  throw error
}

export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const response = await send(path, options)
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

/** A query string of the parameters that have a value. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const present = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const text = new URLSearchParams(present.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

/** Exchanges the code of a one-time link for a key. */
export async function logIn(code: string): Promise<void> {
  const { key } = await call<{ key: string }>('/v1/login', { method: 'POST', body: {}, key: code })
  saveKey(key)
}

/** What the user can do about an error; null if the error message already says so. */
export function hintFor({ code }: ApiError): string | null {
  switch (code) {
    case 'offline':
      return `Start it with ${serverCommand.value}. This page reconnects automatically.`
    case 'claude_not_found':
      return `Run ${serverCommand.value} doctor in a terminal to see what is missing.`
    case 'queue_full':
    case 'overloaded':
      return 'The server is busy. Try again in a moment, or stop a run under Runs.'
    case 'insufficient_scope':
      return 'This key does not allow that. Use one created with --scope agent or --scope admin.'
    case 'budget_exceeded':
      return 'Raise the maximum cost under Options, or use a key with budget left.'
    case 'permission_mode_not_allowed':
      return 'Start the server with --permission-modes to allow more modes.'
    case 'cwd_not_allowed':
      return 'Start the server with --cwd-root to allow this folder.'
    default:
      return null
  }
}
