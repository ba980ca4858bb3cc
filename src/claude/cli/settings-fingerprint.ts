// What a process read when it started and would read otherwise if it started now: settings, memory files, the state of the
// repository, the date. A process kept ready for a new conversation is used only while none of it has changed.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Environment } from '../sessions/config-folder.ts'
import { configFolder } from '../sessions/config-folder.ts'
import { projectFolder } from '../sessions/transcript.ts'
import { FileCache, fileStamp } from './file-stamp.ts'
import { importedFiles } from './memory-imports.ts'

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

const namesInFolder = ['CLAUDE.md', 'CLAUDE.local.md', join('.claude', 'CLAUDE.md')]

/** The folder and all above it: the CLI reads the memory files of each. */
function withParents(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...withParents(parent)]
}

/** Memory files, and what they import. */
function memoryFiles(configDir: string, cwd: string, home: string): string[] {
  const inFolders = withParents(cwd).flatMap((folder) => namesInFolder.map((name) => join(folder, name)))
  const written = join(projectFolder(configDir, cwd), 'memory', 'MEMORY.md')
  return [join(configDir, 'CLAUDE.md'), written, ...inFolders].flatMap((file) => [file, ...importedFiles(file, home)])
}

/** How many files of one folder are looked at; nobody has more rules than this. */
const filesMax = 500

/** Each file below the folder: one that is edited in place leaves no trace in its folder. */
function filesBelow(folder: string): string[] {
  if (fileStamp(folder) === '-') return []
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).slice(0, filesMax)
    return [folder, ...names.map((name) => join(folder, name))]
  } catch {
    return [folder]
  }
}

const definitionFolders = (folder: string) =>
  ['agents', 'skills', 'commands', 'rules'].flatMap((name) => filesBelow(join(folder, name)))

/** The folder itself counts too: its time of change moves when an entry comes or goes. */
const projectState = (cwd: string) => [
  cwd,
  join(cwd, '.mcp.json'),
  ...['HEAD', 'index', join('logs', 'HEAD')].map((name) => join(cwd, '.git', name)),
]

/** The CLI writes its own figures into this file all the time: only the MCP servers in it count. */
const userServers = new FileCache((path: string) => {
  type Servers = { mcpServers?: unknown }
  const content = JSON.parse(readFileSync(path, 'utf8')) as Servers & { projects?: Record<string, Servers> }
  const perProject = Object.entries(content.projects ?? {}).map(([folder, { mcpServers }]) => [folder, mcpServers])
  return JSON.stringify([content.mcpServers, perProject])
})

const bringsHooks = new FileCache((path: string) =>
  /"(hooks|enabledPlugins|statusLine|apiKeyHelper)"\s*:/.test(readFileSync(path, 'utf8')),
)

/** Some dozens of looks at the file system: a fraction of a millisecond. */
export function readSettingsState(environment: Environment, cwd: string): SettingsState {
  const configDir = configFolder(environment)
  const home = environment.HOME ?? environment.USERPROFILE ?? '/'
  const settings = settingsFiles(configDir, cwd)
  const files = [
    ...settings,
    ...memoryFiles(configDir, cwd, home),
    ...definitionFolders(configDir),
    ...definitionFolders(join(cwd, '.claude')),
    join(configDir, 'plugins', 'installed_plugins.json'),
    ...projectState(cwd),
  ]
  const ownFile = environment.CLAUDE_CONFIG_DIR ? join(configDir, '.claude.json') : join(home, '.claude.json')
  return {
    fingerprint: [new Date().toDateString(), userServers.of(ownFile) ?? '-', ...files.map(fileStamp)].join('|'),
    hasHooks: settings.some((file) => bringsHooks.of(file) === true),
  }
}
