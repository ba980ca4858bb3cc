// Finds the first stop sequence in a text that arrives in pieces, and holds back an end that could be the start of one.

export class StopSequences {
  readonly #sequences: readonly string[]
  #held = ''

  constructor(sequences: readonly string[]) {
    this.#sequences = sequences.filter((sequence) => sequence !== '')
  }

  /** Returns the text that can be emitted now; `hit` is the sequence that was found, and the text ends before it. */
  push(piece: string): { text: string; hit: string | null } {
    const text = this.#held + piece
    const found = this.#sequences
      .map((sequence) => ({ sequence, index: text.indexOf(sequence) }))
      .filter(({ index }) => index !== -1)
      .sort((a, b) => a.index - b.index)[0]
    if (found !== undefined) return { text: text.slice(0, found.index), hit: found.sequence }
    const heldLength = this.#partialMatchLength(text)
    this.#held = text.slice(text.length - heldLength)
    return { text: text.slice(0, text.length - heldLength), hit: null }
  }

  /** Returns what was held back; call it when the text is over. */
  flush(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** How many of the last characters could be the start of a sequence. */
  #partialMatchLength(text: string): number {
    const longest = Math.max(0, ...this.#sequences.map((sequence) => sequence.length - 1))
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length)
      if (this.#sequences.some((sequence) => sequence.startsWith(end))) return length
    }
    return 0
  }
}
