// The server's connection to its database: makes a store's methods of functions that read and write, until it is closed.
// Not for the statements themselves (see queries.ts, changes.ts, key-table.ts).
import type { DatabaseSync } from 'node:sqlite'
import { AppError, shuttingDown } from '../errors.ts'
import { type Methods, type Prepare, preparer } from './database.ts'
import { GroupCommit } from './group-commit.ts'
import type { PruneTools } from './prune.ts'
import { toReadError, toWriteError } from './store-error.ts'

export type Connection = Methods &
  PruneTools & {
    /** Commits what was written so far, so that other connections see it. */
    commit(): void
    /** Why the last write failed, if the next one would, too; null if writes succeed. */
    problem(): Promise<AppError | null>
    close(): Promise<void>
  }

const probeBytes = 16_384

type Parts = {
  /** Whether every write is committed at once: there is no disk whose wait they could share. */
  urgent: boolean
  /** Resolves once all earlier commits are on the disk. */
  onDisk(): Promise<void>
  /** Closes everything, after the last commit. */
  onClose(): Promise<void>
}

/** Writes and reads share it, in the order of the calls: a read sees writes that are not durable yet. */
export function connect(db: DatabaseSync, { urgent, onDisk, onClose }: Parts): Connection {
  const prepared = preparer(db)
  const group = new GroupCommit(db, onDisk)
  let isOpen = true
  const opened = () => {
    if (!isOpen) throw shuttingDown()
    return prepared
  }
  let problem: AppError | null = null
  const write = async <T>(apply: (prepare: Prepare) => T, how = { urgent }) => {
    const prepare = opened()
    try {
      const value = await group.write(() => apply(prepare), how)
      problem = null
      return value
    } catch (thrown) {
      const error = toWriteError(thrown)
      if (error instanceof AppError && error.code === 'storage_full') problem = error
      throw error
    }
  }
  /** As large as a small run. */
  const probe = (prepare: Prepare) => {
    const put = prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', ?)")
    put.run('x'.repeat(probeBytes))
    put.run('')
  }
  return {
    get prepare() {
      return opened()
    },
    isOpen: () => isOpen,
    write,
    reads(query) {
      return async (...args) => {
        const prepare = opened()
        try {
          return query(prepare, ...args)
        } catch (error) {
          throw toReadError(error)
        }
      }
    },
    writes(change, how) {
      return (...args) => write((prepare) => change(prepare, ...args), how)
    },
    commit: () => group.commit(),
    async problem() {
      if (problem !== null) await write(probe, { urgent: true }).catch(() => {})
      return problem
    },
    async close() {
      if (!isOpen) return
      isOpen = false
      group.commit()
      await onClose()
    },
  }
}
