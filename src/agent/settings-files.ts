// What a process read when it started and would read otherwise if it started now: settings, CLAUDE.md, the state of the
// repository, the date. A process kept ready for a new conversation is used only while none of it has changed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileState } from './file-state.ts'

export type SettingsState = {
  /** Equal for as long as nothing that a new process would read has changed. */
  fingerprint: string
  /** Whether settings bring hooks or plugins, which can keep a memory of their own between conversations. */
  hasHooks: boolean
}

const settingsFiles = (configDir: string, cwd: string) => [
  join(configDir, 'settings.json'),
  join(cwd, '.claude', 'settings.json'),
  join(cwd, '.claude', 'settings.local.json'),
]

/** Folders count by their time of change, which moves when an entry comes or goes. */
const otherSources = (configDir: string, cwd: string) => [
  ...['CLAUDE.md', 'agents', 'skills', 'commands', 'rules', 'plugins'].map((name) => join(configDir, name)),
  ...['', 'CLAUDE.md', 'CLAUDE.local.md', '.mcp.json'].map((name) => join(cwd, name)),
  ...['CLAUDE.md', 'agents', 'skills', 'commands', 'rules'].map((name) => join(cwd, '.claude', name)),
  ...['HEAD', 'index', 'logs/HEAD'].map((name) => join(cwd, '.git', name)),
]

/** For each settings file that was read, its state then and what was found in it. */
const known = new Map<string, { state: string; bringsHooks: boolean }>()
const knownMax = 1000

function bringsHooks(path: string, state: string): boolean {
  if (state === '-') return false
  const before = known.get(path)
  if (before?.state === state) return before.bringsHooks
  const found = readsHooks(path)
  if (known.size > knownMax) known.clear()
  known.set(path, { state, bringsHooks: found })
  return found
}

function readsHooks(path: string): boolean {
  try {
    return /"(hooks|enabledPlugins|statusLine|apiKeyHelper)"\s*:/.test(readFileSync(path, 'utf8'))
  } catch {
    return false
  }
}

/** Two dozen looks at the file system: about a tenth of a millisecond. */
export function readSettingsState(configDir: string, cwd: string): SettingsState {
  const files = settingsFiles(configDir, cwd)
  const states = files.map(fileState)
  const others = otherSources(configDir, cwd).map(fileState)
  return {
    fingerprint: [new Date().toDateString(), ...states, ...others].join('|'),
    hasHooks: files.some((file, at) => bringsHooks(file, states[at] ?? '-')),
  }
}
