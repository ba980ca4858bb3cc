// Splits TypeScript source into identifiers and prose (comments, strings, the texts of templates and of JSX), as far as checks of
// wording need it. Not a parser: it knows just enough of the grammar to tell a regular expression from a division.

export type SourceText = {
  /** Identifiers that are not read from an object (`a` and `c` of `a.b + c`), with their lines, counted from 1. */
  identifiers: { name: string; line: number }[]
  /** Comments and strings. */
  prose: { text: string; line: number }[]
}

const identifier = /[A-Za-z_$][\w$]*/y
const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const quoted = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/y
const templateText = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
/** After these a slash begins a regular expression, after anything else it divides. */
const beforeOperand =
  /(?:^|[-+*%=(,:;[!&|?{}~^<>]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))\s*$/

export function readSource(source: string): SourceText {
  const found: SourceText = { identifiers: [], prose: [] }
  let index = 0
  let line = 1
  let code = ''
  /** Braces that are open inside each template's placeholder. */
  const depths: number[] = []

  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = index
    const text = pattern.exec(source)?.[0] ?? null
    if (text === null) return null
    index += text.length
    return text
  }
  const count = (text: string) => {
    line += text.split('\n').length - 1
  }
  const note = (text: string) => {
    found.prose.push({ text, line })
    count(text)
  }
  const readTemplate = () => {
    note(take(templateText) ?? '')
    if (source.startsWith('${', index)) {
      index += 2
      depths.push(0)
    } else index++
    code = '('
  }

  while (index < source.length) {
    const text = take(comment)
    if (text !== null) {
      note(text)
      continue
    }
    const string = take(quoted)
    if (string !== null) {
      note(string)
      code = ')'
      continue
    }
    if (source[index] === '/' && beforeOperand.test(code) && take(regularExpression) !== null) {
      code = ')'
      continue
    }
    const name = take(identifier)
    if (name !== null) {
      if (!code.endsWith('.') || code.endsWith('...')) found.identifiers.push({ name, line })
      code = (code + name).slice(-12)
      continue
    }
    const character = source[index++] ?? ''
    if (character === '`') readTemplate()
    else if (character === '}' && depths.at(-1) === 0) {
      depths.pop()
      readTemplate()
    } else {
      const depth = depths.at(-1)
      if (depth !== undefined && character === '{') depths[depths.length - 1] = depth + 1
      if (depth !== undefined && character === '}') depths[depths.length - 1] = depth - 1
      if (character === '\n') line++
      code = /\s/.test(character) && /\s$/.test(code) ? code : (code + character).slice(-12)
    }
  }
  return found
}
