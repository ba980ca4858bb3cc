// The generated part of docs/demo.md: the words to which the demo's model responds. Not for the text around them.
import { SCENARIOS } from '../src/demo/scenarios.ts'
import type { Part } from './document-part.ts'

function wordTable(): string {
  const rows = SCENARIOS.map(({ keywords, help }) => {
    const words = keywords.length === 0 ? '(no word)' : keywords.map((each) => `\`${each}\``).join(', ')
    return `| ${words} | ${help.replaceAll('|', '\\|')} |`
  })
  return ['| words in the prompt | what happens |', '| --- | --- |', ...rows].join('\n')
}

export const demoParts: Part[] = [{ file: 'docs/demo.md', name: 'words', make: wordTable }]
