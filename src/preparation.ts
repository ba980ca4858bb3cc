// What a server does as soon as it listens, before anybody needs it.
import type { Logger } from 'pino'
import type { ExecutableId } from './claude/cli/abilities.ts'
import { type Executable, sdkExecutable } from './claude/cli/executable.ts'
import { fileStamp } from './claude/cli/file-stamp.ts'
import type { Examinations, Examinee } from './claude/examination/examinations.ts'
import type { ExamineParts } from './claude/examination/examine.ts'
import type { Pool } from './claude/pool/pool.ts'
import { noOptions, noPlainOptions, type RunOptions, type RunRequest } from './core/agent.ts'
import type { Metrics } from './observability/metrics.ts'

/** A request that is never run: spares are started for requests like it. */
const exampleRequest = (options: Partial<RunOptions>): RunRequest => ({
  runId: '',
  prompt: [],
  session: { kind: 'new' },
  options: { ...noOptions, ...options },
  streaming: true,
  plain: null,
  approvals: false,
  isAuxiliary: false,
})

/** The same for plain models. */
export const plainExample = (): RunRequest => ({
  ...exampleRequest({ systemPrompt: 'You answer briefly.' }),
  session: { kind: 'history', messages: [] },
  plain: noPlainOptions,
})

/** The one that comes with this program stands in for any other. */
export function hasStandIn({ state }: ExecutableId): boolean {
  const shipped = sdkExecutable()
  return shipped !== null && fileStamp(shipped) !== state
}

/** Examines an executable. What that needs is loaded only then: most starts need nothing of it. */
export const examiner = (parts: Omit<ExamineParts, 'signal'>) => async (claude: Examinee, signal: AbortSignal) =>
  (await import('./claude/examination/examine.ts')).examine(claude, { ...parts, signal })

type Preparation = {
  executable: Executable
  examinations: Examinations
  pool: Pool
  metrics: Metrics
  swept: Promise<number>
  log: Logger
}

/** After the server listens: ends what a killed predecessor left, examines the CLI unless that was done before, starts the first spares. */
export async function prepare({ executable, examinations, pool, metrics, swept, log }: Preparation): Promise<void> {
  try {
    const left = await swept
    if (left > 0) log.warn({ processes: left }, 'ended processes that a previous server left running')
    await examine(executable, examinations)
    // No agent yet: where agents start, the folder's settings may run commands, and nobody has requested one.
    await pool.warmUp(plainExample())
    await metrics.load()
  } catch (error) {
    log.warn({ reason: String(error) }, 'could not start processes ahead of the first request')
  }
}

/** If the executable turns out not to be usable, its stand-in is examined as well. */
async function examine(executable: Executable, examinations: Examinations): Promise<void> {
  const claude = await executable.claude()
  await examinations.examine(claude)
  const inUse = await executable.claude()
  if (inUse.path !== claude.path) await examinations.examine(inUse)
}
