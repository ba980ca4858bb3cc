// What stands between a CLI's output and the SDK that parses it: it can be held shut, so that a slow reader slows the CLI
// instead of filling our memory; it keeps back lines that are no JSON objects, which the SDK does not expect; and it refuses
// output that is no protocol at all (lines without end, line after line of noise).
import { Transform, type TransformCallback } from 'node:stream'

/** Longest line that is let through. A base64 image in a tool result is the longest honest one. */
const lineBytesMax = 16 * 1024 * 1024
/** Lines that are not JSON objects: a few do no harm, more mean that this is not the program we take it for. */
const noiseLinesMax = 100

const newline = 0x0a
const openBrace = 0x7b

/** Emits `babble` once, with an Error that says what was wrong, and lets nothing through afterwards. */
export class StdoutGate extends Transform {
  #shut = false
  #resume: (() => void) | null = null
  #lineBytes = 0
  #noiseLines = 0
  #isNoise = false
  #refused = false

  hold(): void {
    this.#shut = true
  }

  release(): void {
    this.#shut = false
    // Letting this chunk go may bring the next one, and that may be held back in turn.
    const resume = this.#resume
    this.#resume = null
    resume?.()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#refused) return done()
    const passed = this.#sift(chunk)
    const fault = this.#fault()
    if (fault !== null) {
      this.#refused = true
      this.emit('babble', new Error(fault))
      return done()
    }
    const pass = () => (passed.length > 0 ? done(null, passed) : done())
    if (this.#shut) this.#resume = pass
    else pass()
  }

  /** The chunk without its noise. A line may begin in one chunk and end in a later one. */
  #sift(chunk: Buffer): Buffer {
    const kept: Buffer[] = []
    let isWhole = true
    for (let start = 0; start < chunk.length; ) {
      if (this.#lineBytes === 0) this.#beginLine(chunk[start])
      const end = chunk.indexOf(newline, start)
      const stop = end === -1 ? chunk.length : end + 1
      if (this.#isNoise) isWhole = false
      else kept.push(chunk.subarray(start, stop))
      this.#lineBytes = end === -1 ? this.#lineBytes + stop - start : 0
      start = stop
    }
    return isWhole ? chunk : Buffer.concat(kept)
  }

  #beginLine(first: number | undefined): void {
    this.#isNoise = first !== openBrace && first !== newline
    if (this.#isNoise) this.#noiseLines++
  }

  #fault(): string | null {
    if (this.#lineBytes > lineBytesMax) return `the CLI wrote a line of more than ${lineBytesMax} bytes`
    return this.#noiseLines > noiseLinesMax ? `the CLI wrote more than ${noiseLinesMax} lines that are not JSON` : null
  }
}
