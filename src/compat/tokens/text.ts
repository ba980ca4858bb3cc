// Estimates the tokens of a text from rough weights for its kinds of characters: no token table, one pass, no
// allocation per character. The weights fit the tokenizer of older Claude models; the counts of newer ones are learned
// from their answers (calibration.ts). Whole requests are estimated in estimate.ts.
import { WordTokens } from './word.ts'

/** Adjacent characters of one kind are weighted together, much as tokenizers split a text into words first. */
const kinds = { space: 0, digit: 1, latin: 2, sign: 3, cyrillic: 4, semitic: 5, han: 6, kana: 7, hangul: 8, other: 9 }

/** Control characters count as signs. */
const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/\s/.test(character)) return kinds.space
  if (/\d/.test(character)) return kinds.digit
  return /[a-z]/i.test(character) ? kinds.latin : kinds.sign
})

/** Unicode blocks in order. Everything between them is `other`: signs, emoji, other scripts. */
const blocks: readonly (readonly [from: number, to: number, kind: number])[] = [
  [0xc0, 0x24f, kinds.latin],
  [0x400, 0x52f, kinds.cyrillic],
  [0x5d0, 0x6ff, kinds.semitic],
  [0x1e00, 0x1eff, kinds.latin],
  [0x3041, 0x30ff, kinds.kana],
  [0x3400, 0x9fff, kinds.han],
  [0xac00, 0xd7a3, kinds.hangul],
]

/** A sequence of letters costs `first`, plus `more` for each further letter. Chinese is assumed to be simplified. */
const letterWeights: Record<number, readonly [first: number, more: number]> = {
  [kinds.cyrillic]: [1.05, 0.45],
  [kinds.semitic]: [1.95, 0.9],
  [kinds.han]: [1.25, 0.88],
  [kinds.kana]: [1.25, 0.93],
  [kinds.hangul]: [1.5, 1.3],
}

/** Frequent repetitions, such as rules and indentation, have long tokens of their own. */
const sameSignsPerToken = 40
const sameDigitsPerToken = 14
const sameOthersPerToken = 10
const spacesPerToken = 150

const blank = 32

function kindOf(code: number): number {
  if (code < 128) return asciiKinds[code] ?? kinds.other
  for (const [from, to, kind] of blocks) if (code <= to) return code >= from ? kind : kinds.other
  return kinds.other
}

/** A longer text is estimated by parts of it, evenly spread: everything else waits meanwhile. */
const wholeCharsMax = 400_000
const partChars = 10_000

export function estimateText(text: string): number {
  if (text.length <= wholeCharsMax) return Math.ceil(countTokens(text))
  const parts = wholeCharsMax / partChars
  const step = (text.length - partChars) / (parts - 1)
  let tokens = 0
  for (let part = 0; part < parts; part++) {
    const from = Math.floor(part * step)
    tokens += countTokens(text.slice(from, from + partChars))
  }
  return Math.ceil((tokens * text.length) / wholeCharsMax)
}

/** Runs in linear time, whatever the text contains. */
function countTokens(text: string): number {
  const words = new WordTokens(text)
  let tokens = 0
  let from = 0
  while (from < text.length) {
    const kind = kindOf(text.charCodeAt(from))
    let to = from + 1
    while (to < text.length && kindOf(text.charCodeAt(to)) === kind) to++
    tokens += kind === kinds.latin ? words.cost(from, to) : sequenceCost(kind, text, from, to)
    from = to
  }
  return tokens + words.foreignCost()
}

function sequenceCost(kind: number, text: string, from: number, to: number): number {
  switch (kind) {
    case kinds.space:
      return spaceCost(text, from, to)
    case kinds.digit:
      return digitCost(text, from, to)
    case kinds.sign:
      return signCost(text, from, to)
    case kinds.other:
      return otherCost(text, from, to)
    default: {
      const [first, more] = letterWeights[kind] ?? [1, 1]
      const rare = kind === kinds.cyrillic ? countNotRussian(text, from, to) * 1.8 : 0
      return first + (to - from - 1) * more + rare
    }
  }
}

function isSame(text: string, from: number, to: number): boolean {
  const first = text.charCodeAt(from)
  for (let index = from + 1; index < to; index++) if (text.charCodeAt(index) !== first) return false
  return true
}

/** A single blank is part of the token after it, and so is the last of several. */
function spaceCost(text: string, from: number, to: number): number {
  const last = to < text.length && text.charCodeAt(to - 1) === blank ? 0 : 1
  const others = to - from - 1
  return others === 0 ? last : last + 1 + Math.floor(others / spacesPerToken)
}

function digitCost(text: string, from: number, to: number): number {
  const length = to - from
  if (length <= 3) return 1
  return isSame(text, from, to) ? 1 + length / sameDigitsPerToken : length * 0.42
}

function signCost(text: string, from: number, to: number): number {
  const length = to - from
  if (isSame(text, from, to)) return 1 + Math.floor(length / sameSignsPerToken)
  return length <= 2 ? 1 : 1.05 + (length - 3) * 0.42
}

function countNotRussian(text: string, from: number, to: number): number {
  let count = 0
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    const isRussian = (code >= 0x410 && code <= 0x44f) || code === 0x401 || code === 0x451
    if (!isRussian) count++
  }
  return count
}

/**
 * An emoji is two characters in JavaScript and two or three tokens; a sign is one token, a letter of other scripts
 * more.
 */
function otherCost(text: string, from: number, to: number): number {
  if (to - from > 3 && isSame(text, from, to)) return 1 + (to - from) / sameOthersPerToken
  let tokens = 0
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    const isHalf = code >= 0xd800 && code < 0xe000
    const isSign = code < 0xc0 || (code >= 0x2000 && code < 0x3400) || code >= 0xfe00
    tokens += isHalf ? 1.35 : isSign ? 1 : 1.5
  }
  return tokens
}
