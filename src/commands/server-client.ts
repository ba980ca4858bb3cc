// The commands' client for a running server: finds the server and sends requests to its native API. It is the server of the data folder
// unless another address is set. Not for interpreting the responses.
import type { Command } from 'commander'
import { identityOf } from '../claude/process/process-registry.ts'
import { processInfo } from '../claude/process/process-tree.ts'
import { processEnvironment } from '../config/load.ts'
import { readServerAddress, type ServerAddress } from '../platform/server-address.ts'
import { addLocationOptions, CommandError, type LocationFlags, notAccepted, settingsFor } from './command.ts'

export type ServerFlags = LocationFlags & { url?: string }

/** The variables for the server's address and for a key, if it requires one. A key is never an argument: other users can read those. */
const urlVariable = 'CLAUDE_SERVE_URL'
const keyVariable = 'CLAUDE_SERVE_API_KEY'

export function addServerOptions(command: Command): Command {
  return addLocationOptions(command)
    .option('--url <address>', `address of the server (${urlVariable}; default: the running server of the data folder)`)
    .addHelpText('after', `\nIf the server has API keys, set ${keyVariable} to one of them.`)
}

/** The running server of the data folder; null if none is running. */
export async function runningServer(flags: LocationFlags): Promise<ServerAddress | null> {
  const address = readServerAddress(settingsFor(flags).dataDir)
  if (address === null) return null
  const info = await processInfo(address.pid)
  return info !== null && address.process === identityOf(info) ? address : null
}

const howToStart = 'start one with claude-serve, or pass its address with --url'

export class ServerClient {
  readonly url: string
  readonly #headers: Record<string, string>

  /** `url` has no trailing slash. */
  constructor(url: string, key: string | null) {
    this.url = url
    this.#headers = key === null ? {} : { authorization: `Bearer ${key}` }
  }

  /** Throws CommandError if no server is running, and UsageError if the address is invalid. */
  static async find(flags: ServerFlags): Promise<ServerClient> {
    const environment = processEnvironment()
    const url = flags.url ?? environment[urlVariable]
    const key = environment[keyVariable] || null
    if (url) return new ServerClient(checkUrl(url), key)
    const address = await runningServer(flags)
    if (address === null) throw new CommandError(`no server is running in ${settingsFor(flags).dataDir}: ${howToStart}`)
    return new ServerClient(address.url, key)
  }

  /** Sends a request of the native API. Throws CommandError with the server's error message, or the reason why it cannot be reached. */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await this.#fetch(method, path, body, signal)
    if (response.ok) return response
    const { error } = (await response.json().catch(() => ({}))) as { error?: unknown }
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
    const text = typeof message === 'string' ? message : `${method} ${path} returned status ${response.status}`
    const hint = response.status === 401 ? `; set ${keyVariable} to a key of this server` : ''
    throw new ServerRefusal(`${text}${hint}`, response)
  }

  async json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return (await (await this.send(method, path, body, signal)).json()) as T
  }

  async #fetch(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    const isChange = method !== 'GET' && method !== 'HEAD'
    try {
      return await fetch(`${this.url}${path}`, {
        method,
        headers: { ...this.#headers, ...(isChange ? { 'content-type': 'application/json' } : {}) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      const { cause } = error as Error
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(error)
      throw new CommandError(`no server responds at ${this.url} (${why}): ${howToStart}`)
    }
  }
}

/** The server rejected the request. The body of the response has been read. */
export class ServerRefusal extends CommandError {
  readonly status: number
  readonly retryAfterS: number | null

  constructor(message: string, { status, headers }: Response) {
    super(message)
    this.status = status
    const seconds = Number(headers.get('retry-after') ?? Number.NaN)
    this.retryAfterS = Number.isFinite(seconds) ? seconds : null
  }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw notAccepted('--url', text, 'give an address such as http://127.0.0.1:5005')
}
