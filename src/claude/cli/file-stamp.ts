// Whether a file has changed since the last check, without reading it. Every request needs this, so it avoids Node's
// thread pool: on a local disk the check takes microseconds.
import { statSync } from 'node:fs'

/** A word that stays equal while the file or folder is unchanged; `-` if it does not exist. */
export function fileStamp(path: string): string {
  try {
    const info = statSync(path, { throwIfNoEntry: false })
    return info === undefined ? '-' : `${info.mtimeMs}:${info.size}:${info.ino}:${info.mode}`
  } catch {
    return '-'
  }
}

/** How many files' results are cached before all are dropped. */
const cachedMax = 2000

/** Caches the results of reading files while each file is unchanged. */
export class FileCache<T> {
  readonly #read: (path: string) => T
  readonly #cached = new Map<string, { stamp: string; result: T | null }>()

  constructor(read: (path: string) => T) {
    this.#read = read
  }

  /** Null if the file is missing or cannot be read. */
  get(path: string): T | null {
    const stamp = fileStamp(path)
    if (stamp === '-') return null
    const cached = this.#cached.get(path)
    if (cached?.stamp === stamp) return cached.result
    if (this.#cached.size >= cachedMax) this.#cached.clear()
    const result = this.#tryReading(path)
    this.#cached.set(path, { stamp, result })
    return result
  }

  #tryReading(path: string): T | null {
    try {
      return this.#read(path)
    } catch {
      return null
    }
  }
}
