// How this installation of claude-serve is called: the words in front of every command that a hint names, so that a person can copy the hint
// and run it. Not for which Claude Code is used (see claude/cli/executable.ts).
import { existsSync, realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `global`: on the search path; `local`: a package of a project, or one whose program is on no search path. */
type Kind = 'clone' | 'npx' | 'global' | 'local' | 'container'

export type Installation = {
  kind: Kind
  /** In front of a command, in any folder. */
  call: string
  /** The same where no server may be running: a container exists only while one is. */
  callWithoutServer: string
  /** The same without any path, for callers who may not learn where the server is installed. */
  publicCall: string
  /** Installs the newest version. */
  upgrade: string
}

/** `root`: the folder of the package; `node`: what runs it; `searchPath`: the variable PATH of whoever started it. */
export type Surroundings = { root: string; node: string; searchPath: string; host: string }

const name = 'claude-serve'

/** As one word of a shell's command line, quoted if necessary: for what a person copies. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** The Dockerfile creates it. */
const containerMark = '.container'

function realPath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

/** Whether typing the name starts this installation. */
function isOnSearchPath(root: string, searchPath: string): boolean {
  const own = ['dist/cli.js', 'bin/claude-serve'].map((file) => realPath(join(root, file))).filter(isText)
  const first = searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .find((folder) => existsSync(join(folder, name)) || existsSync(join(folder, `${name}.cmd`)))
  if (first === undefined) return false
  // On Windows npm writes a batch file beside the folder of its packages.
  const targets = [join(first, name), join(first, 'node_modules', name, 'dist', 'cli.js')].map(realPath)
  return targets.some((target) => isText(target) && own.includes(target))
}

const isText = (value: string | null): value is string => value !== null

const anywhere = (call: string) => ({ call, callWithoutServer: call })

export function describeInstallation({ root, node, searchPath, host }: Surroundings): Installation {
  const globally = { publicCall: name, upgrade: `npm install -g ${name}@latest` }
  if (existsSync(join(root, containerMark))) {
    // By default a container's host name is its id.
    const id = /^[0-9a-f]{12}$/.test(host) ? host : '<container>'
    const call = `docker exec -it ${id} ${name}`
    const callWithoutServer = `docker compose run --rm ${name}`
    return { kind: 'container', call, callWithoutServer, publicCall: name, upgrade: 'docker compose build --pull' }
  }
  if (/[\\/]_npx[\\/]/.test(root)) {
    return { kind: 'npx', ...anywhere(`npx ${name}`), publicCall: `npx ${name}`, upgrade: `npx ${name}@latest` }
  }
  const isClone = existsSync(join(root, 'src', 'cli.ts'))
  const isGlobal = isOnSearchPath(root, searchPath)
  if (isClone) {
    const launcher = shellWord(join(root, 'bin', name))
    const call =
      process.platform === 'win32' ? `${shellWord(node)} ${shellWord(join(root, 'scripts', 'start.js'))}` : launcher
    const upgrade = `git -C ${shellWord(root)} pull && npm --prefix ${shellWord(root)} ci`
    return { kind: 'clone', ...anywhere(isGlobal ? name : call), publicCall: `bin/${name}`, upgrade }
  }
  if (isGlobal) return { kind: 'global', ...anywhere(name), ...globally }
  const linked = join(root, '..', '.bin', name)
  const program = join(root, 'dist', 'cli.js')
  const isLinked = process.platform !== 'win32' && realPath(linked) === realPath(program) && existsSync(linked)
  const call = isLinked ? shellWord(linked) : `${shellWord(node)} ${shellWord(program)}`
  return { kind: 'local', ...anywhere(call), publicCall: `npx ${name}`, upgrade: `npm install ${name}@latest` }
}

const root = join(fileURLToPath(import.meta.url), '..', '..', '..')

let searchPath = ''
let known: Installation | null = null

/** The command line sets it before anything else; without it, hints name the program by its path. */
export function setSearchPath(value: string | undefined): void {
  if (value === searchPath) return
  searchPath = value ?? ''
  known = null
}

export function installation(): Installation {
  known ??= describeInstallation({ root, node: process.execPath, searchPath, host: hostname() })
  return known
}

/** A command of this program as a hint shows it: `ownCommand('login')`. */
export const ownCommand = (words: string): string => `${installation().call} ${words}`

/** The same for callers who may not learn where the server is installed. */
export const publicCommand = (words: string): string => `${installation().publicCall} ${words}`
