// Splits TypeScript source into identifiers and prose (comments, strings, the texts of templates and of JSX) for checks of wording.
import jsTokens from 'js-tokens'

export type SourceText = {
  /** Identifiers that are not read from an object (`a` and `c` of `a.b + c`), with their lines, counted from 1. */
  identifiers: { name: string; line: number }[]
  /** Comments, strings and other texts, with the lines that they start on. */
  prose: { text: string; line: number }[]
}

const names = new Set(['IdentifierName', 'PrivateIdentifier', 'JSXIdentifier'])
const code = new Set(['Punctuator', 'JSXPunctuator', 'NumericLiteral', 'RegularExpressionLiteral', 'WhiteSpace'])

/** `hasJsx`: whether the source is TSX; in other files `<` is never a tag. */
export function readSource(source: string, hasJsx = false): SourceText {
  const found: SourceText = { identifiers: [], prose: [] }
  let line = 1
  let isMember = false
  for (const { type, value } of hasJsx ? jsTokens(source, { jsx: true }) : jsTokens(source)) {
    if (names.has(type)) {
      if (!isMember) found.identifiers.push({ name: value.replace(/^#/, ''), line })
    } else if (!code.has(type)) found.prose.push({ text: value, line })
    if (type !== 'WhiteSpace' && type !== 'LineTerminatorSequence') isMember = value === '.' || value === '?.'
    line += value.split('\n').length - 1
  }
  return found
}
