// Splits bytes into lines, one at a time, however large the file is. Only line feeds end a line: a JSON string may contain the other
// characters that Node's readline treats as line ends. Not for the contents of a line.

/** `end` is the offset after the line. `isWhole`: it ended with a line feed. `bytes` is null if the line is too long. */
export type Line = { number: number; bytes: Buffer | null; end: number; isWhole: boolean }

/** No server accepts a larger body. */
const lineBytesMax = 256 * 1024 * 1024

const lineFeed = 0x0a

/** The part of a line that was read so far; only the length if the line is too long. */
class Part {
  #pieces: Buffer[] = []
  length = 0

  add(piece: Buffer): void {
    this.length += piece.length
    if (this.length > lineBytesMax) this.#pieces = []
    else this.#pieces.push(piece)
  }

  get bytes(): Buffer | null {
    if (this.length > lineBytesMax) return null
    const [only] = this.#pieces
    return this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces)
  }
}

export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let [number, end, part] = [0, 0, new Part()]
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = 0
    for (let index = bytes.indexOf(lineFeed); index !== -1; index = bytes.indexOf(lineFeed, from)) {
      part.add(bytes.subarray(from, index))
      end += part.length + 1
      yield { number: ++number, bytes: part.bytes, end, isWhole: true }
      part = new Part()
      from = index + 1
    }
    if (from < bytes.length) part.add(bytes.subarray(from))
  }
  if (part.length > 0) yield { number: number + 1, bytes: part.bytes, end: end + part.length, isWhole: false }
}

const whiteSpace = new Set([0x20, 0x09, 0x0d])

/** The number of lines that contain more than white space. */
export async function countLines(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let [count, isBlank] = [0, true]
  for await (const chunk of chunks) {
    for (const byte of chunk) {
      if (byte === lineFeed) isBlank = true
      else if (isBlank && !whiteSpace.has(byte)) {
        count++
        isBlank = false
      }
    }
  }
  return count
}

/** The line's text, without a byte order mark. Throws a TypeError if it is not UTF-8. */
export const textOf = (bytes: Buffer): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes)
