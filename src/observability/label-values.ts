// Limits the values of one label: some come from requests, and each new one uses memory as long as the server runs.

export class LabelValues {
  readonly #known = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** The name itself for the first `max` names, `other` for any further one. */
  limit(name: string): string {
    if (this.#known.has(name)) return name
    if (this.#known.size >= this.#max) return 'other'
    this.#known.add(name)
    return name
  }
}
