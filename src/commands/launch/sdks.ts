// Libraries: a first program in each language. The programs are those of the library's page in docs/clients, which is their only copy; here
// they get this server's address, model and key. Not for clients whose settings launch writes.
import { readFileSync } from 'node:fs'
import { shellWord } from '../../platform/installation.ts'
import type { Client } from './client.ts'
import { keyVariable, note, placeholder, type Target } from './instructions.ts'

type Language = {
  quote(text: string): string
  /** Reads the key from the environment. */
  key: string
  /** What a program without a key lacks, as arguments of `replace`. */
  addition?: [before: RegExp, text: string]
}

const singleQuoted = (text: string) => (/['\\]/.test(text) ? JSON.stringify(text) : `'${text}'`)

/** By the name that the pages give a block of code. String literals look the same in most of them. */
const languages: Record<string, Language> = {
  js: {
    quote: singleQuoted,
    key: `process.env.${keyVariable}`,
    addition: [/^( +)baseURL: .*$/m, `$&\n$1apiKey: process.env.${keyVariable},`],
  },
  python: { quote: JSON.stringify, key: `os.environ["${keyVariable}"]`, addition: [/^/, 'import os\n\n'] },
  go: { quote: JSON.stringify, key: `os.Getenv("${keyVariable}")`, addition: [/^\t"fmt"\n/m, '$&\t"os"\n'] },
  java: { quote: JSON.stringify, key: `System.getenv("${keyVariable}")` },
  ruby: { quote: (text) => JSON.stringify(text).replaceAll('#', '\\#'), key: `ENV.fetch("${keyVariable}")` },
  sh: {
    quote: JSON.stringify,
    key: '',
    addition: [/^ +-d /m, `  -H "authorization: Bearer $${keyVariable}" \\\n$&`],
  },
}

/** The values in the pages, which are those of a server with default settings: in quotes, and the address also in a shell. */
const shown = /(["'])(http:\/\/127\.0\.0\.1:5005(?:\/v1)?|sonnet|none)\1|http:\/\/127\.0\.0\.1:5005/g

function fill(program: string, language: string, { url, model, hasKeys }: Target): string {
  const { quote, key, addition } = languages[language] ?? { quote: JSON.stringify, key: '' }
  const complete = hasKeys && addition !== undefined ? program.replace(...addition) : program
  return complete.replace(shown, (_, __, value?: string) => {
    if (value === undefined) return shellWord(url)
    if (value === placeholder) return hasKeys ? key : quote(placeholder)
    return quote(value === 'sonnet' ? model : value.replace(/^.*:5005/, () => url))
  })
}

/** A line that ends in a colon, and the code after it. */
const block = /^(.+:)\n\n```(\w+)\n([\s\S]*?)\n```$/gm

const library = (name: string): Client => ({
  parts: (target) => {
    const page = readFileSync(new URL(`../../../docs/clients/${name}.md`, import.meta.url), 'utf8')
    return [...page.matchAll(block)].map(([, intro = '', language = '', program = '']) =>
      note(intro, language, fill(program, language, target)),
    )
  },
})

export const sdks = { 'ai-sdk': library('ai-sdk'), openai: library('openai'), anthropic: library('anthropic') }
