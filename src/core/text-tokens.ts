// How many tokens a text is, by rough weights for the kinds of characters in it: no table of tokens, one pass, no allocation
// per character. The weights fit the tokenizer of older Claude models; what newer ones count is learned from their answers
// (token-gauge.ts). Not for whole requests (token-estimate.ts).

/** Runs of one kind are weighed together, much as tokenizers cut a text into words before they look at them. */
const kinds = { space: 0, digit: 1, latin: 2, sign: 3, cyrillic: 4, semitic: 5, han: 6, kana: 7, hangul: 8, other: 9 }

const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code === 32 || (code >= 9 && code <= 13)) return kinds.space
  if (code >= 48 && code <= 57) return kinds.digit
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122) ? kinds.latin : kinds.sign
})

/** Where each kind begins, in order, by the blocks of Unicode. What lies between is `other`: signs, emoji, further scripts. */
const blocks: readonly [from: number, to: number, kind: number][] = [
  [0xc0, 0x24f, kinds.latin],
  [0x400, 0x52f, kinds.cyrillic],
  [0x5d0, 0x6ff, kinds.semitic],
  [0x1e00, 0x1eff, kinds.latin],
  [0x3041, 0x30ff, kinds.kana],
  [0x3400, 0x9fff, kinds.han],
  [0xac00, 0xd7a3, kinds.hangul],
]

function kindOf(code: number): number {
  if (code < 128) return asciiKinds[code] ?? kinds.other
  for (const [from, to, kind] of blocks) if (code <= to) return code >= from ? kind : kinds.other
  return kinds.other
}

/** A run costs `first`, and `more` for each character after the first. */
const weights: Record<number, { first: number; more: number }> = {
  [kinds.cyrillic]: { first: 1.05, more: 0.44 },
  [kinds.semitic]: { first: 1.9, more: 0.84 },
  [kinds.han]: { first: 1.05, more: 0.88 },
  [kinds.kana]: { first: 1.05, more: 0.9 },
  [kinds.hangul]: { first: 1.5, more: 1.2 },
}

/** A character that stands often enough to have long tokens of its own: rules, indentation. */
const sameSignsPerToken = 40
const sameLettersPerToken = 14
const spacesPerToken = 150

/**
 * The short words that prose in English and programs are full of. Where the short words of a text are others, its language is
 * another, and its longer words are cut into more tokens.
 */
const familiar = new Set(
  `the of and to in is for that on with be it as are this not or by from an at you can if will have was but we all has its
   no any use more one may so when only out up new set get must been also such than then they what into some each used your
   he his her she do were had our there let var int else char true null self func def pub fn case type line file name key
   code data list path time call`
    .split(/\s+/)
    .map((word) => packed(word, 0, word.length)),
)

/** A word of up to four small letters as one number. */
function packed(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) value = value * 32 + (text.charCodeAt(at) - 96)
  return value
}

const isCapital = (code: number) => code >= 65 && code <= 90

export function estimateText(text: string): number {
  const tally = new Tally(text)
  let from = 0
  while (from < text.length) {
    const kind = kindOf(text.charCodeAt(from))
    let to = from + 1
    while (to < text.length && kindOf(text.charCodeAt(to)) === kind) to++
    tally.add(kind, from, to)
    from = to
  }
  return Math.ceil(tally.total())
}

/** Languages are told apart in stretches of this many words, so that a text may be in several. */
const stretchWords = 400

class Tally {
  readonly #text: string
  #tokens = 0
  /** What the long words cost besides if they are not English, and the evidence for that. */
  #foreign = 0
  #words = 0
  #shortWords = 0
  #unfamiliar = 0

  constructor(text: string) {
    this.#text = text
  }

  total(): number {
    this.#endStretch()
    return this.#tokens
  }

  add(kind: number, from: number, to: number): void {
    if (kind === kinds.latin) this.#addWord(from, to)
    else this.#tokens += this.#cost(kind, from, to)
  }

  #cost(kind: number, from: number, to: number): number {
    const length = to - from
    switch (kind) {
      case kinds.space:
        return this.#spaceCost(from, to)
      case kinds.digit:
        return length <= 3 ? 1 : this.#isSame(from, to) ? 1 + length / sameLettersPerToken : 0.1 + length * 0.4
      case kinds.sign:
        return this.#signCost(from, to)
      case kinds.cyrillic:
        return this.#cyrillicCost(from, to)
      case kinds.other:
        return this.#otherCost(from, to)
    }
    const { first, more } = weights[kind] ?? { first: 1, more: 1 }
    return first + (length - 1) * more
  }

  /** A single space is part of the word after it; so is the last one of several. */
  #spaceCost(from: number, to: number): number {
    const length = to - from
    const joins = this.#text.charCodeAt(to - 1) === 32 && to < this.#text.length
    const rest = length - 1
    return (joins ? 0 : 1) + (rest > 0 ? 1 + Math.floor(rest / spacesPerToken) : 0)
  }

  #signCost(from: number, to: number): number {
    const length = to - from
    if (this.#isSame(from, to)) return 1 + Math.floor(length / sameSignsPerToken)
    return length <= 2 ? 1 : 1.15 + (length - 3) * 0.4
  }
}
