// Which `claude` is used, its version, and whether it is logged in: found without a call to the model, kept, and looked at
// again when a file behind the answer has changed. Never reads a token: the CLI is asked.
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

/** The oldest CLI whose behaviour this program was built and tested on; the Agent SDK brings this one along. */
export const oldestVersion = '2.1.330'

/** How long an answer about the login is good while no file has changed, in milliseconds: keychains have no file. */
const loginFreshMs = 300_000

/** `state` tells whether the file is still the one whose version was read; see file-stamp.ts. */
export type Claude = { path: string; version: string; origin: 'chosen' | 'path' | 'sdk'; state: string }

export type Login = { loggedIn: boolean; method: string }

const run = promisify(execFile)

/** Nobody else's settings lie there: where the server was started, a project's might decide what the CLI says. */
const neutralFolder = parse(process.cwd()).root

async function readVersion(path: string, environment: Environment): Promise<string> {
  const { stdout } = await run(path, ['--version'], {
    cwd: neutralFolder,
    env: childEnvironment(environment),
    timeout: 10_000,
  })
  const version = /^\d+\.\d+\.\d+\S*/.exec(stdout.trim())?.[0]
  if (version === undefined) throw new Error(`its --version says ${JSON.stringify(stdout.slice(0, 100))}`)
  return version
}

/** Negative, zero or positive, as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split(/[.-]/).slice(0, 3).map(Number)
  const [left, right] = [parts(a), parts(b)]
  return left.map((part, at) => part - (right[at] ?? 0)).find((difference) => difference !== 0) ?? 0
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

/** The executable that the Agent SDK ships for this platform; null where there is none. */
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

const howToInstall = 'Install it with `npm install -g @anthropic-ai/claude-code`, or name it with --claude-bin.'

/** A claude whose file is as it was when its version was read. */
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
  if (shipped === null) throw new AppError('claude_not_found', `The claude CLI was not found. ${howToInstall}`)
  refuseUnsafe(shipped, roots)
  return { path: shipped, version: await versionOrError(shipped, environment), origin: 'sdk' }
}

/** Such a file is not even asked for its version. Throws `claude_not_found`. */
function refuseUnsafe(path: string, roots: readonly string[]): void {
  const fault = whyUnsafe(path, roots)
  if (fault !== null) throw new AppError('claude_not_found', `${path} is not used: it ${fault}`)
}

async function chooseNamed(chosen: string, environment: Environment, roots: readonly string[]): Promise<Found> {
  const path = isAbsolute(chosen) ? chosen : ((await findOnPath(chosen, environment)) ?? chosen)
  if (!(await isProgram(path)))
    throw new AppError('claude_not_found', `${path} is not an executable file. ${howToInstall}`)
  refuseUnsafe(path, roots)
  const version = await versionOrError(path, environment)
  if (compareVersions(version, oldestVersion) >= 0) return { path, version, origin: 'chosen' }
  throw new AppError(
    'claude_not_found',
    `${path} is version ${version}; at least ${oldestVersion} is needed. Run \`claude update\`.`,
  )
}

async function versionOrError(path: string, environment: Environment): Promise<string> {
  try {
    return await readVersion(path, environment)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AppError(
      'claude_not_found',
      `${path} cannot be run: ${why.split('\n')[0]}. ${howToInstall}`,
      {},
      { cause },
    )
  }
}

async function readLogin(path: string, environment: Environment): Promise<Login> {
  // The exit code is 1 where nobody is logged in; the answer is on stdout all the same.
  const output = await run(path, ['auth', 'status'], {
    cwd: neutralFolder,
    env: childEnvironment(environment),
    timeout: 20_000,
  }).then(
    ({ stdout }) => stdout,
    (fault: { stdout?: string }) => fault.stdout ?? '',
  )
  const { loggedIn, authMethod } = JSON.parse(output) as { loggedIn?: unknown; authMethod?: unknown }
  return { loggedIn: loggedIn === true, method: typeof authMethod === 'string' ? authMethod : 'none' }
}

/** A value that is computed once for each state of some files, and again when they change or it gets old. */
class Remembered<T> {
  #known: { value: Promise<T>; state: string | null; at: number } | null = null
  readonly #compute: () => Promise<T>
  readonly #stateNow: () => string
  readonly #freshMs: number

  constructor(compute: () => Promise<T>, stateNow: () => string, freshMs: number) {
    this.#compute = compute
    this.#stateNow = stateNow
    this.#freshMs = freshMs
  }

  get(): Promise<T> {
    const known = this.#known
    const isOld = known === null || performance.now() - known.at > this.#freshMs
    // While it is being computed it is not known yet which file it depends on.
    if (isOld || (known.state !== null && known.state !== this.#stateNow())) return this.#renew()
    return known.value
  }

  #renew(): Promise<T> {
    const before = this.#stateNow()
    const value = this.#compute()
    const known = { value, state: null as string | null, at: performance.now() }
    this.#known = known
    value.then(
      () => {
        known.state = before === '-' ? this.#stateNow() : before
      },
      () => {
        // A failure is not kept: the next one who asks looks again.
        if (this.#known === known) this.#known = null
      },
    )
    return value
  }
}

export class Executable {
  readonly #environment: Environment
  readonly #claude: Remembered<Claude>
  readonly #login: Remembered<Login>
  readonly #chosen: string | null
  readonly #roots: readonly string[]
  /** The file that the search has led to. */
  #found: string | null = null
  #known: Login | null = null

  /** `roots`: folders in which agents work, by their real paths. */
  constructor(chosen: string | null, environment: Environment, roots: readonly string[] = []) {
    this.#chosen = chosen
    this.#roots = roots
    this.#environment = environment
    const credentials = join(configFolder(environment), '.credentials.json')
    this.#claude = new Remembered(
      () => this.#choose(),
      () => fileStamp(this.#found ?? ''),
      Number.POSITIVE_INFINITY,
    )
    this.#login = new Remembered(
      () => this.#askLogin(),
      () => fileStamp(credentials),
      loginFreshMs,
    )
  }

  /** The executable to use; throws `claude_not_found` where there is none that can be. */
  claude(): Promise<Claude> {
    return this.#claude.get()
  }

  /** Whether the CLI is logged in, and how. Takes about 0.4 s when it has to be asked, otherwise no time. */
  login(): Promise<Login> {
    return this.#login.get()
  }

  /** What is known of the login without waiting; null where nothing is yet. Looks again in the background. */
  loginSoFar(): Login | null {
    this.login().catch(() => {})
    return this.#known
  }

  async #choose(): Promise<Claude> {
    const claude = await choose(this.#chosen, this.#environment, this.#roots)
    this.#found = claude.path
    return { ...claude, state: fileStamp(claude.path) }
  }

  async #askLogin(): Promise<Login> {
    this.#known = await readLogin((await this.claude()).path, this.#environment)
    return this.#known
  }
}
