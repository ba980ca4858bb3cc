// Which `claude` is used, its version, and whether it is logged in. The answers are found without a call to the model,
// cached, and renewed when a file they depend on has changed. Never reads a token: the CLI reports its login. Versions are
// compared here, because the package semver throws for some that occur (docs/decisions/0021-libraries-of-the-command-line.md).
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, loadavg } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { AppError } from '../../errors.ts'
import { shellWord } from '../../platform/installation.ts'
import { configFolder, type Environment } from '../sessions/config-folder.ts'
import type { ExecutableId } from './abilities.ts'
import { CachedValue } from './cached-value.ts'
import { childEnvironment } from './environment.ts'
import { whyUnsafe } from './executable-permissions.ts'
import { fileStamp } from './file-stamp.ts'
import { programOutput } from './program-output.ts'

/** The oldest CLI that is used. Older ones take the MCP servers of a request, with their secrets, only on their command line. */
export const oldestVersion = '2.1.326'

/** The newest CLI that this program was tested with. Newer ones are used all the same. */
export const newestTestedVersion = '2.1.332'

/** The day of that test: no clock that is right is before it. */
export const newestTestedOn = '2026-11-29'

/**
 * How long an answer about the login stays valid while no file has changed, in milliseconds: keychains have no file.
 */
const loginFreshMs = 300_000

/** What is wrong with a `claude`. */
type Defect =
  | { kind: 'missing' | 'broken' }
  | { kind: 'too_old'; path: string; version: string }
  | { kind: 'unsafe'; writable: string | null }

/** No usable `claude` was found, or the chosen one is not usable. `defect` is for programs, the message for people. */
export class UnusableClaude extends AppError {
  readonly defect: Defect

  constructor(defect: Defect, message: string, options?: ErrorOptions) {
    super('claude_not_found', message, {}, options)
    this.defect = defect
  }
}

/** `state` is that of the file before its version was read: it shows whether it is still the same; see file-stamp.ts. */
export type Claude = { path: string; version: string; origin: 'chosen' | 'path' | 'sdk'; state: string }

export type Login = { loggedIn: boolean; method: string }

/** How long a CLI may take to say its version, in milliseconds; 0.1 s is usual. */
const versionMs = 5_000
/** The same while twice as much wants to run as there are cores: then even a small program may take seconds to start. */
const versionUnderLoadMs = 20_000

const isOverloaded = () => (loadavg()[0] ?? 0) > 2 * availableParallelism()

/** After so long a CLI that could not be run is tried again, in milliseconds, unless its file changes before. */
const retryMs = 30_000

/** How long the version of one whose file is unchanged stays valid, in milliseconds: a wrapper may start another one. */
const versionFreshMs = 300_000

/** How often the search path is looked at, in milliseconds. */
const lookMs = 1_000

/** What a program is run in. `signal`: ends it. */
type Surroundings = { environment: Environment; signal: AbortSignal }

/** From the line with the name of the program, or with nothing else, or the first one: notices may stand around it. */
function versionIn(output: string): string | undefined {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trim())
  const found = (pattern: RegExp) => lines.map((line) => pattern.exec(line)?.[1]).find((each) => each !== undefined)
  const first = /^v?(\d+\.\d+\.\d+\S*)/.exec(lines[0] ?? '')?.[1]
  return found(/^v?(\d+\.\d+\.\d+\S*) \(Claude Code\)/) ?? found(/^v?(\d+\.\d+\.\d+\S*)$/) ?? first
}

async function readVersion(path: string, { environment, signal }: Surroundings): Promise<string> {
  const options = {
    environment: childEnvironment(environment),
    timeoutMs: isOverloaded() ? versionUnderLoadMs : versionMs,
    signal,
  }
  const { stdout, code } = await programOutput(path, ['--version'], options)
  const version = versionIn(stdout)
  if (version !== undefined) return version
  const exit = code === 0 ? '' : ` and exits with ${code}`
  throw new Error(`its --version prints ${JSON.stringify(stdout.slice(0, 100))}${exit}`)
}

