// Waits until writes to a file are on the disk. The wait happens in another thread, so the process continues. Not for
// the data itself.
import { type FileHandle, open } from 'node:fs/promises'

/** The part of a file handle that is used here. */
export type SyncedFile = Pick<FileHandle, 'datasync' | 'close'>

export class DiskSync {
  readonly #file: SyncedFile
  #current: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(file: SyncedFile) {
    this.#file = file
  }

  static async open(path: string): Promise<DiskSync> {
    return new DiskSync(await open(path, 'r+'))
  }

  /** Resolves once everything written before the call is on the disk. Concurrent calls share one sync. */
  done(): Promise<void> {
    if (this.#current === null) return this.#start()
    // The sync in progress may miss writes made since it started.
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#start()
      })
    return this.#next
  }

  #start(): Promise<void> {
    const current = this.#file.datasync().finally(() => {
      if (this.#current === current) this.#current = null
    })
    this.#current = current
    return current
  }

  /** Closes the file once pending calls are settled. */
  async close(): Promise<void> {
    await this.done().catch(() => {})
    await this.#file.close()
  }
}
