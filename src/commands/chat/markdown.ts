// Shows Markdown in a terminal while it arrives: headings, lists, quotes, rules and code. What is not understood is shown as it is. It is
// ours, because libraries for this need the whole text (docs/decisions/0028-markdown-in-the-terminal.md). Pure; the input must be free of
// control characters (see terminal-text.ts). Not for the marks within a line (see markdown-inline.ts).
import { InlineStream, type Style, styled } from './markdown-inline.ts'

/** A line of which this is all that has arrived may still become any block. */
const undecided = /^(?:\s*>)*\s*(?:#{1,6}|(?:[-*_][ \t]*)+|\+|\d{1,9}[.)]?|`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^\n]*)?$/

const fence = /^\s*(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*$/
const mayBeFence = /^\s*(?:`*|~*)\s*$/
const rule = /^\s*([-*_])(?:[ \t]*\1){2,}\s*$/
const heading = /^\s{0,3}(#{1,6})[ \t]+/
const bullet = /^(\s*)[-*+][ \t]+/
const numbered = /^\s*\d{1,9}[.)][ \t]+/
const quote = /^\s*>[ \t]?/

const ruleColumns = 40

export class MarkdownStream {
  /** The beginning of a line, until it is known what it is. */
  #head = ''
  /** The line that is being shown; null at the beginning of a line. */
  #line: InlineStream | CodeLine | null = null
  /** The marks that end the block of code. */
  #fence: string | null = null

  /** Returns what can be shown by now. */
  write(text: string): string {
    const [first = '', ...others] = text.split('\n')
    let shown = this.#add(first)
    for (const line of others) shown += `${this.#endLine('\n')}${this.#add(line)}`
    return shown
  }

  /** Returns what was held back. */
  end(): string {
    return this.#endLine('')
  }

  #add(text: string): string {
    if (this.#line !== null) return this.#line.write(text)
    this.#head += text
    const isUndecided = this.#fence === null ? undecided.test(this.#head) : mayBeFence.test(this.#head)
    return isUndecided ? '' : this.#startLine()
  }

  #endLine(lineEnd: string): string {
    const shown = this.#line === null ? this.#wholeLine(lineEnd) : this.#line.end() + lineEnd
    this.#line = null
    this.#head = ''
    return shown
  }

  /** A line that is known only now that it is complete. */
  #wholeLine(lineEnd: string): string {
    const [, marks = '', language = ''] = fence.exec(this.#head) ?? []
    if (this.#fence !== null && language === '' && marks.startsWith(this.#fence)) {
      this.#fence = null
      return ''
    }
    if (this.#fence === null && marks !== '') {
      this.#fence = marks
      return language === '' ? '' : styled('dim', language) + lineEnd
    }
    if (this.#fence === null && rule.test(this.#head)) return styled('dim', '─'.repeat(ruleColumns)) + lineEnd
    const started = this.#startLine()
    return started + (this.#line?.end() ?? '') + lineEnd
  }

  /** Shows the beginning of a line, of which it is known what it is. */
  #startLine(): string {
    if (this.#fence !== null) {
      this.#line = new CodeLine()
      return this.#line.write(this.#head)
    }
    let shown = ''
    let style: Style | null = null
    while (quote.test(this.#head)) shown += this.#take(quote, () => styled('dim', '│ '))
    if (heading.test(this.#head))
      this.#take(heading, ([, marks = '']) => {
        style = marks.length === 1 ? ['bold', 'underline'] : 'bold'
        return ''
      })
    else if (bullet.test(this.#head)) shown += this.#take(bullet, ([, indent = '']) => `${indent}• `)
    else shown += this.#take(numbered, ([marks]) => marks)
    this.#line = new InlineStream(style)
    return shown + this.#line.write(this.#head)
  }

  #take(pattern: RegExp, show: (found: RegExpExecArray) => string): string {
    const found = pattern.exec(this.#head)
    if (found === null) return ''
    this.#head = this.#head.slice(found[0].length)
    return show(found)
  }
}

/** A line of a block of code, to which nothing is a mark. */
class CodeLine {
  write(text: string): string {
    return styled('cyan', text)
  }

  end(): string {
    return ''
  }
}
