// Which `claude` is used, its version, and whether it is logged in. The answers are found without a call to the model,
// cached, and renewed when a file they depend on has changed. Never reads a token: the CLI reports its login. Versions are
// compared here, because the package semver throws for some that occur (docs/decisions/0021-libraries-of-the-command-line.md).
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, isAbsolute, join, parse } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../errors.ts'
import { configFolder, type Environment } from '../sessions/config-folder.ts'
import { childEnvironment } from './environment.ts'
import { whyUnsafe } from './executable-permissions.ts'
import { fileStamp } from './file-stamp.ts'

/** The oldest CLI that this program was built for and tested with; it is the one that the Agent SDK ships. */
export const oldestVersion = '2.1.330'

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

/** `state` shows whether the file is still the one whose version was read; see file-stamp.ts. */
export type Claude = { path: string; version: string; origin: 'chosen' | 'path' | 'sdk'; state: string }

export type Login = { loggedIn: boolean; method: string }

const run = promisify(execFile)

/**
 * A folder without settings: in the folder where the server was started, a project's settings could change what the CLI
 * reports.
 */
const neutralFolder = parse(process.cwd()).root

async function readVersion(path: string, environment: Environment): Promise<string> {
  const { stdout } = await run(path, ['--version'], {
    cwd: neutralFolder,
    env: childEnvironment(environment),
    timeout: 10_000,
  })
  const version = /^\d+\.\d+\.\d+\S*/.exec(stdout.trim())?.[0]
  if (version === undefined) throw new Error(`its --version prints ${JSON.stringify(stdout.slice(0, 100))}`)
  return version
}

/** Negative if `a` is older than `b`, zero if they are equal, positive if it is newer. */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split(/[.-]/).slice(0, 3).map(Number)
  const [left, right] = [parts(a), parts(b)]
  return left.map((part, index) => part - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

async function isProgram(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null)
  if (!info?.isFile()) return false
  return process.platform === 'win32' || (info.mode & 0o111) !== 0
}

const programName = process.platform === 'win32' ? 'claude.exe' : 'claude'

