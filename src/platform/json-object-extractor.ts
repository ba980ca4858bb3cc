// Extracts the JSON object from an answer that should contain nothing else. Text before and after it and a code fence
// around it are left out. The answer may arrive in pieces.

export class JsonObjectExtractor {
  #emitted = ''
  #depth = 0
  #inString = false
  #isEscaped = false
  #isOver = false

  /** Returns the part of the object that is in this piece. */
  push(piece: string): string {
    if (this.#isOver) return ''
    const from = this.#emitted === '' ? piece.indexOf('{') : 0
    if (from === -1) return ''
    let index = from
    while (index < piece.length && !this.#isOver) this.#step(piece.charAt(index++))
    const part = piece.slice(from, index)
    this.#emitted += part
    return part
  }

  /** Whether the parts returned so far are one complete object. */
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
