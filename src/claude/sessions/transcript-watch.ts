// Notices that another program, a terminal or another server, has continued a conversation that a process holds: the process does not read
// the conversation's file again. Costs a stat for each turn, and a look at what was added if the file has grown.
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { projectFolder, toEntries } from './transcript.ts'

/** More than a process adds by itself after a turn, in bytes: what is longer is not read, and counts as another program's. */
const tailBytesMax = 1024 * 1024
/** How many of its own messages are remembered: it may write the last ones after its turn has ended. */
const ownMax = 200

export class TranscriptWatch {
  readonly #configDir: string
  #file: string
  /** Up to here everything is known to the process, in bytes. */
  #known = 0
  #own: string[] = []

  constructor(options: { configDir: string; cwd: string; sessionId: string }) {
    this.#configDir = options.configDir
    this.#file = join(projectFolder(options.configDir, options.cwd), `${options.sessionId}.jsonl`)
    this.#known = this.#size()
  }

  /** A message that the process itself adds. */
  noteOwn(id: string): void {
    this.#own.push(id)
    if (this.#own.length > ownMax) this.#own.shift()
  }

  /** What is in the file now is known to the process. */
  mark(): void {
    this.#known = this.#size()
    if (this.#known > 0) return
    this.#file = this.#findFile() ?? this.#file
    this.#known = this.#size()
  }

  /** Whether the file has messages that the process does not know. A file that cannot be read counts: only the CLI can say what to do. */
  hasForeignMessages(): boolean {
    try {
      return this.#hasForeignMessages()
    } catch {
      return true
    }
  }

  #hasForeignMessages(): boolean {
    const size = this.#size()
    if (size === this.#known) return false
    // A file that was replaced by a shorter one is another program's work.
    if (size < this.#known || size - this.#known > tailBytesMax) return true
    const tail = this.#read(size)
    for (const { type, uuid, isSidechain } of toEntries(tail)) {
      const isMessage = (type === 'user' || type === 'assistant') && isSidechain !== true
      if (isMessage && !this.#own.includes(String(uuid))) return true
    }
    // A line that is still being written is looked at again.
    this.#known += tail.lastIndexOf('\n') + 1
    return false
  }

  /** 0 for a file that does not exist, or cannot be read. */
  #size(): number {
    try {
      return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0
    } catch {
      return 0
    }
  }

  #read(size: number): Buffer {
    const tail = Buffer.alloc(size - this.#known)
    const file = openSync(this.#file, 'r')
    try {
      return tail.subarray(0, readSync(file, tail, 0, tail.length, this.#known))
    } finally {
      closeSync(file)
    }
  }

  /** The CLI gives folders with long names other names, and continues a conversation where it finds it. */
  #findFile(): string | null {
    const projects = join(this.#configDir, 'projects')
    try {
      const files = readdirSync(projects).map((folder) => join(projects, folder, basename(this.#file)))
      return files.find((file) => existsSync(file)) ?? null
    } catch {
      return null
    }
  }
}