async function findOnPath(name: string, environment: Environment): Promise<string | null> {
  for (const folder of (environment.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    if (await isProgram(join(folder, name))) return join(folder, name)
  }
  return null
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

/** A `claude` without the state of its file. */
type Found = Omit<Claude, 'state'>

async function choose(chosen: string | null, environment: Environment, roots: readonly string[]): Promise<Found> {
  if (chosen !== null) return chooseNamed(chosen, environment, roots)
  const onPath = await findOnPath(programName, environment)
  if (onPath !== null) refuseUnsafe(onPath, roots)
  const version = onPath === null ? null : await readVersion(onPath, environment).catch(() => null)
  if (onPath !== null && version !== null && compareVersions(version, oldestVersion) >= 0) {
    return { path: onPath, version, origin: 'path' }
  }
  const shipped = sdkExecutable()
  if (shipped === null) throw new UnusableClaude({ kind: 'missing' }, `The claude CLI was not found. ${howToInstall}`)
  refuseUnsafe(shipped, roots)
  return { path: shipped, version: await versionOrError(shipped, environment), origin: 'sdk' }
}

/** An unsafe file is not run even for its version. Throws `claude_not_found`. */
function refuseUnsafe(path: string, roots: readonly string[]): void {
  const unsafe = whyUnsafe(path, roots)
  if (unsafe === null) return
  throw new UnusableClaude({ kind: 'unsafe', writable: unsafe.writable }, `${path} is not used: it ${unsafe.reason}`)
}

async function chooseNamed(chosen: string, environment: Environment, roots: readonly string[]): Promise<Found> {
  const path = isAbsolute(chosen) ? chosen : ((await findOnPath(chosen, environment)) ?? chosen)
  if (!(await isProgram(path)))
    throw new UnusableClaude({ kind: 'missing' }, `${path} is not an executable file. ${howToInstall}`)
  refuseUnsafe(path, roots)
  const version = await versionOrError(path, environment)
  if (compareVersions(version, oldestVersion) >= 0) return { path, version, origin: 'chosen' }
  throw new UnusableClaude(
    { kind: 'too_old', path, version },
    `${path} is version ${version}; at least ${oldestVersion} is required. Run \`claude update\`.`,
  )
}

async function versionOrError(path: string, environment: Environment): Promise<string> {
  try {
    return await readVersion(path, environment)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const text = `${path} cannot be run: ${why.split('\n')[0]}. ${howToInstall}`
    throw new UnusableClaude({ kind: 'broken' }, text, { cause })
  }
}

async function readLogin(path: string, environment: Environment): Promise<Login> {
  // The exit code is 1 if nobody is logged in; the answer is on stdout anyway.
  const output = await run(path, ['auth', 'status'], {
    cwd: neutralFolder,
    env: childEnvironment(environment),
    timeout: 20_000,
  }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  )
  const { loggedIn, authMethod } = JSON.parse(output) as { loggedIn?: unknown; authMethod?: unknown }
  return { loggedIn: loggedIn === true, method: typeof authMethod === 'string' ? authMethod : 'none' }
}

/** A value that is computed once for each state of some files, and again when they change or the value is too old. */
class CachedValue<T> {
  #cached: { value: Promise<T>; state: string | null; computedAt: number } | null = null
  readonly #compute: () => Promise<T>
  readonly #stateNow: () => string
  readonly #freshMs: number

  constructor(compute: () => Promise<T>, stateNow: () => string, freshMs: number) {
    this.#compute = compute
    this.#stateNow = stateNow
    this.#freshMs = freshMs
  }

  get(): Promise<T> {
    const cached = this.#cached
    const isOld = cached === null || performance.now() - cached.computedAt > this.#freshMs
    // While the value is being computed, the file it depends on is not known yet.
    if (isOld || (cached.state !== null && cached.state !== this.#stateNow())) return this.#renew()
    return cached.value
  }

  #renew(): Promise<T> {
    const before = this.#stateNow()
    const value = this.#compute()
    const cached = { value, state: null as string | null, computedAt: performance.now() }
    this.#cached = cached
    value.then(
      () => {
        cached.state = before === '-' ? this.#stateNow() : before
      },
      () => {
        // A failure is not cached: the next call tries again.
        if (this.#cached === cached) this.#cached = null
      },
    )
    return value
  }
}

export class Executable {
  readonly #environment: Environment
  readonly #claude: CachedValue<Claude>
  readonly #login: CachedValue<Login>
  readonly #chosen: string | null
  readonly #roots: readonly string[]
  /** The file that was found. */
  #found: string | null = null
  #knownLogin: Login | null = null

  /** `roots`: the real paths of the folders in which agents work. */
  constructor(chosen: string | null, environment: Environment, roots: readonly string[] = []) {
    this.#chosen = chosen
    this.#roots = roots
    this.#environment = environment
    const credentials = join(configFolder(environment), '.credentials.json')
    this.#claude = new CachedValue(
      () => this.#choose(),
      () => fileStamp(this.#found ?? ''),
      Number.POSITIVE_INFINITY,
    )
    this.#login = new CachedValue(
      () => this.#readLogin(),
      () => fileStamp(credentials),
      loginFreshMs,
    )
  }

  /** The executable to use; throws `claude_not_found` if there is no usable one. */
  claude(): Promise<Claude> {
    return this.#claude.get()
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

  async #choose(): Promise<Claude> {
    const claude = await choose(this.#chosen, this.#environment, this.#roots)
    this.#found = claude.path
    return { ...claude, state: fileStamp(claude.path) }
  }

  async #readLogin(): Promise<Login> {
    this.#knownLogin = await readLogin((await this.claude()).path, this.#environment)
    return this.#knownLogin
  }
}
