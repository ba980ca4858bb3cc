// Whether the database's file is what it should be: undamaged when the server starts, and still in its place while it
// runs. Not for opening it (see database.ts).

import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { threadFile } from '../platform/thread-file.ts'

const workerUrl = threadFile('integrity-worker', import.meta.url)

/** What SQLite finds wrong in the file; null if nothing is. Takes about 1 to 3 ms per megabyte. */
export function findDamage(db: DatabaseSync): string | null {
  const result = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  return result === 'ok' ? null : String(result)
}

/** The same with a connection of its own, in a thread that does not keep the program running. */
export async function findDamageInBackground(file: string): Promise<string | null> {
  const worker = new Worker(workerUrl, { name: 'integrity', workerData: { file }, env: {}, argv: [], execArgv: [] })
  worker.unref()
  return new Promise((resolve, reject) => {
    worker
      .once('message', resolve)
      .once('error', reject)
      .once('exit', () => resolve(null))
  })
}

export function findDamageInFile(file: string): string | null {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return findDamage(db)
  } catch (error) {
    return String(error)
  } finally {
    db.close()
  }
}

/** What has become of a file that the server has open. */
export type Fate = 'deleted' | 'replaced' | 'emptied' | 'cut'

/** Looks at a file from time to time and reports, once, that it is no longer the one that was there at first. */
export class FileWatch {
  readonly #timer: NodeJS.Timeout

  constructor(file: string, everyMs: number, onFate: (fate: Fate) => void, { mayShrink = false } = {}) {
    const { ino, dev, size } = statSync(file)
    const known = { ino, dev, size }
    const look = async () => {
      const fate = await fateOf(file, known, mayShrink)
      if (fate === null) return
      this.close()
      onFate(fate)
    }
    // Whatever else keeps it from looking is no news of the file.
    const quietly = () => void look().catch(() => {})
    this.#timer = setInterval(quietly, everyMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

type Known = { ino: number; dev: number; size: number }

/** Remembers in `known` how the file has grown. */
async function fateOf(file: string, known: Known, mayShrink: boolean): Promise<Fate | null> {
  try {
    const { ino, dev, size } = await stat(file)
    if (ino !== known.ino || dev !== known.dev) return 'replaced'
    if (size < known.size && !mayShrink) return size === 0 ? 'emptied' : 'cut'
    known.size = size
    return null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'deleted'
    throw error
  }
}
