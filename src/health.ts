// What the server reports about itself and its CLI: `GET /v1/health`, `GET /readyz`, and the start line. Never starts a process: the
// executable's version and login are cached.
import type { Executable, Login } from './claude/cli/executable.ts'
import type { Pool } from './claude/pool/pool.ts'
import type { Runs } from './core/runs.ts'
import type { Store } from './core/store.ts'
import { shuttingDown, toAppError } from './errors.ts'

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
  pool: Pool
  version: string
  isDemo: boolean
  /** When the server started, on the monotonic clock, in milliseconds. */
  startedAt: number
}

/** Throws what `Executable.claude` throws if the CLI cannot be run. */
export async function health({ executable, pool, version, isDemo, startedAt }: HealthParts) {
  const claude = await executable.claude()
  const login = executable.loginSoFar()
  return {
    status: 'ok',
    claude_version: `${claude.version} (Claude Code)`,
    version,
    uptime_s: Math.round((performance.now() - startedAt) / 100) / 10,
    logged_in: login?.loggedIn ?? null,
    auth_method: login?.method ?? null,
    claude_path: claude.path,
    demo: isDemo,
    ...pool.stats(),
  }
}

type ReadinessParts = Pick<HealthParts, 'executable' | 'pool'> & {
  store: Pick<Store, 'problem'>
  runs: Pick<Runs, 'isClosing'>
}

/**
 * Whether runs can be accepted, and which of the CLI's undocumented abilities are in use; without them requests are served
 * all the same, but slower.
 */
export async function readiness({ executable, pool, store, runs }: ReadinessParts) {
  const state = (ability: boolean) => (!pool.isChecked ? 'not_checked' : ability ? 'in_use' : 'not_available')
  const facts = {
    logged_in: executable.loginSoFar()?.loggedIn ?? null,
    abilities: {
      reuse_processes: state(pool.abilities.rewind),
      switch_system_prompts: state(pool.abilities.promptSwitch),
    },
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
