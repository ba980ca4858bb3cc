// A running server as its commands see it: where it is, and its native API. It is the one of the data folder unless another address is
// given. Not for what is made of the answers.
import type { Command } from 'commander'
import { identityOf } from '../claude/process/process-registry.ts'
import { processInfo } from '../claude/process/process-tree.ts'
import { processEnvironment } from '../config/load.ts'
import { readServerAddress, type ServerAddress } from '../platform/server-address.ts'
import { addLocationOptions, CommandError, type LocationFlags, settingsFor, UsageError } from './command.ts'

export type ServerFlags = LocationFlags & { url?: string }

/** Where commands look for the server and for the key that it may want. A key is never an argument: those can be read by others. */
const urlVariable = 'CLAUDE_SERVE_URL'
const keyVariable = 'CLAUDE_SERVE_API_KEY'

export function addServerOptions(command: Command): Command {
  return addLocationOptions(command)
    .option('--url <address>', `the server's address (${urlVariable}; default: the running server of the data folder)`)
    .addHelpText('after', `\nWhere the server has API keys, ${keyVariable} must hold one.`)
}

/** The server of the data folder, where it runs; null where none does. */
export async function runningServer(flags: LocationFlags): Promise<ServerAddress | null> {
  const address = readServerAddress(settingsFor(flags).dataDir)
  if (address === null) return null
  const info = await processInfo(address.pid)
  return info !== null && address.process === identityOf(info) ? address : null
}

const howToStart = 'start one with claude-serve, or give its address with --url'

export class ServerClient {
  readonly url: string
  readonly #headers: Record<string, string>

  /** `url` is without a slash at its end. */
  constructor(url: string, key: string | null) {
    this.url = url
    this.#headers = key === null ? {} : { authorization: `Bearer ${key}` }
  }

  /** Throws CommandError where no server runs, and UsageError for an address that is none. */
  static async find(flags: ServerFlags): Promise<ServerClient> {
    const environment = processEnvironment()
    const given = flags.url ?? environment[urlVariable]
    const key = environment[keyVariable] || null
    if (given) return new ServerClient(checkUrl(given), key)
    const address = await runningServer(flags)
    if (address === null) throw new CommandError(`no server runs in ${settingsFor(flags).dataDir}: ${howToStart}`)
    return new ServerClient(address.url, key)
  }

  /** The answer to a request of the native API. Throws CommandError with what the server says, or why it cannot be reached. */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await this.#fetch(method, path, body, signal)
    if (response.ok) return response
    const { error } = (await response.json().catch(() => ({}))) as { error?: unknown }
    const told = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
    const text = typeof told === 'string' ? told : `${method} ${path} was answered with status ${response.status}`
    const hint = response.status === 401 ? `; ${keyVariable} must hold a key of this server` : ''
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
    } catch (fault) {
      if (signal?.aborted) throw fault
      const { cause } = fault as Error
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(fault)
      throw new CommandError(`there is no server at ${this.url} (${why}): ${howToStart}`)
    }
  }
}

/** The server has answered, and refused. `response` is read already. */
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
  throw new UsageError(`--url: ${JSON.stringify(text)} is not accepted; give an address such as http://127.0.0.1:5005`)
}
