// The generated part of docs/commands.md: every command with its options. Not for the text around it.
import { type CommandHelp, readCommandHelp } from './command-help.ts'
import type { Part } from './document-part.ts'

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
/** Said once, at the beginning of the document. */
const aboutKeys = /^If the server has API keys, set CLAUDE_SERVE_API_KEY .*\n*/m

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`

/** The options of every command that talks to a server. They are explained once. */
const shared = new Set(['--data-dir', '--config', '--url', '--json'])

function commandText({ name, aliases, usage, description, options, notes: allNotes }: CommandHelp): string {
  const notes = allNotes.replace(aboutKeys, '').trim()
  const own = options.filter(({ flags, isSetting }) => !isSetting && !shared.has(flags.split(' ')[0] ?? ''))
  const rows = own.map((option) => `| \`${option.flags}\` | ${cell(sentence(option.description))} |`)
  const sameAs = aliases.length === 0 ? '' : ` \`claude-serve ${aliases.join(', ')}\` is the same.`
  const words = usage.replace(/^\[options\] ?/, '')
  return [
    `### claude-serve ${name}`,
    ...(words === '' ? [] : [`\`claude-serve ${name} ${words}\``]),
    sentence(description) + sameAs,
    ...(rows.length === 0 ? [] : [['| option | meaning |', '| --- | --- |', ...rows].join('\n')]),
    ...(notes === '' ? [] : [`\`\`\`text\n${notes}\n\`\`\``]),
  ].join('\n\n')
}

export const commandsParts: Part[] = [
  { file: 'docs/commands.md', name: 'commands', make: () => readCommandHelp().map(commandText).join('\n\n') },
]
