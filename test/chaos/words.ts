// The account at the model: each prompt carries a word of its own, and every request that reaches the scripted model is counted for the
// word in its newest message. Earlier messages of a conversation do not count again.
import type { RecordedRequest, Upstream } from '../../src/demo/upstream.ts'

const pattern = /\bw\d+w\b/g

export class Words {
  readonly #counts = new Map<string, number>()
  #last = 0

  constructor(upstream: Upstream) {
    // Never matches: it sees each request once, and keeps none.
    void upstream.waitForRequest((request) => this.#see(request)).catch(() => {})
  }

  next(): string {
    return `w${++this.#last}w`
  }

  /** How often the model was requests this. */
  count(word: string): number {
    return this.#counts.get(word) ?? 0
  }

  get total(): number {
    return this.#last
  }

  #see({ method, url, body }: RecordedRequest): false {
    if (method !== 'POST' || !url.startsWith('/v1/messages') || url.includes('count_tokens')) return false
    const newest = body?.messages?.findLast(({ role }) => role === 'user')
    const words = new Set(JSON.stringify(newest ?? '').match(pattern) ?? [])
    for (const word of words) this.#counts.set(word, this.count(word) + 1)
    return false
  }
}
