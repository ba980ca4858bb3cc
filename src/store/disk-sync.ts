// Waits until writes to a file are on the disk. The wait happens in another thread, so the process continues. Not for
// the data itself.
import { type FileHandle, open } from 'node:fs/promises'
import { SharedWork } from '../platform/shared-work.ts'

/** The part of a file handle that is used here. */
export type SyncedFile = Pick<FileHandle, 'datasync' | 'close'>

export class DiskSync {
  readonly #file: SyncedFile
  readonly #sync: SharedWork<void>

  constructor(file: SyncedFile) {
    this.#file = file
    this.#sync = new SharedWork(() => file.datasync())
  }

  static async open(path: string): Promise<DiskSync> {
    return new DiskSync(await open(path, 'r+'))
  }

  /** Resolves once everything written before the call is on the disk. Concurrent calls share one sync. */
  done(): Promise<void> {
    return this.#sync.done()
  }

  /** Closes the file once pending calls are settled. */
  async close(): Promise<void> {
    await this.done().catch(() => {})
    await this.#file.close()
  }
}
