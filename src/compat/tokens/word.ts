// Estimates the tokens of words in Latin letters: English words and those of program code are mostly one token, words
// of other languages are more the longer they are. The other parts of a text are estimated in text.ts.

/**
 * Short words that are frequent in English and in program code. If most short words of a text are others, it is in
 * another language. That alone is reliable enough for texts of a few hundred characters.
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

/** The language is detected per stretch of this many words, as a text may be in several languages. */
const stretchWords = 300

/** A text is English up to the first share of unfamiliar short words, and certainly not English from the second on. */
const englishShare = 0.3
const foreignShare = 0.6
/** A few words prove nothing, so this many familiar words are assumed to precede the text. */
const wordsBefore = 8

/** More repetitions of a letter than any word has. */
const sameLetters = 24
const sameLettersPerToken = 14

const blank = 32
const isCapital = (code: number) => code >= 65 && code <= 90

/** A word of up to four lowercase letters as a number; -1 for other words. */
function packed(text: string, from: number, to: number): number {
  if (to - from > 4) return -1
  let value = 0
  for (let index = from; index < to; index++) {
    const letter = text.charCodeAt(index) - 96
    if (letter < 1 || letter > 26) return -1
    value = value * 32 + letter
  }
  return value
}

/** Accented letters are mostly tokens of their own; those in Latin-1 less often than others. */
function accentCost(code: number): number {
  if (code < 128) return 0
  if (code < 256) return 0.7
  return code < 0x1e00 ? 1.7 : 2
}

/** Weighs the words of one text. They must be passed in order. */
export class WordTokens {
  readonly #text: string
  #count = 0
  /** The extra cost of this stretch's words if they are not English, and the evidence for that. */
  #extra = 0
  #short = 0
  #unfamiliar = 0
  /** The extra cost of the earlier stretches. */
  #foreign = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Names in program code are split where a capital begins another word: `fooBar`, `HTTPServer`. */
  cost(from: number, to: number): number {
    let tokens = 0
    let parts = 1
    let begin = from
    for (let index = from + 1; index < to; index++) {
      if (!this.#isWordStart(index, to)) continue
      tokens += this.#partCost(begin, index)
      parts++
      begin = index
    }
    tokens += this.#partCost(begin, to)
    this.#weigh(from, to)
    // Base64 data is not words, and has fewer tokens of its own.
    return parts > 3 && to - from < parts * 2.7 ? tokens * 1.5 : tokens
  }

  /** The extra cost of words in other languages. Call once, after the last word. */
  foreignCost(): number {
    this.#endStretch()
    return this.#foreign
  }

  #isWordStart(index: number, to: number): boolean {
    const text = this.#text
    if (!isCapital(text.charCodeAt(index))) return false
    return !isCapital(text.charCodeAt(index - 1)) || (index + 1 < to && !isCapital(text.charCodeAt(index + 1)))
  }

  #partCost(from: number, to: number): number {
    const text = this.#text
    const first = text.charCodeAt(from)
    const length = to - from
    let accents = 0
    let same = 0
    for (let index = from; index < to; index++) {
      const code = text.charCodeAt(index)
      accents += accentCost(code)
      if (code === first) same++
      // Languages with many of these letters (Germanic, Slavic, Turkish) are split into more tokens than Romance ones.
      if (code === 107 || code === 119) this.#extra += 1.3
    }
    this.#extra += Math.max(0, length - 3) * 0.18
    if (length > sameLetters && same === length) return 1 + length / sameLettersPerToken
    const more = Math.max(0, length - 2)
    if (isCapital(text.charCodeAt(to - 1))) return 1 + more * 0.22
    const perLetter = (isCapital(first) ? 0.035 : 0.01) + (text.charCodeAt(from - 1) === blank ? 0 : 0.012)
    return 1 + more * perLetter + Math.max(0, length - 9) * 0.05 + accents
  }

  /** Short words between blanks are more likely to be of a language than of a format. */
  #weigh(from: number, to: number): void {
    const text = this.#text
    const isBetweenBlanks = text.charCodeAt(from - 1) === blank && text.charCodeAt(to) === blank
    const word = isBetweenBlanks && to - from >= 2 ? packed(text, from, to) : -1
    if (word >= 0) this.#short++
    if (word >= 0 && !familiarWords.has(word)) this.#unfamiliar++
    if (++this.#count === stretchWords) this.#endStretch()
  }

  /** Half of a stretch's evidence carries over to the next. A text with hardly any words counts as English. */
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
