// Remembers the values that were used last, within two bounds: how many they are, and how many characters they take. Not for how a
// value is made.

export type RecentLimits = { countMax: number; charsMax: number }

type Entry<Value> = { value: Value; chars: number }

export class RecentValues<Value> {
  readonly #limits: RecentLimits
  /** The most recently used is last. */
  readonly #entries = new Map<string, Entry<Value>>()
  #chars = 0

  constructor(limits: RecentLimits) {
    this.#limits = limits
  }

  /** Undefined if it is not known. Counts as a use. */
  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** `valueChars`: what the value takes, besides its key. The least recently used ones make room; one that is too large alone is left out. */
  set(key: string, value: Value, valueChars: number): void {
    this.delete(key)
    const chars = key.length + valueChars
    if (chars > this.#limits.charsMax) return
    this.#entries.set(key, { value, chars })
    this.#chars += chars
    const { countMax, charsMax } = this.#limits
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= countMax && this.#chars <= charsMax) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#chars -= entry.chars
  }
}
