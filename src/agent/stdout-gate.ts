// What stands between a CLI's output and the SDK that parses it: it can be held shut, so that a slow reader slows the CLI
// instead of filling our memory, and it refuses output that is no protocol (lines without end, line after line of noise).
import { Transform, type TransformCallback } from 'node:stream'

/** Longest line that is let through. A base64 image in a tool result is the longest honest one. */
const lineBytesMax = 16 * 1024 * 1024
/** Lines that are not JSON objects; a few are let pass, as the SDK skips them. */
const noiseLinesMax = 100

const newline = 0x0a
const openBrace = 0x7b

/** Emits `babble` once, with an Error that says what was wrong, and lets nothing through afterwards. */
export class StdoutGate extends Transform {
  #shut = false
  #resume: (() => void) | null = null
  #lineBytes = 0
  #noiseLines = 0
  #refused = false

  hold(): void {
    this.#shut = true
  }

  release(): void {
    this.#shut = false
    this.#resume?.()
    this.#resume = null
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const fault = this.#refused ? null : this.#inspect(chunk)
    if (fault !== null) {
      this.#refused = true
      this.emit('babble', new Error(fault))
    }
    if (this.#refused) return done()
    if (!this.#shut) return done(null, chunk)
    this.#resume = () => done(null, chunk)
  }

  #inspect(chunk: Buffer): string | null {
    let start = 0
    while (start < chunk.length) {
      if (this.#lineBytes === 0 && chunk[start] !== openBrace && chunk[start] !== newline) this.#noiseLines++
      const end = chunk.indexOf(newline, start)
      const stop = end === -1 ? chunk.length : end
      this.#lineBytes += stop - start
      if (this.#lineBytes > lineBytesMax) return `the CLI wrote a line of more than ${lineBytesMax} bytes`
      if (end === -1) break
      this.#lineBytes = 0
      start = end + 1
    }
    return this.#noiseLines > noiseLinesMax ? `the CLI wrote more than ${noiseLinesMax} lines that are not JSON` : null
  }
}
