// What a process read when it started and would read otherwise if it started now: settings, CLAUDE.md, the state of the
// repository, the date. A process kept ready for a new conversation is used only while none of it has changed.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

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

async function changeOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path)
    return `${mtimeMs}:${size}:${ino}`
  } catch {
    return '-'
  }
}

async function bringsHooks(path: string): Promise<boolean> {
  try {
    const text = await readFile(path, 'utf8')
    return /"(hooks|enabledPlugins|statusLine|apiKeyHelper)"\s*:/.test(text)
  } catch {
    return false
  }
}

/** Two dozen looks at the file system: about a millisecond. */
export async function readSettingsState(configDir: string, cwd: string): Promise<SettingsState> {
  const files = settingsFiles(configDir, cwd)
  const [changes, hooks] = await Promise.all([
    Promise.all([...files, ...otherSources(configDir, cwd)].map(changeOf)),
    Promise.all(files.map(bringsHooks)),
  ])
  return { fingerprint: `${new Date().toDateString()}|${changes.join('|')}`, hasHooks: hooks.includes(true) }
}
