// Finds out what a CLI can do, by what reaches the model: a scripted one in this process, which gets a few requests through a pool of its
// own. Nothing of the operator's login, settings or provider is used. Not for when that is done, nor for who needs to know
// (examinations.ts).
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { demoEnvironment } from '../../demo/environment.ts'
import { startUpstream, type Upstream } from '../../demo/upstream.ts'
import type { AppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Abilities, type AbilityName, abilityNames } from '../cli/abilities.ts'
import { loadSdk } from '../cli/sdk.ts'
import { defaultPoolLimits, type ProcessLimits } from '../pool/limits.ts'
import { Pool } from '../pool/pool.ts'
import type { SpawnSpec } from '../pool/pool-worker.ts'
import { workerSpawner } from '../pool/spawn-worker.ts'
import { PlanLimits } from '../process/plan-limits.ts'
import type { ProcessRegistry } from '../process/process-registry.ts'
import { configFolder, type Environment } from '../sessions/config-folder.ts'
import { Conversations, loadedMin, type Outcome } from './conversations.ts'
import type { Finding } from './findings.ts'

export type ExamineParts = {
  environment: Environment
  registry: ProcessRegistry
  clock: Clock
  limits: ProcessLimits
  /** Ends the examination, and its processes. */
  signal: AbortSignal
}

/** What was found: why each missing ability is missing, and what is wrong that there is no other way for. */
export type Examined = {
  missing: Partial<Record<AbilityName, string>>
  defects: string[]
  /** Whether the answer may be another one next time: a process failed, which may have had other reasons. */
  isUncertain: boolean
}

/** Its processes give way to those of requests. */
const nice = 4

/**
 * Examines with all abilities; whenever one fails, again without it: what it spoils must not be held against the others. Throws
 * NotExaminable, and the signal's reason.
 */
export async function examine(claude: SpawnSpec['claude'], parts: ExamineParts): Promise<Examined> {
  const missing: Examined['missing'] = {}
  for (;;) {
    parts.signal.throwIfAborted()
    const abilities = Object.fromEntries(abilityNames.map((name) => [name, missing[name] === undefined])) as Abilities
    const { findings, failure } = await once(claude, abilities, parts)
    parts.signal.throwIfAborted()
    const lost = lostIn(findings).filter(({ ability }) => missing[ability] === undefined)
    for (const { ability, reason } of lost) missing[ability] ??= reason
    if (lost.length > 0) continue
    const failed = failure === null ? [] : [describe(failure)]
    const defects = [...new Set(findings.map(({ reason }) => reason)), ...failed]
    return { missing, defects, isUncertain: failure !== null && failure.code !== 'sandbox_mismatch' }
  }
}

/** What is wrong inside is that the CLI's output has a form that nothing here expects. */
function describe({ code, message, cause }: AppError): string {
  return code === 'internal' ? `its output was not understood (${String(cause)})` : message
}

/** What remains of an earlier conversation spoils the rest of the next one. */
function lostIn(findings: Finding[]): { ability: AbilityName; reason: string }[] {
  const lost = findings.flatMap(({ ability, reason }) => (ability === null ? [] : [{ ability, reason }]))
  const remains = lost.filter(({ ability }) => ability === 'rewind')
  return remains.length > 0 ? remains : lost
}

async function once(claude: SpawnSpec['claude'], abilities: Abilities, parts: ExamineParts): Promise<Outcome> {
  const folder = join(parts.registry.privateDir, `examination-${randomUUID()}`)
  mkdirSync(folder, { mode: 0o700 })
  // Nobody else on this machine can take part.
  const upstream = await startUpstream({ secretPath: `/${randomUUID()}` })
  const lost: Finding[] = []
  const pool = poolFor(claude, { ...parts, abilities, upstream, folder, onLost: (finding) => lost.push(finding) })
  const onAbort = () => void pool.close(0)
  parts.signal.addEventListener('abort', onAbort, { once: true })
  try {
    parts.signal.throwIfAborted()
    return await new Conversations(pool, upstream, { folder, abilities, lost }).run()
  } finally {
    parts.signal.removeEventListener('abort', onAbort)
    await pool.close(0)
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  }
}

type PoolParts = ExamineParts & {
  abilities: Abilities
  upstream: Upstream
  folder: string
  onLost: (finding: Finding) => void
}

function poolFor(claude: SpawnSpec['claude'], parts: PoolParts): Pool {
  const { abilities, upstream, folder, registry, clock, limits, onLost } = parts
  const environment = demoEnvironment(parts.environment, upstream.url, folder)
  const gone = new Set<AbilityName>()
  const context = {
    environment,
    configDir: configFolder(environment),
    clock,
    planLimits: new PlanLimits(Date.now),
    onWarning: () => {},
    abilities: {
      of: () => ({ ...abilities, ...Object.fromEntries([...gone].map((name) => [name, false])) }),
      lose: (_claude: unknown, { ability, message }: { ability: AbilityName; message: string }) => {
        gone.add(ability)
        onLost({ ability, reason: message })
      },
      addDefect: () => {},
      noteVersion: () => {},
      examined: async () => {},
      defectOf: () => null,
    },
  }
  return new Pool(
    { ...defaultPoolLimits, loadedMin, warm: 0, maxProcesses: 2, queueLimit: 9, keepAliveMs: 600_000, refusalsMax: 1 },
    {
      ...context,
      spawn: workerSpawner({ ...context, registry, limits, nice }),
      turnLimits: limits,
      claude: async () => {
        await loadSdk()
        return claude
      },
      defaultCwd: folder,
      scratchDir: registry.scratchDir,
      privateDir: folder,
    },
  )
}
