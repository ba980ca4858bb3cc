// The commands' client for a running server: finds the server and sends requests to its native API. It is the server of the data folder
// unless another address is set. Not for what a response means.
import type { Command } from 'commander'
import { isRunning } from '../claude/process/process-registry.ts'
import { processEnvironment } from '../config/load.ts'
import { ownCommand } from '../platform/installation.ts'
import { readServerAddress, type ServerAddress } from '../platform/server-address.ts'
import {
  addLocationOptions,
  CommandError,
  type LocationFlags,
  notAccepted,
  settingsFor,
  UsageError,
} from './command.ts'

export type ServerFlags = LocationFlags & { url?: string }

/** The variables for the server's address and for a key, if it requires one. A key is never an argument: other users can read those. */
const urlVariable = 'CLAUDE_SERVE_URL'
const keyVariable = 'CLAUDE_SERVE_API_KEY'

export function addServerOptions(command: Command): Command {
  return addLocationOptions(command)
    .option('--url <address>', `address of the server (${urlVariable}; default: the running server of the data folder)`)
    .addHelpText('after', `\nIf the server has API keys, set ${keyVariable} to one of them.`)
}

/** The server that is running in this data folder; null if there is none. */
export async function serverOf(dataDir: string): Promise<ServerAddress | null> {
  const address = readServerAddress(dataDir)
  return address !== null && (await isRunning(address.process)) ? address : null
}

export const runningServer = (flags: LocationFlags): Promise<ServerAddress | null> =>
  serverOf(settingsFor(flags).dataDir)

const howToStart = () => `start one with ${ownCommand('start')}, or pass its address with --url`

/** `form` instead of a body. */
type RequestOptions = { body?: object; form?: FormData; headers?: Record<string, string>; signal?: AbortSignal }

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
    if (address === null)
      throw new CommandError(`no server is running in ${settingsFor(flags).dataDir}: ${howToStart()}`)
    return new ServerClient(address.url, key)
  }

  /** The response to a request, whatever its status. Throws CommandError if no server responds. */
  async fetch(method: string, path: string, { body, form, headers, signal }: RequestOptions = {}): Promise<Response> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    // A server without keys takes a form with any: it proves that no web page sent it.
    const proof = form === undefined ? {} : { authorization: 'Bearer none' }
    try {
      return await fetch(`${this.url}${path}`, {
        method,
        headers: { ...proof, ...this.#headers, ...type, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(form === undefined ? {} : { body: form }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new CommandError(`no server responds at ${this.url} (${whyNot(error)}): ${howToStart()}`)
    }
  }

  /** The response to a request that succeeded. Throws ServerRefusal with the server's error message, and CommandError. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const response = await this.fetch(method, path, options)
    if (response.ok) return response
    const { error } = (await response.json().catch(() => ({}))) as { error?: unknown }
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
    const text = typeof message === 'string' ? message : `${method} ${path} returned status ${response.status}`
    const hint = response.status === 401 ? `; set ${keyVariable} to a key of this server` : ''
    throw new ServerRefusal(`${text}${hint}`, response)
  }

  /**
   * The body of the response to a GET request. `isExpected` checks the parts that the caller uses, since another program
   * may be listening at the address that the user set. Throws CommandError.
   */
  async json<T>(path: string, isExpected: (body: Partial<T>) => boolean, signal?: AbortSignal): Promise<T> {
    const response = await this.send('GET', path, signal === undefined ? {} : { signal })
    const body: unknown = await response.json().catch((error) => {
      if (signal?.aborted) throw error
      return null
    })
    if (typeof body === 'object' && body !== null && isExpected(body as Partial<T>)) return body as T
    throw this.isForeign()
  }

  /** The error for a response that claude-serve would not send. */
  isForeign(): CommandError {
    return new CommandError(`the server at ${this.url} is not claude-serve: pass the correct address with --url`)
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

/** Why a request got no response: the system's word for it, or that of whoever refused to send it, without the name of a class. */
function whyNot(error: unknown): string {
  const { cause, message } = error as Error
  if (!(cause instanceof Error)) return message
  return 'code' in cause ? String(cause.code) : cause.message
}

/** The addresses that clients of the OpenAI API use end in `/v1`; the commands add that themselves. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const accepted = 'give an address such as http://127.0.0.1:5005'
  if (url === null || !/^https?:$/.test(url.protocol)) throw notAccepted('--url', text, accepted)
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`--url: an address with a name and a password is not accepted; ${accepted}`)
  return text.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '')
}
