// Groups writes into one transaction, so that they share one commit and one wait for the disk. Not for the data itself.
import type { DatabaseSync } from 'node:sqlite'

type Waiting = { settle(): void; reject(error: unknown): void }

const groupMs = 5
const groupMsMax = 250

/**
 * A write is applied immediately, in a transaction that stays open for some milliseconds. Its promise settles once the
 * commit is on the disk; reads through the same connection see it earlier. A write that fails is undone, without
 * affecting others.
 */
export class GroupCommit {
  readonly #db: DatabaseSync
  readonly #onDisk: () => Promise<void>
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | null = null
  #immediate: NodeJS.Immediate | null = null
  #lastCommitMs = 0

  /**
   * `onDisk` resolves once all earlier commits are on the disk; without it, the database's own commit waits for the
   * disk.
   */
  constructor(db: DatabaseSync, onDisk: () => Promise<void> = async () => {}) {
    this.#db = db
    this.#onDisk = onDisk
  }

  /** An `urgent` write waits only for others of the same turn of the event loop. */
  write<T>(apply: () => T, { urgent = false } = {}): Promise<T> {
    try {
      const value = this.#apply(apply)
      return new Promise((resolve, reject) => {
        this.#waiting.push({ settle: () => resolve(value), reject })
        this.#schedule(urgent)
      })
    } catch (error) {
      // If the disk is full or fails, SQLite rolls back the whole transaction.
      if (!this.#db.isTransaction) this.#rejectAll(error)
      return Promise.reject(error)
    }
  }

  /** Commits all writes so far and settles their promises. */
  commit(): void {
    this.#unschedule()
    if (this.#waiting.length === 0) return
    const startedAtMs = performance.now()
    try {
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#rollBack()
      return this.#rejectAll(error)
    }
    this.#lastCommitMs = performance.now() - startedAtMs
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
      this.#undo()
      throw error
    }
  }

  #undo(): void {
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
      // The next write finds the transaction still open, and its commit reports the error.
    }
  }

  #rejectAll(error: unknown): void {
    this.#unschedule()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** Slow commits make groups larger: a commit blocks the process, and should do so for at most a third of the time. */
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
