// How many tokens words in Latin letters are: English words and those that programs are made of are mostly one, words of other
// languages the more the longer they are. Not for anything else that a text may hold (text.ts).

/**
 * The short words that English and programs are full of. Where a text's short words are others, so is its language; that alone
 * tells texts of some hundred characters apart well enough.
 */
const familiarWords = new Set(
  `the of and to in is for that on with be it as are this not or by from an at you can if will have was but we all has its
   no any use more one may so when only out up new set get must been also such than then they what into some each used your
   he his her she do were had our how who him did old now like see over most both same last long made know many much just
   even here well back good two own way down let var int else char true null self func def pub fn case type line file name
   key code data list path time call run test`
    .split(/\s+/)
    .map((word) => packed(word, 0, word.length)),
)

/** Languages are told apart in stretches of so many words, as a text may be in several. */
const stretchWords = 300

/** Up to what share of unfamiliar short words a text is English, and from where on it surely is not. */
const englishShare = 0.3
const foreignShare = 0.6
/** A few words prove nothing: so many familiar ones are taken to have come before. */
const wordsBefore = 8

/** A letter that is repeated more often than words do. */
const sameLetters = 24
const sameLettersPerToken = 14

const blank = 32
const isCapital = (code: number) => code >= 65 && code <= 90

/** A word of up to four small letters as a number; -1 for others. */
function packed(text: string, from: number, to: number): number {
  if (to - from > 4) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const letter = text.charCodeAt(at) - 96
    if (letter < 1 || letter > 26) return -1
    value = value * 32 + letter
  }
  return value
}

/** Letters with accents are mostly tokens of their own, those of Latin-1 less than further ones. */
function accentCost(code: number): number {
  if (code < 128) return 0
  if (code < 256) return 0.7
  return code < 0x1e00 ? 1.7 : 2
}

/** Weighs the words of one text, which have to come in their order. */
export class WordTokens {
  readonly #text: string
  #count = 0
  /** What the words of this stretch cost besides if they are not English, and what speaks for that. */
  #extra = 0
  #short = 0
  #unfamiliar = 0
  /** What the words of the stretches before cost besides. */
  #foreign = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Names in programs are cut where a capital begins another word: `fooBar`, `HTTPServer`. */
  cost(from: number, to: number): number {
    let tokens = 0
    let parts = 1
    let begin = from
    for (let at = from + 1; at < to; at++) {
      if (!this.#isCut(at, to)) continue
      tokens += this.#partCost(begin, at)
      parts++
      begin = at
    }
    tokens += this.#partCost(begin, to)
    this.#weigh(from, to)
    // Bytes in base64 are not words, and have fewer tokens of their own.
    return parts > 3 && to - from < parts * 2.7 ? tokens * 1.5 : tokens
  }

  /** To be asked once, after the last word: what the words cost besides, as they are of other languages. */
  foreignCost(): number {
    this.#endStretch()
    return this.#foreign
  }

  #isCut(at: number, to: number): boolean {
    const text = this.#text
    if (!isCapital(text.charCodeAt(at))) return false
    return !isCapital(text.charCodeAt(at - 1)) || (at + 1 < to && !isCapital(text.charCodeAt(at + 1)))
  }

  #partCost(from: number, to: number): number {
    const text = this.#text
    const first = text.charCodeAt(from)
    const length = to - from
    let accents = 0
    let same = 0
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at)
      accents += accentCost(code)
      if (code === first) same++
      // Languages with many of these letters, Germanic, Slavic or Turkish, are cut into more tokens than Romance ones.
      if (code === 107 || code === 119) this.#extra += 1.3
    }
    this.#extra += Math.max(0, length - 3) * 0.18
    if (length > sameLetters && same === length) return 1 + length / sameLettersPerToken
    const more = Math.max(0, length - 2)
    if (isCapital(text.charCodeAt(to - 1))) return 1 + more * 0.22
    const perLetter = (isCapital(first) ? 0.035 : 0.01) + (text.charCodeAt(from - 1) === blank ? 0 : 0.012)
    return 1 + more * perLetter + Math.max(0, length - 9) * 0.05 + accents
  }

  /** Short words between blanks are words of a language rather than of a format. */
  #weigh(from: number, to: number): void {
    const text = this.#text
    const isBetweenBlanks = text.charCodeAt(from - 1) === blank && text.charCodeAt(to) === blank
    const word = isBetweenBlanks && to - from >= 2 ? packed(text, from, to) : -1
    if (word >= 0) this.#short++
    if (word >= 0 && !familiarWords.has(word)) this.#unfamiliar++
    if (++this.#count === stretchWords) this.#endStretch()
  }

  /** The evidence of one stretch counts for the next one too, by half. A text with hardly any words is taken for English. */
  #endStretch(): void {
    const share = this.#unfamiliar / (this.#short + wordsBefore)
    const isForeign = Math.min(1, Math.max(0, (share - englishShare) / (foreignShare - englishShare)))
    this.#foreign += this.#extra * isForeign
    this.#extra = 0
    this.#count = 0
    this.#short /= 2
    this.#unfamiliar /= 2
  }
}
