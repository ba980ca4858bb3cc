// Where a scripted reply is written: an HTTP response that honors back-pressure and detects that the reader has disconnected.
// Knows nothing about steps or the Messages API.
import { once } from 'node:events'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** Thrown by every operation once the client has disconnected, so that a reply simply unwinds. */
export class ClientGone extends Error {}

export class ReplySink {
  readonly #res: ServerResponse
  readonly #gone = new AbortController()
  #flushed: Promise<void> = Promise.resolve()
  #cut = false

  constructor(res: ServerResponse) {
    this.#res = res
    res.once('close', () => this.#gone.abort())
    // A write that loses the race against the client's disconnect also fails here; 'close' already covers it.
    res.on('error', () => {})
  }

  get headersSent(): boolean {
    return this.#res.headersSent
  }

  get isGone(): boolean {
    return this.#gone.signal.aborted
  }

  /** Whether the connection was broken from this side. */
  get wasCut(): boolean {
    return this.#cut
  }

  head(status: number, headers: OutgoingHttpHeaders): void {
    this.#throwIfGone()
    this.#res.writeHead(status, headers)
  }

  /** Resolves when more may be written: at once, unless the client reads more slowly than we write. */
  async write(chunk: string): Promise<void> {
    this.#throwIfGone()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#flushed = promise
    if (!this.#res.write(chunk, () => resolve())) await this.#orGone(once(this.#res, 'drain', this.#signal))
  }

  end(chunk = ''): void {
    this.#throwIfGone()
    this.#res.end(chunk)
  }

  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    this.head(status, { 'content-type': 'application/json', ...headers })
    this.end(JSON.stringify(value))
  }

  async pause(ms: number | undefined): Promise<void> {
    if (ms) await this.#orGone(delay(ms, undefined, this.#signal))
  }

  async untilGone(): Promise<never> {
    if (!this.isGone) await once(this.#gone.signal, 'abort')
    throw new ClientGone()
  }

  /** Breaks the connection, but only after everything written so far has been sent. */
  async cut(): Promise<void> {
    await this.#flushed
    this.#throwIfGone()
    this.#cut = true
    this.#res.destroy()
  }

  get #signal(): { signal: AbortSignal } {
    return { signal: this.#gone.signal }
  }

  #throwIfGone(): void {
    if (this.isGone) throw new ClientGone()
  }

  async #orGone(waiting: Promise<unknown>): Promise<void> {
    try {
      await waiting
    } catch {
      throw new ClientGone()
    }
  }
}
