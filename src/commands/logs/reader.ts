// Reads a log that grows and is rotated when it is large: its last lines, and then each new line once. Not for where the files are and
// when they are rotated (see log/log-file.ts), nor for what a line contains.
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { CommandError } from '../command.ts'

/** How many rotated files there are; the first is the newest. */
const rotatedCount = 3
const chunkBytes = 64 * 1024

export class LogReader {
  /** Whether any file existed. */
  hasFound = false
  readonly #file: string
  #open: { handle: FileHandle; id: number; position: number } | null = null
  /** The beginning of a line that is still being written. */
  #rest: Buffer = Buffer.alloc(0)

  constructor(file: string) {
    this.#file = file
  }

  /** The newest `count` lines, the oldest of them first. Throws CommandError. */
  async last(count: number): Promise<string[]> {
    return this.#reportingErrors(async () => {
      let lines = await this.more()
      for (let n = 1; n <= rotatedCount && lines.length < count; n++) lines = [...(await this.#rotated(n)), ...lines]
      return count === 0 ? [] : lines.slice(-Math.min(count, lines.length))
    })
  }

  /** Lines that have been added since. Throws CommandError. */
  async more(): Promise<string[]> {
    return this.#reportingErrors(async () => {
      const before = this.#open?.id ?? null
      const lines = await this.#drain()
      const now = await idOf(this.#file)
      if (now === null || now === this.#open?.id) return lines
      // It has been rotated: lines may have been written to it just before, and other files may have been rotated since.
      if (before !== null) lines.push(...(await this.#drain()), ...(await this.#between(before)))
      await this.close()
      await this.#openFile()
      return [...lines, ...(await this.#drain())]
    })
  }

  async close(): Promise<void> {
    await this.#open?.handle.close()
    this.#open = null
    this.#rest = Buffer.alloc(0)
  }

  async #openFile(): Promise<void> {
    const handle = await open(this.#file).catch(passMissing)
    if (handle === null) return
    this.hasFound = true
    this.#open = { handle, id: (await handle.stat()).ino, position: 0 }
  }

  async #drain(): Promise<string[]> {
    const file = this.#open
    if (file === null) return []
    // The file was truncated.
    if ((await file.handle.stat()).size < file.position) file.position = 0
    const chunks = [this.#rest]
    for (;;) {
      const { bytesRead, buffer } = await file.handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, file.position)
      if (bytesRead === 0) break
      file.position += bytesRead
      chunks.push(buffer.subarray(0, bytesRead))
    }
    const all = Buffer.concat(chunks)
    const end = all.lastIndexOf('\n') + 1
    this.#rest = all.subarray(end)
    return linesOf(all.subarray(0, end))
  }

  async #rotated(n: number): Promise<string[]> {
    const file = `${this.#file}.${n}`
    // It may have been rotated since it was read.
    if ((await idOf(file)) === this.#open?.id) return []
    const bytes = await readFile(file).catch(passMissing)
    if (bytes !== null) this.hasFound = true
    return bytes === null ? [] : linesOf(bytes)
  }

  /** The lines of the files that were rotated after the file with this id. */
  async #between(id: number): Promise<string[]> {
    let lines: string[] = []
    for (let n = 1; n <= rotatedCount; n++) {
      const file = `${this.#file}.${n}`
      const found = await idOf(file)
      if (found === null || found === id) break
      lines = [...linesOf((await readFile(file).catch(passMissing)) ?? Buffer.alloc(0)), ...lines]
    }
    return lines
  }

  async #reportingErrors<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      const isSystemError = error instanceof Error && 'syscall' in error
      throw isSystemError ? new CommandError(`the log ${this.#file} cannot be read: ${error.message}`) : error
    }
  }
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}

async function idOf(file: string): Promise<number | null> {
  return (await stat(file).catch(passMissing))?.ino ?? null
}

function passMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
