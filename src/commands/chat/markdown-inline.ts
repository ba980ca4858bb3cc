// The marks within a line of Markdown, for a terminal, while the line arrives: emphasis, code and links. Marks without an end are text.
// Not for blocks (see markdown.ts). Pure.
import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

export const styled = (style: Style | null, text: string): string =>
  text === '' || style === null ? text : styleText(style, text, { validateStream: false })

/** Each with what is between the marks. */
const spans: readonly [pattern: RegExp, style: Style][] = [
  [/^\*\*\*(?=[^\s*])([^\n]*?[^\s*])\*\*\*(?!\*)/, ['bold', 'italic']],
  [/^\*\*(?=[^\s*])([^\n]*?\S)\*\*(?!\*)/, 'bold'],
  [/^__(?=[^\s_])([^\n]*?\S)__(?!\w)/, 'bold'],
  [/^~~(?=[^\s~])([^\n]*?\S)~~(?!~)/, 'strikethrough'],
  [/^\*(?=[^\s*])((?:[^\n*]|\*\*)*?[^\s*])\*(?!\*)/, 'italic'],
  [/^_(?=[^\s_])([^\n_]*?[^\s_])_(?!\w)/, 'italic'],
]
const code = /^(`+)(?!`)([^\n]*?[^`\n])\1(?!`)/
const link = /^!?\[([^\]\n]*)\]\(([^()\s]*)\)/
const escaped = /^\\([\\`*_{}[\]()#+.!~>|-])/

const unmarked = /^[^\\`*_~![]+/
const sameCharacters = /^(.)\1*/su

/** The other half of a mark is not waited for, nor looked for, any longer than this. */
const spanLengthMax = 400

/** The beginning of the text may be a mark whose other half has not arrived. */
const mayBeCodeOrLink = /^(?:\\$|!$|`|!?\[)/
const mayBeEmphasis = /^([*_~])\1{0,2}(?:$|(?![\s*_~]))/

const isWordCharacter = (character: string) => /[\p{L}\p{N}]/u.test(character)

/** One line, piece by piece. */
export class InlineStream {
  readonly #style: Style | null
  #rest = ''
  /** The character before the rest: marks within a word, as in 5*3 or snake_case, are text. */
  #previous = ''

  /** `style` is that of the whole line. */
  constructor(style: Style | null = null) {
    this.#style = style
  }

  /** Returns what can be shown by now. */
  write(text: string): string {
    this.#rest += text
    return this.#show(false)
  }

  /** Returns what was held back. */
  end(): string {
    return this.#show(true)
  }

  #show(isEnd: boolean): string {
    let shown = ''
    while (this.#rest !== '') {
      const plain = unmarked.exec(this.#rest)?.[0]
      const span = plain === undefined ? this.#span() : null
      if (plain === undefined && span === null && !isEnd && this.#mayBeSpan()) return shown
      shown += styled(this.#style, span ?? this.#take(plain ?? sameCharacters.exec(this.#rest)?.[0] ?? this.#rest))
    }
    return shown
  }

  #take(text: string): string {
    this.#rest = this.#rest.slice(text.length)
    this.#previous = text.at(-1) ?? ''
    return text
  }

  #match(pattern: RegExp): string[] | null {
    // Not in all of a long line, for each of its marks.
    const found = pattern.exec(this.#rest.slice(0, spanLengthMax))
    if (found !== null) this.#take(found[0])
    return found === null ? null : found.map((part) => part ?? '')
  }

  /** The marked text at the beginning of the rest; null if there is none. */
  #span(): string | null {
    const isWithinWord = isWordCharacter(this.#previous)
    const character = this.#match(escaped)
    if (character !== null) return character[1] ?? ''
    const verbatim = this.#match(code)
    if (verbatim !== null) return styled('cyan', (verbatim[2] ?? '').replace(/^ (.*[^ ].*) $/, '$1'))
    const target = this.#match(link)
    if (target !== null) return showLink(target[1] ?? '', target[2] ?? '')
    if (isWithinWord) return null
    for (const [pattern, style] of spans) {
      const found = this.#match(pattern)
      if (found !== null) return styled(style, renderInline(found[1] ?? ''))
    }
    return null
  }

  #mayBeSpan(): boolean {
    if (this.#rest.length > spanLengthMax) return false
    return mayBeCodeOrLink.test(this.#rest) || (!isWordCharacter(this.#previous) && mayBeEmphasis.test(this.#rest))
  }
}

const renderInline = (text: string): string => {
  const stream = new InlineStream()
  return stream.write(text) + stream.end()
}

/** The address stays visible: what a link says is the model's choice. */
const showLink = (name: string, url: string): string =>
  name === url ? styled('underline', url) : `${styled('underline', renderInline(name))} (${url})`
