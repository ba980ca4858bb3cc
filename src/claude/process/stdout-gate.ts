// A gate between a CLI's output and the SDK that parses it. It can be held shut, so that a slow reader slows the CLI
// down instead of filling the server's memory. It drops lines that are not JSON objects, which the SDK does not expect.
// It rejects output that does not follow the protocol at all (endless lines, line after line of noise).
import { Transform, type TransformCallback } from 'node:stream'

/** The longest line that passes. A base64 image in a tool result is the longest legitimate one. */
const lineBytesMax = 16 * 1024 * 1024
/** The most lines that may not be JSON objects: a few do no harm, more mean that this is not the expected program. */
const noiseLinesMax = 100

const newline = 0x0a
const openBrace = 0x7b

/** Emits `babble` once, with an Error that names the problem, and passes nothing afterwards. */
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
    // Passing this chunk on may bring the next one, which may be held back in turn.
    const resume = this.#resume
    this.#resume = null
    resume?.()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#refused) return done()
    const passed = this.#sift(chunk)
    const problem = this.#problem()
    if (problem !== null) {
      this.#refused = true
      this.emit('babble', new Error(problem))
      return done()
    }
    const pass = () => (passed.length > 0 ? done(null, passed) : done())
    if (this.#shut) this.#resume = pass
    else pass()
  }

  /** The chunk without its noise. A line may start in one chunk and end in a later one. */
  #sift(chunk: Buffer): Buffer {
    const passed: Buffer[] = []
    let isWhole = true
    for (let start = 0; start < chunk.length; ) {
      if (this.#lineBytes === 0) this.#beginLine(chunk[start])
      const end = chunk.indexOf(newline, start)
      const stop = end === -1 ? chunk.length : end + 1
      if (this.#isNoise) isWhole = false
      else passed.push(chunk.subarray(start, stop))
      this.#lineBytes = end === -1 ? this.#lineBytes + stop - start : 0
      start = stop
    }
    return isWhole ? chunk : Buffer.concat(passed)
  }

  #beginLine(first: number | undefined): void {
    this.#isNoise = first !== openBrace && first !== newline
    if (this.#isNoise) this.#noiseLines++
  }

  #problem(): string | null {
    if (this.#lineBytes > lineBytesMax) return `the CLI wrote a line of more than ${lineBytesMax} bytes`
    return this.#noiseLines > noiseLinesMax ? `the CLI wrote more than ${noiseLinesMax} lines that are not JSON` : null
  }
}
