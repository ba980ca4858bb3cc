// Whether a file has changed since it was last looked at, without reading it. Asked on the way of every request, and so
// without the detour through Node's thread pool: on a local disk the answer takes microseconds.
import { statSync } from 'node:fs'

/** A word that is equal for as long as the file, or folder, is the same; `-` where there is none. */
export function fileStamp(path: string): string {
  try {
    const info = statSync(path, { throwIfNoEntry: false })
    return info === undefined ? '-' : `${info.mtimeMs}:${info.size}:${info.ino}`
  } catch {
    return '-'
  }
}

/** How many files' findings are kept before all are forgotten. */
const rememberedMax = 2000

/** What was found in files, kept for as long as each is the same. */
export class FileCache<T> {
  readonly #read: (path: string) => T
  readonly #known = new Map<string, { state: string; found: T | null }>()

  constructor(read: (path: string) => T) {
    this.#read = read
  }

  /** Null where the file is missing or cannot be read. */
  of(path: string): T | null {
    const state = fileStamp(path)
    if (state === '-') return null
    const known = this.#known.get(path)
    if (known?.state === state) return known.found
    if (this.#known.size >= rememberedMax) this.#known.clear()
    const found = this.#tryReading(path)
    this.#known.set(path, { state, found })
    return found
  }

  #tryReading(path: string): T | null {
    try {
      return this.#read(path)
    } catch {
      return null
    }
  }
}
