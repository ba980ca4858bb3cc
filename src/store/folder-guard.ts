// Watches the data folder of a running server: its database must stay in place and undamaged, and its lock must hold.
// Not for opening either (see database.ts, folder-lock.ts).
import { statSync } from 'node:fs'
import { type AppError, storageLost } from '../errors.ts'
import type { OnWarning } from '../platform/private-files.ts'
import { type FolderLock, lockFileOf, lockFolder } from './folder-lock.ts'
import { FileWatch, findDamageInBackground } from './integrity.ts'

export type GuardOptions = {
  folder: string
  file: string
  /** Larger databases have not been checked for damage yet. */
  checkBytesMax: number
  watchMs: number
  onWarning: OnWarning
}

export class FolderGuard {
  /** What has happened to the database; null if nothing has. */
  problem: AppError | null = null
  readonly #options: GuardOptions
  readonly #databaseWatches: FileWatch[]
  #lock: FolderLock
  #lockWatch: FileWatch
  #isClosed = false

  constructor(lock: FolderLock, options: GuardOptions) {
    const { file, checkBytesMax, watchMs } = options
    this.#options = options
    this.#lock = lock
    this.#lockWatch = this.#watchLock()
    this.#databaseWatches = [
      new FileWatch(file, watchMs, (fate) => this.#fail(`was ${fate}`)),
      // SQLite empties it from time to time, but removes it only when the database is closed.
      new FileWatch(`${file}-wal`, watchMs, (fate) => this.#fail(`lost its newest part: ${file}-wal was ${fate}`), {
        mayShrink: true,
      }),
    ]
    if (statSync(file).size > checkBytesMax) void this.#check()
  }

  close(): void {
    this.#isClosed = true
    for (const watch of this.#databaseWatches) watch.close()
    this.#lockWatch.close()
    this.#lock.release()
  }

  async #check(): Promise<void> {
    const { file, onWarning } = this.#options
    try {
      const damage = await findDamageInBackground(file)
      if (damage !== null && !this.#isClosed) this.#fail(`is damaged (${damage.replace(/\s+/g, ' ')})`)
    } catch (error) {
      if (!this.#isClosed) onWarning(`the database could not be checked for damage: ${String(error)}`)
    }
  }

  #fail(what: string): void {
    this.problem ??= storageLost(what)
    this.#options.onWarning(`the database ${this.#options.file} ${what}`)
  }

  /** Without its file the lock would not keep a second server out: it is taken again. */
  #watchLock(): FileWatch {
    const { folder, watchMs, onWarning } = this.#options
    return new FileWatch(lockFileOf(folder), watchMs, (fate) => {
      const lock = lockFolder(folder, onWarning)
      if (lock === null) return this.#fail('is in use by another server, because the lock of its folder was deleted')
      this.#lock.release()
      this.#lock = lock
      this.#lockWatch = this.#watchLock()
      onWarning(`the lock of ${folder} was ${fate}, and taken again`)
    })
  }
}
