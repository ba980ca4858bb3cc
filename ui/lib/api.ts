// Asks the server: the public native API and nothing else. The API key, where one is needed, lives as long as the tab does and goes
// into a header only.
import { signal } from '@preact/signals'
import type { ErrorBody } from '../../src/surfaces/native/schemas.ts'

const keyPlace = 'claude-serve.key'

/** Whether the server wants an API key that we do not have, or not any more. */
export const needsKey = signal(false)

/** Why a one-time link did not let anybody in. */
export const loginFault = signal<ApiError | null>(null)

export const currentKey = (): string | null => sessionStorage.getItem(keyPlace)

export function keepKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(keyPlace)
  else sessionStorage.setItem(keyPlace, key)
  loginFault.value = null
  needsKey.value = false
}

/** What the server refused, or `offline` where it could not be reached. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string | null

  constructor(status: number, { error, code, request_id: requestId }: Partial<ErrorBody>) {
    super(error ?? `The server answered with status ${status}.`)
    this.status = status
    this.code = code ?? 'unknown'
    this.requestId = requestId ?? null
  }
}

/** What was thrown, as something that can be shown. */
export const toApiError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError ? thrown : new ApiError(0, { error: String(thrown), code: 'page' })

export const offline = () =>
  new ApiError(0, { error: 'The server cannot be reached. Is it still running?', code: 'offline' })

export type CallOptions = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** A key other than the kept one. */
  key?: string
}

/** The answer, once its headers are there. Throws ApiError; an aborted call rejects as `fetch` does. */
export async function send(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = 'GET', body, headers = {}, signal: given, key = currentKey() } = options
  const response = await fetch(path, {
    method,
    cache: 'no-store',
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(given === undefined ? {} : { signal: given }),
  }).catch((fault: unknown) => {
    if (given?.aborted) throw fault
    throw offline()
  })
  if (response.ok) return response
  const fault = new ApiError(response.status, await response.json().catch(() => ({})))
  // A key that was tried out has its own place for this.
  if (fault.status === 401 && options.key === undefined) needsKey.value = true
  throw fault
}

export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const response = await send(path, options)
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

/** A query of those that have a value. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

/** Trades the code of a one-time link for a key. */
export async function logIn(code: string): Promise<void> {
  const { key } = await call<{ key: string }>('/v1/login', { method: 'POST', body: {}, key: code })
  keepKey(key)
}

/** What a person can do about an error; null where its own text says it. */
export function hintFor({ code }: ApiError): string | null {
  switch (code) {
    case 'offline':
      return 'Start it again with claude-serve; this page comes back by itself.'
    case 'claude_not_logged_in':
      return 'Run claude once in a terminal and log in, or try claude-serve --demo.'
    case 'claude_not_found':
      return 'Run claude-serve doctor in a terminal: it says what is missing.'
    case 'queue_full':
    case 'overloaded':
      return 'Too much is going on now. Try again in a moment, or stop a run under Runs.'
    case 'insufficient_scope':
      return 'This key may not do that. Give another one, made with --scope agent or --scope admin.'
    case 'budget_exceeded':
      return 'Raise the budget in the options, or use a key that has one left.'
    case 'permission_mode_not_allowed':
      return 'Start the server with --permission-modes to allow more.'
    case 'cwd_not_allowed':
      return 'Start the server with --cwd-root to allow this folder.'
    default:
      return null
  }
}
