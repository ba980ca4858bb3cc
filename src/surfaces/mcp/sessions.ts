// The MCP sessions of a server: each belongs to the caller who opened it, ends by itself when it is idle, and there is a limit to how many
// exist. Not for what a session can do (tool-server.ts).
import { AppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'

/** What ends with a session: its connection with the library. */
type Connection = { close(): Promise<void> }

export type McpSession<C extends Connection> = {
  id: string
  /** The id of the caller's key; null if it has none. */
  owner: string | null
  connection: C
  /** The ids of the calls in progress: the library could not tell two with the same id apart. */
  calls: Set<string>
  /** Whether its stream is being read. */
  isRead: boolean
}

type Entry<C extends Connection> = {
  session: McpSession<C>
  /** Requests in progress. */
  uses: number
  usedAt: number
  cancelExpiry: () => void
}

export const sessionLimits = { perOwner: 64, inAll: 512, idleMs: 3_600_000 }

const gone = () =>
  new AppError(
    'not_found',
    'there is no such MCP session: it has ended, or belongs to another key; initialize a new one',
  )

export class McpSessions<C extends Connection> {
  readonly #clock: Clock
  readonly #limits: typeof sessionLimits
  readonly #entries = new Map<string, Entry<C>>()

  constructor(clock: Clock, limits: Partial<typeof sessionLimits> = {}) {
    this.#clock = clock
    this.#limits = { ...sessionLimits, ...limits }
  }

  get size(): number {
    return this.#entries.size
  }

  /** Idle sessions make room for it, the longest idle one first. Throws `rate_limited` if none is idle. */
  add(id: string, owner: string | null, connection: C): McpSession<C> {
    const { perOwner, inAll } = this.#limits
    const own = [...this.#entries.values()].filter(({ session }) => session.owner === owner)
    if (own.length >= perOwner) this.#evict(own, `${perOwner} MCP sessions of this caller are in use`)
    if (this.size >= inAll) this.#evict([...this.#entries.values()], `${inAll} MCP sessions are in use`)
    const session = { id, owner, connection, calls: new Set<string>(), isRead: false }
    const entry = { session, uses: 0, usedAt: this.#clock.now(), cancelExpiry: () => {} }
    this.#entries.set(id, entry)
    this.#expireWhenIdle(entry)
    return session
  }

  /** Throws `not_found`, also for the session of another caller. */
  find(id: string, owner: string | null): McpSession<C> {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.session.owner !== owner) throw gone()
    return entry.session
  }

  /** While it is in use, a session is not idle. Returns the function that ends the use. */
  use({ id }: Pick<McpSession<C>, 'id'>): () => void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return () => {}
    entry.cancelExpiry()
    entry.uses++
    return () => {
      entry.uses--
      entry.usedAt = this.#clock.now()
      if (entry.uses === 0 && this.#entries.get(id) === entry) this.#expireWhenIdle(entry)
    }
  }

  /** Ends a session and the calls in it. */
  async end(id: string): Promise<void> {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    entry.cancelExpiry()
    await entry.session.connection.close()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((id) => this.end(id)))
  }

  #expireWhenIdle(entry: Entry<C>): void {
    entry.cancelExpiry = this.#clock.schedule(() => void this.end(entry.session.id), this.#limits.idleMs)
  }

  #evict(entries: readonly Entry<C>[], reason: string): void {
    const [idle] = entries.filter(({ uses }) => uses === 0).sort((a, b) => a.usedAt - b.usedAt)
    if (idle === undefined)
      throw new AppError('rate_limited', `${reason}; end one, or try again later`, { retryAfterS: 5 })
    void this.end(idle.session.id)
  }
}
