// The instructions for a client: blocks of settings, each with an introduction. Pure; not for any one client.
import { stringify } from 'yaml'
import type { Environment } from '../../config/sources.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The machine and environment that the settings are for. */
export type Surroundings = { platform: NodeJS.Platform; home: string; environment: Environment }

/** The server that the settings point to. `models` and `agents` are for clients that need a list; `model` is the initial one. */
export type Target = {
  url: string
  hasKeys: boolean
  /** How claude-serve itself is called. */
  call: string
  model: string
  models: readonly string[]
  agents: readonly string[]
  surroundings: Surroundings
}

/** Text to read, type or copy. Names in `intro` are in backticks. */
export type Note = { kind: 'note'; intro: string; language: string; text: string }

/** A file of the client that must contain `settings`. */
export type SettingsFile = {
  kind: 'file'
  path: string
  format: 'json' | 'yaml'
  settings: Json
  /** The client creates the folder: if the folder does not exist, the client is not installed. */
  needsFolder: boolean
}

export type Part = Note | SettingsFile

/** A part in the form in which it is shown. */
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

/** The path with ~ for the home folder. */
export function shortPath(path: string, home: string): string {
  const isInside = path.startsWith(home) && /^[/\\]/.test(path.slice(home.length))
  return isInside ? `~${path.slice(home.length)}` : path
}

export function asText(blocks: readonly Block[]): string {
  return blocks.map(({ intro, text }) => [intro.replaceAll('`', ''), text].filter(Boolean).join('\n\n')).join('\n\n')
}

/** Used in place of a key if the server requires none but the client does. It does not count as a key. */
export const placeholder = 'none'

/** The variable from which commands and clients read their key. */
export const keyVariable = 'CLAUDE_SERVE_API_KEY'

/** The key in a setting: the placeholder, or the client's own way to refer to the variable. */
export const keyFor = ({ hasKeys }: Target, reference: string): string => (hasKeys ? reference : placeholder)

export const shellKey = (target: Target): string => keyFor(target, `"$${keyVariable}"`)

/** The display name of a model. */
export function titleOf(model: string): string {
  const [, agent] = /^agent\/(.+)$/.exec(model) ?? []
  if (agent !== undefined) return `Claude Code (${agent})`
  return /^[a-z]+$/.test(model) ? `Claude ${model[0]?.toUpperCase()}${model.slice(1)}` : model
}

const unique = (names: readonly string[]) => [...new Set(names)]

/** For clients with tools of their own, which agent models would not use. */
export const plainModels = ({ model, models }: Target): string[] => unique([model, ...models])

export const allModels = ({ model, models, agents }: Target): string[] => unique([model, ...models, ...agents])

/** Limits in tokens that every model supports. */
export const contextTokens = 200_000
export const outputTokens = 32_000
