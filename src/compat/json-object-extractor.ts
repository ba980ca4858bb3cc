// Finds the JSON object in an answer that should be nothing else: words before it, a code fence around it and words after it
// are left out. The text may come in pieces.

export class JsonObjectExtractor {
  #emitted = ''
  #depth = 0
  #inString = false
  #isEscaped = false
  #isOver = false

  /** The part of the object that this piece brings. */
  push(piece: string): string {
    if (this.#isOver) return ''
    const from = this.#emitted === '' ? piece.indexOf('{') : 0
    if (from === -1) return ''
    let at = from
    while (at < piece.length && !this.#isOver) this.#step(piece.charAt(at++))
    const told = piece.slice(from, at)
    this.#emitted += told
    return told
  }

  /** Whether what was told is one whole object. */
  get isWhole(): boolean {
    try {
      JSON.parse(this.#emitted)
      return true
    } catch {
      return false
    }
  }

  #step(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (this.#inString && character === '\\') this.#isEscaped = true
    else if (character === '"') this.#inString = !this.#inString
    else if (!this.#inString) this.#nest(character)
  }

  #nest(character: string): void {
    if (character === '{') this.#depth++
    else if (character === '}') this.#isOver = --this.#depth === 0
  }
}
