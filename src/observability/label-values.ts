// The values that one label may have: some of them come with requests, and each new one costs memory for as long as the server lives.

export class LabelValues {
  readonly #known = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** The name itself for the first so many names, `other` for all that come after them. */
  of(name: string): string {
    if (this.#known.has(name)) return name
    if (this.#known.size >= this.#max) return 'other'
    this.#known.add(name)
    return name
  }
}