/** Negative if `a` is older than `b`, zero if they are equal, positive if it is newer. */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split(/[.-]/).slice(0, 3).map(Number)
  const [left, right] = [parts(a), parts(b)]
  return left.map((part, index) => part - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

function isProgram(path: string): boolean {
  try {
    const info = statSync(path, { throwIfNoEntry: false })
    return info?.isFile() === true && (process.platform === 'win32' || (info.mode & 0o111) !== 0)
  } catch {
    return false
  }
}

const programName = process.platform === 'win32' ? 'claude.exe' : 'claude'

function findOnPath(name: string, environment: Environment): string | null {
  const folders = (environment.PATH ?? '').split(delimiter).filter(isAbsolute)
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null
}

/** The executable that the Agent SDK ships for this platform; null if there is none. */
export function sdkExecutable(): string | null {
  const sdk = createRequire(createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk'))
  const platform = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`
  const packages = usesMusl() ? [`${platform}-musl`, platform] : [platform, `${platform}-musl`]
  for (const name of packages) {
    try {
      return sdk.resolve(`${name}/${programName}`)
    } catch {
      // Only the package for this platform is installed.
    }
  }
  return null
}

function usesMusl(): boolean {
  if (process.platform !== 'linux') return false
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime === undefined
}

const howToInstall = 'Install it with `npm install -g @anthropic-ai/claude-code`, or set its path with --claude-bin.'

/** `passedOver`: why the one on the search path is not used, although there is one; null if it is, or there is none. */
type Found = Claude & { passedOver: string | null }

type Choice = Surroundings & { chosen: string | null } & Pick<Required<ExecutableOptions>, 'roots' | 'defectOf'>

async function choose(choice: Choice): Promise<Found> {
  const { chosen, environment, roots } = choice
  if (chosen !== null) return chooseNamed(chosen, choice)
  const onPath = findOnPath(programName, environment)
  if (onPath === null) return chooseShipped(null, choice)
  refuseUnsafe(onPath, roots)
  const state = fileStamp(onPath)
  const version = await readVersion(onPath, choice).catch(toError)
  const why = version instanceof Error ? version.message : whyNot({ state, version }, choice)
  if (typeof version === 'string' && why === null)
    return { path: onPath, version, state, origin: 'path', passedOver: null }
  return chooseShipped(`${onPath}: ${why}`, choice)
}

/** Why one that can be run is not used; null if it is. */
function whyNot(claude: ExecutableId, { defectOf }: Choice): string | null {
  if (compareVersions(claude.version, oldestVersion) < 0) return `version ${claude.version} is too old`
  return defectOf(claude)
}

async function chooseShipped(passedOver: string | null, choice: Choice): Promise<Found> {
  const shipped = sdkExecutable()
  if (shipped === null && passedOver !== null) {
    throw new UnusableClaude({ kind: 'broken' }, `The claude CLI cannot be used: ${passedOver}. ${howToInstall}`)
  }
  if (shipped === null) throw new UnusableClaude({ kind: 'missing' }, `The claude CLI was not found. ${howToInstall}`)
  refuseUnsafe(shipped, choice.roots)
  const state = fileStamp(shipped)
  return { path: shipped, version: await versionOrError(shipped, choice), state, origin: 'sdk', passedOver }
}

const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** An unsafe file is not run even for its version. Throws `claude_not_found`. */
function refuseUnsafe(path: string, roots: readonly string[]): void {
  const unsafe = whyUnsafe(path, roots)
  if (unsafe === null) return
  throw new UnusableClaude({ kind: 'unsafe', writable: unsafe.writable }, `${path} is not used: it ${unsafe.reason}`)
}

/** A name without a folder is one on the search path. */
const whyNoProgram = (path: string) =>
  isAbsolute(path) ? `${path} is not an executable file` : `no command ${path} is on the PATH of the server`

async function chooseNamed(chosen: string, choice: Choice): Promise<Found> {
  const { environment, roots } = choice
  const path = isAbsolute(chosen) ? chosen : (findOnPath(chosen, environment) ?? chosen)
  if (!isProgram(path))
    throw new UnusableClaude({ kind: 'missing' }, `${whyNoProgram(path)}: correct --claude-bin, or leave it out.`)
  refuseUnsafe(path, roots)
  const state = fileStamp(path)
  const version = await versionOrError(path, choice)
  const why = whyNot({ state, version }, choice)
  if (why === null) return { path, version, state, origin: 'chosen', passedOver: null }
  if (compareVersions(version, oldestVersion) >= 0) return chooseShipped(`${path}: ${why}`, choice)
  throw new UnusableClaude(
    { kind: 'too_old', path, version },
    `${path} is version ${version}; at least ${oldestVersion} is required. Run \`${shellWord(path)} update\`.`,
  )
}

async function versionOrError(path: string, surroundings: Surroundings): Promise<string> {
  try {
    return await readVersion(path, surroundings)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const text = `${path} cannot be run: ${why.split('\n')[0]}. ${howToInstall}`
    throw new UnusableClaude({ kind: 'broken' }, text, { cause })
  }
}

async function readLogin(path: string, { environment, signal }: Surroundings): Promise<Login> {
  // The exit code is 1 if nobody is logged in; the answer is on stdout anyway.
  const options = { environment: childEnvironment(environment), timeoutMs: 20_000, signal }
  const { stdout: output } = await programOutput(path, ['auth', 'status'], options)
  const { loggedIn, authMethod } = JSON.parse(output) as { loggedIn?: unknown; authMethod?: unknown }
  return { loggedIn: loggedIn === true, method: typeof authMethod === 'string' ? authMethod : 'none' }
}

/** What has become of the CLI that is used, for the log. */
export type ClaudeChange = { from: Claude | null; to: Claude | null; reason: string | null }

export type ExecutableOptions = {
  /** The real paths of the folders in which agents work. */
  roots?: readonly string[]
  onChange?: (change: ClaudeChange) => void
  /** Why an executable must not be used; null if it may be. */
  defectOf?: (claude: ExecutableId) => string | null
  /** The version that a process of it has reported, if that is another one: a wrapper starts another program by now. */
  versionOf?: (claude: ExecutableId) => string | null
  lookMs?: number
}

export class Executable {
  readonly #chosen: string | null
  readonly #environment: Environment
  readonly #options: Required<ExecutableOptions>
  readonly #closing = new AbortController()
  readonly #claude: CachedValue<Claude>
  readonly #login: CachedValue<Login>
  /** What was found last; null if nothing usable was. */
  #found: Claude | null = null
  #passedOver: string | null = null
  #isFirst = true
  #look = { atMs: Number.NEGATIVE_INFINITY, stamp: '' }
  #knownLogin: Login | null = null

  constructor(chosen: string | null, environment: Environment, options: ExecutableOptions = {}) {
    this.#chosen = chosen
    this.#environment = environment
    this.#options = { roots: [], onChange: () => {}, defectOf: () => null, versionOf: () => null, lookMs, ...options }
    this.#claude = new CachedValue({
      compute: () => this.#choose(),
      stateNow: () => this.#stateNow(),
      failureMs: (error) => (error instanceof UnusableClaude && error.defect.kind === 'broken' ? retryMs : 0),
    })
    const credentials = join(configFolder(environment), '.credentials.json')
    this.#login = new CachedValue({
      compute: async () => {
        const before = fileStamp(credentials)
        const value = await this.#readLogin()
        return { value, state: before === '-' ? fileStamp(credentials) : before, freshMs: loginFreshMs }
      },
      stateNow: () => fileStamp(credentials),
    })
  }

  get #surroundings(): Surroundings {
    return { environment: this.#environment, signal: this.#closing.signal }
  }

  /** Ends what was started to find out the version or the login. */
  close(): void {
    this.#closing.abort()
  }

  /** The executable to use; throws `claude_not_found` if there is no usable one. */
  claude(): Promise<Claude> {
    return this.#claude.get()
  }

  /** Why the executable that was wanted is not the one in use: its path and what is wrong. Null if it is, or none is known yet. */
  get passedOver(): string | null {
    return this.#passedOver
  }

  /** What a person types to start the one in use: its name if that is enough, or its path. */
  get command(): string {
    const { origin, path } = this.#found ?? {}
    return path === undefined || origin === 'path' ? 'claude' : shellWord(path)
  }

  /** Whether the CLI is logged in, and how. Takes about 0.4 s if the CLI must be run, otherwise no time. */
  login(): Promise<Login> {
    return this.#login.get()
  }

  /** The login as far as it is known without waiting; null if it is not known yet. Checks again in the background. */
  loginSoFar(): Login | null {
    this.login().catch(() => {})
    return this.#knownLogin
  }

  async #choose(): Promise<{ value: Claude; state: string; freshMs: number }> {
    const before = this.#found
    try {
      const lookedAt = this.#lookAtPath(0)
      const { passedOver, ...claude } = await choose({ chosen: this.#chosen, ...this.#surroundings, ...this.#options })
      this.#found = claude
      this.#passedOver = passedOver
      this.#note(before, claude, passedOver)
      const state = this.#stateOf(claude, lookedAt)
      return { value: claude, state, freshMs: passedOver === null ? versionFreshMs : retryMs }
    } catch (error) {
      this.#found = null
      this.#passedOver = null
      this.#note(before, null, toError(error).message)
      throw error
    }
  }

  /** One log line for each change, and one at the start if something is wrong. */
  #note(from: Claude | null, to: Claude | null, reason: string | null): void {
    const isSame = from?.path === to?.path && from?.version === to?.version && from?.state === to?.state
    if (this.#isFirst ? reason !== null : !isSame) this.#options.onChange({ from, to, reason })
    this.#isFirst = false
  }

  #stateNow(): string {
    return this.#stateOf(this.#found && { ...this.#found, state: fileStamp(this.#found.path) }, null)
  }

  /** It depends on what would be found now, too: the wanted one may have come, or one in an earlier folder of the search path. */
  #stateOf(claude: Claude | null, lookedAt: string | null): string {
    const wanted = lookedAt ?? this.#lookAtPath(this.#options.lookMs)
    if (claude === null || claude.origin === 'sdk') return `${claude?.state} ${wanted}`
    const { defectOf, versionOf } = this.#options
    return `${claude.state} ${wanted} ${versionOf(claude) ?? ''} ${defectOf(claude) ?? ''}`
  }

  /** The state of what would be found, at most `ageMs` milliseconds old. */
  #lookAtPath(ageMs: number): string {
    const name = this.#chosen ?? programName
    if (isAbsolute(name)) return fileStamp(name)
    const now = performance.now()
    if (now - this.#look.atMs < ageMs) return this.#look.stamp
    const path = findOnPath(name, this.#environment)
    this.#look = { atMs: now, stamp: path === null ? '-' : `${path} ${fileStamp(path)}` }
    return this.#look.stamp
  }

  async #readLogin(): Promise<Login> {
    this.#knownLogin = await readLogin((await this.claude()).path, this.#surroundings)
    return this.#knownLogin
  }
}
