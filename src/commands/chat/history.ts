// The prompts that were typed in conversations of `claude-serve chat`, for the up key. They are in the data folder, in a file that only its
// owner can read. Not for conversations themselves: those are the CLI's.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makePrivateFile, makePrivateFolder } from '../../platform/private-files.ts'
import { note, reasonOf } from '../command.ts'

/** Below the data folder; one JSON string per line, the oldest first. */
export const historyFileName = 'chat-history'

export const historyLengthMax = 1000

export class History {
  readonly #path: string
  #isUsable = true
  /** The newest first, as node:readline takes them. */
  readonly lines: string[]

  constructor(dataDir: string) {
    this.#path = join(dataDir, historyFileName)
    const stored = readLines(this.#path)
    this.lines = stored.slice(-historyLengthMax).reverse()
    if (stored.length > 2 * historyLengthMax) this.#try(() => this.#shorten())
  }

  add(line: string): void {
    this.#try(() => {
      makePrivateFolder(dirname(this.#path), note)
      makePrivateFile(this.#path, note)
      appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
    })
  }

  #shorten(): void {
    writeFileSync(
      this.#path,
      this.lines
        .toReversed()
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
      { mode: 0o600 },
    )
  }

  /** A conversation is possible without it. */
  #try(action: () => void): void {
    if (!this.#isUsable) return
    try {
      action()
    } catch (error) {
      this.#isUsable = false
      note(`prompts are no longer remembered: ${reasonOf(error)}`)
    }
  }
}

function readLines(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line)
      return typeof value === 'string' ? [value] : []
    } catch {
      // The line that was being written when the machine stopped.
      return []
    }
  })
}
