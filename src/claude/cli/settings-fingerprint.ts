// Whether a process that starts now would read other settings, memory files, repository state or date than one that
// started earlier. A process that is ready for a new conversation is used only while none of these has changed.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fieldsOf } from '../../platform/json.ts'
import type { Environment } from '../sessions/config-folder.ts'
import { configFolder } from '../sessions/config-folder.ts'
import { projectFolder } from '../sessions/transcript.ts'
import type { ExecutableId } from './abilities.ts'
import { FileCache, fileStamp } from './file-stamp.ts'
import { importedFiles } from './memory-imports.ts'

export type SettingsState = {
  /** Equal while nothing that a new process would read has changed. */
  fingerprint: string
  /** Whether settings bring hooks or plugins, which can store information between conversations. */
  hasHooks: boolean
}

const settingsFiles = (configDir: string, cwd: string) => [
  join(configDir, 'settings.json'),
  join(cwd, '.claude', 'settings.json'),
  join(cwd, '.claude', 'settings.local.json'),
]

const namesInFolder = ['CLAUDE.md', 'CLAUDE.local.md', join('.claude', 'CLAUDE.md')]

/** The folder and all its parents: the CLI reads the memory files of each. */
function withParents(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...withParents(parent)]
}

/** Memory files and the files they import. */
function memoryFiles(configDir: string, cwd: string, home: string): string[] {
  const inFolders = withParents(cwd).flatMap((folder) => namesInFolder.map((name) => join(folder, name)))
  const written = join(projectFolder(configDir, cwd), 'memory', 'MEMORY.md')
  return [join(configDir, 'CLAUDE.md'), written, ...inFolders].flatMap((file) => [file, ...importedFiles(file, home)])
}

/** How many files of one folder are checked; no folder is expected to have more. */
const filesMax = 500

/** All files below the folder: editing a file in place does not change its folder. */
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

/** The folder itself counts too: its modification time changes when an entry is added or removed. */
const projectState = (cwd: string) => [
  cwd,
  join(cwd, '.mcp.json'),
  ...['HEAD', 'index', join('logs', 'HEAD')].map((name) => join(cwd, '.git', name)),
]

/** What stands for a file that brings nothing, or is missing: the CLI creates its own at its first start. */
const nothing = '-'

/** The CLI constantly writes its own statistics into this file, and the folders it was used in: only MCP servers count. */
const userServers = new FileCache((path: string) => {
  type Servers = { mcpServers?: unknown }
  const content = JSON.parse(readFileSync(path, 'utf8')) as Servers & { projects?: Record<string, Servers> }
  const bySource = [['user', content] as const, ...Object.entries(content.projects ?? {})]
  const servers = bySource.flatMap(([source, { mcpServers }]) =>
    Object.keys(fieldsOf(mcpServers)).length === 0 ? [] : [[source, mcpServers]],
  )
  return servers.length === 0 ? nothing : JSON.stringify(servers)
})

const bringsHooks = new FileCache((path: string) =>
  /"(hooks|enabledPlugins|statusLine|apiKeyHelper)"\s*:/.test(readFileSync(path, 'utf8')),
)

/** The same for a process: it also depends on the executable. One that was started before an update is not used for new conversations. */
export const processFingerprint = (claude: ExecutableId & { path: string }, settings: string): string =>
  `${claude.path} ${claude.state} ${claude.version}|${settings}`

/** Checks some dozens of files, which takes a fraction of a millisecond. */
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
    fingerprint: [new Date().toDateString(), userServers.get(ownFile) ?? nothing, ...files.map(fileStamp)].join('|'),
    hasHooks: settings.some((file) => bringsHooks.get(file) === true),
  }
}
