// The output file. Reads it once, repairing the end if the last writer was killed, then appends answers; each is on disk when its promise
// settles. Not for the contents of an answer (see answers.ts).
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, rename, rm, truncate } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { CommandError, reasonOf } from '../command.ts'
import { type Answer, type KnownAnswer, keyOf, mayBeAnswer, readAnswer } from './answers.ts'
import { type Line, linesOf, textOf } from './lines.ts'

export class BatchOutput {
  readonly path: string
  readonly #file: FileHandle
  readonly #known = new Map<string, KnownAnswer>()
  /** Lines of the file that later lines have replaced. */
  readonly #outdated = new Set<number>()
  #rows = 0
  /** What is written next, all at once; null if nothing is waiting. */
  #waiting: { text: string; done: Promise<void> } | null = null
  #written: Promise<void> = Promise.resolve()

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /** Creates the file if it does not exist. Throws CommandError if it cannot be used, or contains something else. */
  static async open(path: string): Promise<BatchOutput> {
    const file = await open(path, 'a+').catch((error) => {
      throw new CommandError(`${path} cannot be written: ${reasonOf(error)}`)
    })
    const output = new BatchOutput(path, file)
    try {
      await output.#read()
      return output
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #read(): Promise<void> {
    let end = 0
    for await (const line of linesOf(createReadStream(this.path))) {
      const text = readableText(line)
      const answer = readAnswer(text)
      if (answer === null && isCutOff(line, text)) return truncate(this.path, end)
      this.#rows = line.number
      if (answer !== null) this.#record(answer)
      else if (text.trim() !== '') throw this.#notAnAnswer(line)
      end = line.end
      // The writer was killed between the last brace and the line feed.
      if (!line.isWhole) await this.#file.appendFile('\n')
    }
  }

  #notAnAnswer({ number }: Line): CommandError {
    const what = `${this.path} contains something other than batch answers (line ${number})`
    return new CommandError(`${what}: choose another file with --output, or move this one away`)
  }

  #record(answer: Answer): void {
    const { line, status, attempt, request_hash: hash } = answer
    const key = keyOf(answer)
    this.#markOutdated(key)
    // An earlier invocation could not send the line.
    if (answer.id !== null) this.#markOutdated(keyOf({ id: null, line }))
    this.#known.set(key, { status, attempt, hash, row: this.#rows })
  }

  #markOutdated(key: string): void {
    const known = this.#known.get(key)
    if (known === undefined) return
    this.#known.delete(key)
    this.#outdated.add(known.row)
  }

  find(item: Pick<Answer, 'id' | 'line'>): KnownAnswer | null {
    return this.#known.get(keyOf(item)) ?? null
  }

  /** Settles when the answer is on disk. After a failure nothing more is written: a partial line must stay the last one. */
  add(answer: Answer): Promise<void> {
    this.#rows++
    this.#record(answer)
    this.#waiting ??= { text: '', done: this.#written.then(() => this.#write()) }
    this.#waiting.text += `${JSON.stringify(answer)}\n`
    this.#written = this.#waiting.done
    // The caller gets the rejection; nothing else waits for it.
    this.#written.catch(() => {})
    return this.#waiting.done
  }

  async #write(): Promise<void> {
    const text = this.#waiting?.text ?? ''
    this.#waiting = null
    try {
      await this.#file.appendFile(text)
      await this.#file.datasync()
    } catch (error) {
      const hint = 'make sure that it can be written, and run the same command again; no answer is lost'
      throw new CommandError(`${this.path} cannot be written (${reasonOf(error)}): ${hint}`)
    }
  }

  /** Removes the lines that later ones have replaced, so that each id has one line. Throws CommandError. */
  async compact(): Promise<void> {
    if (this.#outdated.size === 0) return
    const temporary = `${this.path}.new`
    const { mode } = await this.#file.stat()
    try {
      await rm(temporary, { force: true })
      await pipeline(
        this.#currentRows(),
        createWriteStream(temporary, { flags: 'wx', mode: mode & 0o777, flush: true }),
      )
      await rename(temporary, this.path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw new CommandError(`${this.path} still contains outdated answers above the newer ones: ${reasonOf(error)}`)
    }
    this.#outdated.clear()
  }

  async *#currentRows(): AsyncGenerator<Buffer> {
    for await (const { number, bytes } of linesOf(createReadStream(this.path))) {
      if (bytes !== null && !this.#outdated.has(number)) yield Buffer.concat([bytes, Buffer.from('\n')])
    }
  }

  async close(): Promise<void> {
    await this.#written.catch(() => {})
    await this.#file.close()
  }
}

/** A power failure can leave zeros at the end. */
const isCutOff = ({ isWhole }: Line, text: string): boolean => !isWhole && mayBeAnswer(text.replace(/\0+$/, ''))

/** Empty if the line is too long to be an answer. */
function readableText({ bytes }: Line): string {
  try {
    return bytes === null ? '' : textOf(bytes)
  } catch {
    return bytes?.toString() ?? ''
  }
}
