// Lines that a person types, for conversations of `claude-serve chat`: editing and history are those of node:readline. What is typed while
// nothing reads is kept for the next prompt, but never answers a question that was not on the screen yet. Not for what a line means.
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { type History, historyLengthMax } from './history.ts'

type Waiting = { resolve(line: string | null): void; isPrompt: boolean }

/** Shows nothing while it is muted: an answer is being written then. */
class MutableOutput extends Writable {
  readonly #stream: WriteStream
  isMuted = true

  constructor(stream: WriteStream) {
    super()
    this.#stream = stream
    stream.on('resize', () => this.emit('resize'))
  }

  get columns(): number {
    return this.#stream.columns
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isMuted) this.#stream.write(chunk)
    // At once: what waited here would be shown, or not, by a later state.
    done()
  }
}

const bracketedPaste = { on: '\u001b[?2004h', off: '\u001b[?2004l' }

type Key = { name?: string } | undefined

export class TerminalInput {
  readonly #readline: Interface
  readonly #output: MutableOutput
  readonly #stream: WriteStream
  readonly #history: History
  /** Complete lines that nothing has read. */
  #early: string[] = []
  /** The lines of a text that is being pasted, or of one whose lines end with a backslash. */
  #parts: string[] = []
  #isPasting = false
  #waiting: Waiting | null = null
  #isClosed = false
  /** Called for Ctrl-C. */
  onInterrupt: () => void = () => {}
  /** Called for Ctrl-D, and when the terminal is closed. */
  onClose: () => void = () => {}

  constructor(stream: WriteStream, history: History) {
    this.#stream = stream
    this.#history = history
    this.#output = new MutableOutput(stream)
    process.stdin.on('keypress', (_, key: Key) => this.#watchPaste(key))
    this.#readline = createInterface({
      input: process.stdin,
      output: this.#output,
      terminal: true,
      // It edits single lines.
      history: history.lines.map((line) => line.replace(/\s+/g, ' ')),
      historySize: historyLengthMax,
    })
    this.#readline
      .on('line', (line) => this.#take(line))
      .on('SIGINT', () => this.onInterrupt())
      .on('close', () => this.#end())
      // Answers to questions are no prompts.
      .on('history', (lines: string[]) => void (this.#waiting?.isPrompt === false && lines.shift()))
    stream.write(bracketedPaste.on)
  }

  /** The next prompt, of one or more lines; null at the end. */
  async readPrompt(label: string): Promise<string | null> {
    const early = this.#early.shift()
    if (early !== undefined) this.#stream.write(`${label}${early}\n`)
    const text = early ?? (await this.#read(label, true))
    if (text !== null && text.trim() !== '') this.#history.add(text)
    return text
  }

  /** The answer to a question; null at the end, or once `signal` is aborted. What was typed before does not count. */
  async readAnswer(label: string, signal: AbortSignal): Promise<string | null> {
    if (signal.aborted) return null
    this.#early = []
    this.clear()
    const read = this.#read(label, false)
    const abort = new AbortController()
    try {
      return await Promise.race([read, once(signal, 'abort', { signal: abort.signal }).then(() => null)])
    } finally {
      abort.abort()
      if (signal.aborted) this.#output.write('\n')
      this.#settle(null)
    }
  }

  /** Whether there was anything to clear. */
  clear(): boolean {
    const hadText = this.#readline.line !== '' || this.#parts.length > 0
    this.#parts = []
    this.#readline.write(null, { ctrl: true, name: 'e' })
    this.#readline.write(null, { ctrl: true, name: 'u' })
    return hadText
  }

  /** Shows the prompt again, below what was written. */
  redraw(): void {
    if (this.#waiting !== null) this.#readline.prompt(true)
  }

  close(): void {
    this.#readline.close()
  }

  #read(label: string, isPrompt: boolean): Promise<string | null> {
    if (this.#isClosed) return Promise.resolve(null)
    return new Promise((resolve) => {
      this.#waiting = { resolve, isPrompt }
      this.#output.isMuted = false
      this.#readline.setPrompt(label)
      this.#readline.prompt(true)
    })
  }

  #take(line: string): void {
    const isContinued = this.#waiting?.isPrompt === true && line.endsWith('\\')
    if (this.#isPasting || isContinued) {
      this.#parts.push(isContinued && !this.#isPasting ? line.slice(0, -1) : line)
      if (this.#isPasting) return
      this.#readline.setPrompt('… ')
      return this.#readline.prompt()
    }
    const text = [...this.#parts, line].join('\n')
    this.#parts = []
    if (this.#waiting === null) this.#early.push(text)
    else this.#settle(text)
  }

  #settle(text: string | null): void {
    this.#output.isMuted = true
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve(text)
  }

  /** A text that is pasted is one prompt, however many lines it has. */
  #watchPaste(key: Key): void {
    if (key?.name === 'paste-start') this.#isPasting = true
    if (key?.name === 'paste-end') this.#isPasting = false
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stream.write(bracketedPaste.off)
    this.#settle(null)
    this.onClose()
  }
}
