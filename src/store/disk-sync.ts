// Waits until what was written to a file is on the disk, while the process goes on: the wait is a thread's. Not for what is written.
import { type FileHandle, open } from 'node:fs/promises'

/** What it needs of a file. */
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

  /** Resolves when all that was written before the call is on the disk. Those who wait at the same time share one wait. */
  done(): Promise<void> {
    if (this.#current === null) return this.#begin()
    // The one that goes on may have missed what was written since it began.
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#begin()
      })
    return this.#next
  }

  #begin(): Promise<void> {
    const current = this.#file.datasync().finally(() => {
      if (this.#current === current) this.#current = null
    })
    this.#current = current
    return current
  }

  /** After those who wait. */
  async close(): Promise<void> {
    await this.done().catch(() => {})
    await this.#file.close()
  }
}
