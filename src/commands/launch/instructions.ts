// What there is to say of a client: blocks of settings with a line before each, as text and as Markdown. Pure; not for any one client.
import { stringify } from 'yaml'
import type { Environment } from '../../config/sources.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Where the settings are for. */
export type Surroundings = { platform: NodeJS.Platform; home: string; environment: Environment }

/** What the settings are made from. `models` and `agents` are for clients that want a list; `model` is the one to begin with. */
export type Target = {
  url: string
  hasKeys: boolean
  model: string
  models: readonly string[]
  agents: readonly string[]
  surroundings: Surroundings
}

/** Something to read, to type or to copy. A name in the line before it stands in backticks. */
export type Note = { kind: 'note'; intro: string; language: string; text: string }

/** A file of the client's own, in which `settings` must be found. */
export type SettingsFile = {
  kind: 'file'
  path: string
  format: 'json' | 'yaml'
  settings: Json
  /** The client makes the folder: where there is none, it is not installed. */
  needsFolder: boolean
}

export type Part = Note | SettingsFile

/** A part as it is shown. */
export type Block = { intro: string; language: string; text: string }

export const note = (intro: string, language = '', text = ''): Note => ({ kind: 'note', intro, language, text })

export function toBlock(part: Part, { home }: Surroundings): Block {
  if (part.kind === 'note') return { intro: part.intro, language: part.language, text: part.text }
  const text = serialize(part.settings, part.format)
  return { intro: `In \`${shortPath(part.path, home)}\`:`, language: part.format, text: text.trimEnd() }
}

export function serialize(value: Json, format: SettingsFile['format']): string {
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value, { lineWidth: 0 })
}

/** As people write it: with ~ for their home. */
export function shortPath(path: string, home: string): string {
  const isInside = path.startsWith(home) && /^[/\\]/.test(path.slice(home.length))
  return isInside ? `~${path.slice(home.length)}` : path
}

export function asText(blocks: readonly Block[]): string {
  return blocks.map(({ intro, text }) => [intro.replaceAll('`', ''), text].filter(Boolean).join('\n\n')).join('\n\n')
}

export function asMarkdown(blocks: readonly Block[]): string {
  const fenced = ({ language, text }: Block) => (text === '' ? '' : `\`\`\`${language}\n${text}\n\`\`\``)
  return blocks.map((block) => [block.intro, fenced(block)].filter(Boolean).join('\n\n')).join('\n\n')
}

/** What stands for a key where nobody needs one, and clients want something all the same. It counts as no key. */
export const placeholder = 'none'

/** The variable from which commands and clients take their key. */
export const keyVariable = 'CLAUDE_SERVE_API_KEY'

/** For a setting: the placeholder, or the client's own way to point at the variable. */
export const keyFor = ({ hasKeys }: Target, reference: string): string => (hasKeys ? reference : placeholder)

/** One word of a shell's command line. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

export const shellKey = (place: Target): string => keyFor(place, `"$${keyVariable}"`)

/** A name of a model for people. */
export function titleOf(model: string): string {
  const [, agent] = /^agent\/(.+)$/.exec(model) ?? []
  if (agent !== undefined) return `Claude Code (${agent})`
  return /^[a-z]+$/.test(model) ? `Claude ${model[0]?.toUpperCase()}${model.slice(1)}` : model
}

const each = (names: readonly string[]) => [...new Set(names)]

/** For clients that bring tools of their own, which agents would not use. */
export const plainModels = ({ model, models }: Target): string[] => each([model, ...models])

export const allModels = ({ model, models, agents }: Target): string[] => each([model, ...models, ...agents])

/** What every model can take and give at least, in tokens. */
export const contextTokens = 200_000
export const outputTokens = 32_000
