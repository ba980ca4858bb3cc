// Markdown that grows: a text that comes piece by piece is parsed a few kilobytes at a time, and what is complete is never looked at
// again, so that an answer of any length stays smooth. What it looks like is drawn by parts/markdown.tsx.
import { signal } from '@preact/signals'
import markdownIt, { type Token } from 'markdown-it'

export type { Token } from 'markdown-it'

// No raw HTML: what looks like it is text.
const parser = markdownIt({ html: false, linkify: true })
// The name of a file is no address.
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

/** Complete blocks are put away in pieces of at least this many characters. */
const pieceChars = 4_000
/** A block that is longer is cut: the rest of a block of code goes on as code, that of anything else as plain text. */
const blockCharsMax = 24_000

/** After so many milliseconds the page has its turn. */
const sliceMs = 30

/** What a piece shows: parsed blocks, or text of a block that is too long to be parsed. */
export type Piece = { tokens: readonly Token[]; plain: string | null }

const plainPiece = (plain: string): Piece => ({ tokens: [], plain })

export class MarkdownBlocks {
  /** Counts up when there is something new to draw. */
  readonly version = signal(0)
  /** Complete ones; each stays the same object for good. */
  readonly pieces: Piece[] = []
  /** What may still change. */
  last: Piece = plainPiece('')
  text = ''
  /** Not looked at yet. */
  #incoming = ''
  /** Not put away yet; never more than one block may have. */
  #pending = ''
  #timer: ReturnType<typeof setTimeout> | null = null
  /** The line that opens the block of code which was cut. */
  #fence: string | null = null

  push(text: string): void {
    this.text += text
    this.#incoming += text.replace(/\r\n?/g, '\n')
  }

  /** Parses what has come since; where that takes long, by and by. */
  update(): void {
    const until = performance.now() + sliceMs
    while (this.#incoming !== '' && performance.now() < until) {
      const room = blockCharsMax - this.#pending.length
      this.#pending += this.#incoming.slice(0, room)
      this.#incoming = this.#incoming.slice(room)
      if (!this.#putAway() && this.#pending.length >= blockCharsMax) this.#cutBlock()
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

  /** Makes a piece of all blocks but the last one, where they are enough; false where there is no second block. */
  #putAway(): boolean {
    if (this.#pending.length < pieceChars) return true
    const { tokens } = this.#piece(this.#pending)
    const at = tokens.findLastIndex(({ level, map }) => level === 0 && map !== null)
    const added = this.#fence === null ? 0 : 1
    const line = (tokens[at]?.map?.[0] ?? 0) - added
    if (line <= 0) return false
    if (at > 0) this.pieces.push({ tokens: tokens.slice(0, at), plain: null })
    this.#pending = this.#pending.slice(beginOfLine(this.#pending, line))
    this.#fence = null
    return true
  }

  /** All that is pending is one block: what there is of it is put away. */
  #cutBlock(): void {
    const cut = placeToCut(this.#pending)
    const text = this.#pending.slice(0, cut)
    this.#pending = this.#pending.slice(cut)
    const piece = this.#piece(text)
    const [first] = piece.tokens
    const isCode = first?.type === 'fence' && piece.tokens.length === 1
    if (isCode) this.#fence = `${first.markup}${first.info}`
    this.pieces.push(isCode ? piece : plainPiece(text))
  }
}

/** After a line's end, if there is one in the last half; never between the halves of a character. */
function placeToCut(text: string): number {
  const at = text.lastIndexOf('\n') + 1
  if (at > text.length / 2) return at
  const unit = text.charCodeAt(text.length - 1)
  return unit >= 0xd800 && unit <= 0xdbff ? text.length - 1 : text.length
}

function beginOfLine(text: string, line: number): number {
  let at = 0
  for (let count = 0; count < line; count++) at = text.indexOf('\n', at) + 1
  return at
}

/** A text that is there already. */
export function wholeMarkdown(text: string): MarkdownBlocks {
  const blocks = new MarkdownBlocks()
  blocks.push(text)
  blocks.update()
  return blocks
}
