// What the server reports about itself and its CLI: `GET /v1/health`, `GET /readyz`, and the start line. Never starts a process: the
// executable's version and login are cached.
import type { AbilityName } from './claude/cli/abilities.ts'
import { compareVersions, type Executable, type Login, newestTestedVersion } from './claude/cli/executable.ts'
import type { Examinations } from './claude/examination/examinations.ts'
import type { Pool } from './claude/pool/pool.ts'
import type { Runs } from './core/runs.ts'
import type { Store } from './core/store.ts'
import { shuttingDown, toAppError } from './errors.ts'
import { installation } from './platform/installation.ts'

export type ClaudeState = {
  path: string | null
  version: string | null
  loggedIn: boolean | null
  authMethod: string | null
  /** What to do if the CLI cannot be run; null if it can. */
  error: string | null
}

export async function describeClaude(executable: Executable): Promise<ClaudeState> {
  try {
    const { path, version } = await executable.claude()
    const login = await executable.login().catch((): Login => ({ loggedIn: false, method: 'unknown' }))
    return { path, version, loggedIn: login.loggedIn, authMethod: login.method, error: null }
  } catch (error) {
    return { path: null, version: null, loggedIn: null, authMethod: null, error: (error as Error).message }
  }
}

export type HealthParts = {
  executable: Executable
  examinations: Examinations
  pool: Pool
  version: string
  isDemo: boolean
  /** When the server started, on the monotonic clock, in milliseconds. */
  startedAt: number
}

/** Throws what `Executable.claude` throws if the CLI cannot be run. */
export async function health({ executable, examinations, pool, version, isDemo, startedAt }: HealthParts) {
  const claude = await executable.claude()
  const login = executable.loginSoFar()
  return {
    status: 'ok',
    claude_version: `${claude.version} (Claude Code)`,
    version,
    uptime_s: Math.round((performance.now() - startedAt) / 100) / 10,
    logged_in: login?.loggedIn ?? null,
    auth_method: isDemo ? 'demo' : (login?.method ?? null),
    claude_path: claude.path,
    claude_tested_up_to: newestTestedVersion,
    claude_warnings: claudeWarnings(claude, executable.passedOver, examinations),
    command: installation().call,
    demo: isDemo,
    ...pool.stats(),
  }
}

/** What each ability is for, in the words of those who miss it. */
const uses: Record<AbilityName, string> = {
  rewind: 'each conversation without tools gets a process of its own',
  promptSwitch: 'each system prompt gets a process of its own',
  modelSwitch: 'each model gets a process of its own',
  optionSwitch: 'each effort and output limit gets a process of its own',
  toolSwitch: "each list of a client's tools gets a process of its own",
  opening: 'a conversation that another process takes over loses its prompt cache',
  loading: 'a long conversation takes longer to be taken over by another process',
}

/** `not_used`: the wanted one is not; `ability_missing`: something that makes requests faster. */
type ClaudeWarning = {
  code: 'not_used' | 'defect' | 'newer_than_tested' | 'not_examined' | 'ability_missing'
  message: string
}

const warning = (code: ClaudeWarning['code'], message: string): ClaudeWarning => ({ code, message })

/** What the operator should know about the CLI in use: why it is not the wanted one, and what it lacks. Empty if all is well. */
export function claudeWarnings(
  claude: { version: string; state: string },
  passedOver: string | null,
  examinations: Examinations,
): ClaudeWarning[] {
  const { version } = claude
  const missing = Object.entries(examinations.missingOf(claude) ?? {}) as [AbilityName, string][]
  const failure = examinations.failureOf(claude)
  const defects = examinations.defectsOf(claude)
  return [
    ...(passedOver === null ? [] : [warning('not_used', `the wanted claude is not used: ${passedOver}`)]),
    ...(compareVersions(version, newestTestedVersion) > 0 ? [warning('newer_than_tested', newer(version))] : []),
    ...(failure === null
      ? []
      : [warning('not_examined', `requests take longer, because claude could not be examined: ${failure}`)]),
    ...defects.map((reason) => warning('defect', `claude does not work as it should: ${reason}`)),
    ...missing.map(([name, reason]) =>
      warning('ability_missing', `requests may take longer, because ${uses[name]}: ${reason}`),
    ),
  ]
}

const newer = (version: string) =>
  `claude ${version} is newer than ${newestTestedVersion}, the newest version that this claude-serve was tested with`

type ReadinessParts = Pick<HealthParts, 'executable' | 'examinations'> & {
  store: Pick<Store, 'problem'>
  runs: Pick<Runs, 'isClosing'>
}

/**
 * Whether runs can be accepted, and which of the CLI's undocumented abilities are in use; without them requests are served
 * all the same, but slower.
 */
export async function readiness({ executable, examinations, store, runs }: ReadinessParts) {
  const claude = await executable.claude().catch(() => null)
  const missing = claude && examinations.missingOf(claude)
  const state = (name: AbilityName) =>
    missing === null ? 'not_checked' : missing[name] === undefined ? 'in_use' : 'not_available'
  const facts = {
    logged_in: executable.loginSoFar()?.loggedIn ?? null,
    abilities: {
      reuse_processes: state('rewind'),
      switch_system_prompts: state('promptSwitch'),
      switch_models: state('modelSwitch'),
      switch_model_options: state('optionSwitch'),
      switch_client_tools: state('toolSwitch'),
      keep_prompt_cache: state('opening'),
      read_long_conversations: state('loading'),
    },
    claude_warnings: claude === null ? [] : claudeWarnings(claude, executable.passedOver, examinations),
  }
  try {
    if (runs.isClosing) throw shuttingDown()
    const problem = await store.problem()
    if (problem !== null) throw problem
    await executable.claude()
    return { ready: true, facts }
  } catch (thrown) {
    const { message, code } = toAppError(thrown)
    return { ready: false, facts: { ...facts, error: message, code } }
  }
}
