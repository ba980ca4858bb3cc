// Incremental Markdown parsing: a streamed text is parsed a few kilobytes at a time and complete blocks are never
// parsed again, so that an answer of any length renders smoothly. Rendering is in parts/markdown.tsx.
import { signal } from '@preact/signals'
import markdownIt, { type Token } from 'markdown-it'

export type { Token } from 'markdown-it'

// No raw HTML: anything that looks like HTML is shown as text.
const parser = markdownIt({ html: false, linkify: true })
// A file name is not a link.
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

/** Complete blocks are moved to a finished piece once they have at least this many characters. */
const pieceChars = 4_000
/** A longer block is split: a code block continues as code, anything else as plain text. */
const blockCharsMax = 24_000

/** Parsing yields to the page after this many milliseconds. */
const sliceMs = 30

/** Parsed blocks, or the plain text of a block that is too long to parse. */
export type Piece = { tokens: readonly Token[]; plain: string | null }

const plainPiece = (plain: string): Piece => ({ tokens: [], plain })

export class MarkdownBlocks {
  /** Increases when there is something new to render. */
  readonly version = signal(0)
  /** Finished pieces; these objects never change. */
  readonly pieces: Piece[] = []
  /** The piece that may still change. */
  last: Piece = plainPiece('')
  text = ''
  /** Text that has not been parsed yet. */
  #incoming = ''
  /** Parsed text that is not in a finished piece yet; never longer than the maximum of one block. */
  #pending = ''
  #timer: ReturnType<typeof setTimeout> | null = null
  /** The opening line of the code block that was split. */
  #fence: string | null = null

  push(text: string): void {
    this.text += text
    this.#incoming += text.replace(/\r\n?/g, '\n')
  }

  /** Parses the new text, in slices if that takes long. */
  update(): void {
    const deadline = performance.now() + sliceMs
    while (this.#incoming !== '' && performance.now() < deadline) {
      const room = blockCharsMax - this.#pending.length
      this.#pending += this.#incoming.slice(0, room)
      this.#incoming = this.#incoming.slice(room)
      if (!this.#finishBlocks() && this.#pending.length >= blockCharsMax) this.#splitBlock()
    }
    this.last = this.#piece(this.#pending)
    this.version.value++
    if (this.#incoming === '' || this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.update()
    })
  }

  #piece(text: string): Piece {
    return { tokens: parser.parse(this.#fence === null ? text : `${this.#fence}\n${text}`, {}), plain: null }
  }

  /** Moves all blocks but the last to a finished piece if they are long enough; false if there is only one block. */
  #finishBlocks(): boolean {
    if (this.#pending.length < pieceChars) return true
    const { tokens } = this.#piece(this.#pending)
    const index = tokens.findLastIndex(({ level, map }) => level === 0 && map !== null)
    const added = this.#fence === null ? 0 : 1
    const line = (tokens[index]?.map?.[0] ?? 0) - added
    if (line <= 0) return false
    if (index > 0) this.pieces.push({ tokens: tokens.slice(0, index), plain: null })
    this.#pending = this.#pending.slice(startOfLine(this.#pending, line))
    this.#fence = null
    return true
  }

  /** Splits the pending text, which is a single block, and finishes what there is of it. */
  #splitBlock(): void {
    const cut = splitIndex(this.#pending)
    const text = this.#pending.slice(0, cut)
    this.#pending = this.#pending.slice(cut)
    const piece = this.#piece(text)
    const [first] = piece.tokens
    const isCode = first?.type === 'fence' && piece.tokens.length === 1
    if (isCode) this.#fence = `${first.markup}${first.info}`
    this.pieces.push(isCode ? piece : plainPiece(text))
  }
}

/** After a line break if the second half has one; never between the halves of a surrogate pair. */
function splitIndex(text: string): number {
  const index = text.lastIndexOf('\n') + 1
  if (index > text.length / 2) return index
  const unit = text.charCodeAt(text.length - 1)
  return unit >= 0xd800 && unit <= 0xdbff ? text.length - 1 : text.length
}

function startOfLine(text: string, line: number): number {
  let index = 0
  for (let count = 0; count < line; count++) index = text.indexOf('\n', index) + 1
  return index
}

/** Parses a complete text. */
export function parseMarkdown(text: string): MarkdownBlocks {
  const blocks = new MarkdownBlocks()
  blocks.push(text)
  blocks.update()
  return blocks
}
