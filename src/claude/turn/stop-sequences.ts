// Finds the first of some stop sequences in a text that comes in pieces, and keeps back what could be the beginning of one.

export class StopSequences {
  readonly #sequences: readonly string[]
  #held = ''

  constructor(sequences: readonly string[]) {
    this.#sequences = sequences.filter((sequence) => sequence !== '')
  }

  /** What can be told now; `hit` is the sequence that was found, before which the text ends. */
  push(piece: string): { text: string; hit: string | null } {
    const text = this.#held + piece
    const found = this.#sequences
      .map((sequence) => ({ sequence, at: text.indexOf(sequence) }))
      .filter(({ at }) => at !== -1)
      .sort((a, b) => a.at - b.at)[0]
    if (found !== undefined) return { text: text.slice(0, found.at), hit: found.sequence }
    const keep = this.#beginningAtEnd(text)
    this.#held = text.slice(text.length - keep)
    return { text: text.slice(0, text.length - keep), hit: null }
  }

  /** What was kept back, when the text is over. */
  flush(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** How many of the last characters could be the beginning of a sequence. */
  #beginningAtEnd(text: string): number {
    const longest = Math.max(0, ...this.#sequences.map((sequence) => sequence.length - 1))
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length)
      if (this.#sequences.some((sequence) => sequence.startsWith(end))) return length
    }
    return 0
  }
}
