// The file of answers: what is there is read once and mended where the last writer was killed; answers are added at its end, and are on
// disk when that settles. Not for what an answer says (see answers.ts).
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, rename, rm, truncate } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { CommandError } from '../command.ts'
import { type Answer, type Known, keyOf, mayBeAnswer, readAnswer } from './answers.ts'
import { type Line, linesOf, textOf } from './lines.ts'

const reasonOf = (fault: unknown) => (fault instanceof Error ? fault.message : String(fault))

export class BatchOutput {
  readonly path: string
  readonly #file: FileHandle
  readonly #known = new Map<string, Known>()
  /** Lines of the file that others further down have taken the place of. */
  readonly #outdated = new Set<number>()
  #rows = 0
  /** What is written next, all at once; null where nothing waits. */
  #waiting: { text: string; done: Promise<void> } | null = null
  #written: Promise<void> = Promise.resolve()

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /** Makes the file where it is missing. Throws CommandError where it cannot be used, or holds something else. */
  static async open(path: string): Promise<BatchOutput> {
    const file = await open(path, 'a+').catch((fault) => {
      throw new CommandError(`${path} cannot be written: ${reasonOf(fault)}`)
    })
    const output = new BatchOutput(path, file)
    try {
      await output.#read()
      return output
    } catch (fault) {
      await file.close()
      throw fault
    }
  }

  async #read(): Promise<void> {
    let end = 0
    for await (const line of linesOf(createReadStream(this.path))) {
      const text = readable(line)
      const answer = readAnswer(text)
      if (answer === null && isCutOff(line, text)) return truncate(this.path, end)
      this.#rows = line.number
      if (answer !== null) this.#note(answer)
      else if (text.trim() !== '') throw this.#foreign(line)
      end = line.end
      // Killed between the last brace and the line's end.
      if (!line.isWhole) await this.#file.appendFile('\n')
    }
  }

  #foreign({ number }: Line): CommandError {
    const what = `${this.path} holds something else than answers of batch (line ${number})`
    return new CommandError(`${what}: name another file with --output, or move this one away`)
  }

  #note(answer: Answer): void {
    const { line, status, attempt, request_hash: hash } = answer
    const key = keyOf(answer)
    this.#forget(key)
    // The line could not be sent then, and now it can.
    if (answer.id !== null) this.#forget(keyOf({ id: null, line }))
    this.#known.set(key, { status, attempt, hash, row: this.#rows })
  }

  #forget(key: string): void {
    const known = this.#known.get(key)
    if (known === undefined) return
    this.#known.delete(key)
    this.#outdated.add(known.row)
  }

  known(of: Pick<Answer, 'id' | 'line'>): Known | null {
    return this.#known.get(keyOf(of)) ?? null
  }

  /** Settles when it is on disk. After a failure nothing more is written: half a line must stay the last one. */
  add(answer: Answer): Promise<void> {
    this.#rows++
    this.#note(answer)
    this.#waiting ??= { text: '', done: this.#written.then(() => this.#write()) }
    this.#waiting.text += `${JSON.stringify(answer)}\n`
    this.#written = this.#waiting.done
    // Who added is told; nobody else waits.
    this.#written.catch(() => {})
    return this.#waiting.done
  }

  async #write(): Promise<void> {
    const text = this.#waiting?.text ?? ''
    this.#waiting = null
    try {
      await this.#file.appendFile(text)
      await this.#file.datasync()
    } catch (fault) {
      const hint = 'see to it that it can be written and give the same command again: nothing that was answered is lost'
      throw new CommandError(`${this.path} cannot be written (${reasonOf(fault)}): ${hint}`)
    }
  }

  /** Leaves out the lines that others have taken the place of: afterwards there is one for each id. Throws CommandError. */
  async tidy(): Promise<void> {
    if (this.#outdated.size === 0) return
    const fresh = `${this.path}.new`
    const { mode } = await this.#file.stat()
    try {
      await rm(fresh, { force: true })
      await pipeline(this.#rowsInForce(), createWriteStream(fresh, { flags: 'wx', mode: mode & 0o777, flush: true }))
      await rename(fresh, this.path)
    } catch (fault) {
      await rm(fresh, { force: true })
      throw new CommandError(`${this.path} still has outdated answers above the later ones: ${reasonOf(fault)}`)
    }
    this.#outdated.clear()
  }

  async *#rowsInForce(): AsyncGenerator<Buffer> {
    for await (const { number, bytes } of linesOf(createReadStream(this.path))) {
      if (bytes !== null && !this.#outdated.has(number)) yield Buffer.concat([bytes, Buffer.from('\n')])
    }
  }

  async close(): Promise<void> {
    await this.#written.catch(() => {})
    await this.#file.close()
  }
}

/** Zeros are what a machine that lost its power can leave at the end. */
const isCutOff = ({ isWhole }: Line, text: string): boolean => !isWhole && mayBeAnswer(text.replace(/\0+$/, ''))

/** Empty for what cannot be an answer at all. */
function readable({ bytes }: Line): string {
  try {
    return bytes === null ? '' : textOf(bytes)
  } catch {
    return bytes?.toString() ?? ''
  }
}
