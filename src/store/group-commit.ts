// Many writes in one transaction, so that they share one commit and one wait for the disk. Not for what is written.
import type { DatabaseSync } from 'node:sqlite'

type Waiting = { settle(): void; reject(error: unknown): void }

const groupMs = 5
const groupMsMax = 250

/**
 * A write is made at once, in a transaction that stays open for some milliseconds; its promise settles after the commit, when that is
 * on the disk. What
 * reads through the same connection sees it before that. A write that fails takes back what it did, and nothing of others.
 */
export class GroupCommit {
  readonly #db: DatabaseSync
  readonly #onDisk: () => Promise<void>
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | null = null
  #immediate: NodeJS.Immediate | null = null
  #lastCommitMs = 0

  /** `onDisk` resolves when all that was committed before is on the disk; without it the database waits for that itself. */
  constructor(db: DatabaseSync, onDisk: () => Promise<void> = async () => {}) {
    this.#db = db
    this.#onDisk = onDisk
  }

  /** `urgent` waits for no more company than what comes in the same turn of the event loop. */
  write<T>(apply: () => T, { urgent = false } = {}): Promise<T> {
    try {
      const value = this.#apply(apply)
      return new Promise((resolve, reject) => {
        this.#waiting.push({ settle: () => resolve(value), reject })
        this.#schedule(urgent)
      })
    } catch (error) {
      // Where the disk is full or fails, SQLite takes back the whole transaction.
      if (!this.#db.isTransaction) this.#rejectAll(error)
      return Promise.reject(error)
    }
  }

  /** Commits what was written so far. Whoever waits for it learns how that went. */
  commit(): void {
    this.#unschedule()
    if (this.#waiting.length === 0) return
    const begunMs = performance.now()
    try {
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#rollBack()
      return this.#rejectAll(error)
    }
    this.#lastCommitMs = performance.now() - begunMs
    const group = this.#waiting.splice(0)
    this.#onDisk().then(
      () => {
        for (const { settle } of group) settle()
      },
      (error: unknown) => {
        for (const { reject } of group) reject(error)
      },
    )
  }

  #apply<T>(apply: () => T): T {
    const isFirst = !this.#db.isTransaction
    this.#db.exec(isFirst ? 'BEGIN IMMEDIATE; SAVEPOINT one' : 'SAVEPOINT one')
    try {
      const value = apply()
      this.#db.exec('RELEASE one')
      return value
    } catch (error) {
      this.#takeBack()
      throw error
    }
  }

  #takeBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK TO one; RELEASE one')
      if (this.#waiting.length === 0) this.#rollBack()
    } catch {
      this.#rollBack()
    }
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    } catch {
      // The next write finds the transaction still open, and its commit tells.
    }
  }

  #rejectAll(error: unknown): void {
    this.#unschedule()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** Where commits take long, groups are larger: a commit holds up the process, and shall do so for a third of the time at most. */
  #schedule(urgent: boolean): void {
    const commit = () => this.commit()
    if (urgent) this.#immediate ??= setImmediate(commit)
    else this.#timer ??= setTimeout(commit, Math.min(Math.max(groupMs, 2 * this.#lastCommitMs), groupMsMax))
  }

  #unschedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    this.#timer = null
    this.#immediate = null
  }
}
