// A pool of fake workers with a clock that is moved by hand: scheduling in milliseconds.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Abilities } from '../../../src/claude/cli/abilities.ts'
import { defaultPoolLimits, defaultProcessLimits, type PoolLimits } from '../../../src/claude/pool/limits.ts'
import { Pool } from '../../../src/claude/pool/pool.ts'
import { PlanLimits } from '../../../src/claude/process/plan-limits.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../../src/core/agent.ts'
import type { RunEnd, RunEvent } from '../../../src/core/events.ts'
import type { AppError } from '../../../src/errors.ts'
import { assumedAbilities } from '../../helpers/abilities.ts'
import { FakeSpawner } from '../../helpers/fake-worker.ts'
import { HandClock, settle } from '../../helpers/hand-clock.ts'
import { makeFolders } from '../../helpers/test-server.ts'

export type Run = {
  readonly events: RunEvent[]
  /** The error with which the run was refused; null if it was not. */
  refusal: AppError | null
  isOver: boolean
  readonly end: RunEnd | undefined
  cancel(reason: Error): void
}

export type PoolScene = {
  pool: Pool
  /** Those that the pool uses. */
  abilities: () => Abilities
  clock: HandClock
  spawner: FakeSpawner
  warnings: string[]
  cwd: string
  configDir: string
  /** Starts a run of a plain model, or of whatever `request` says, and lets everything happen that can. */
  run(prompt: string, request?: Partial<RunRequest>): Promise<Run>
  /** Lets the worker that works on the prompt answer it. */
  reply(prompt: string): Promise<void>
}

/** A request to a plain model. */
export const plainRequest: RunRequest = {
  runId: '',
  prompt: [],
  session: { kind: 'history', messages: [] },
  options: { ...noOptions, systemPrompt: 'S' },
  streaming: true,
  plain: noPlainOptions,
  approvals: false,
  isAuxiliary: false,
}

export const agentRequest: Partial<RunRequest> = { plain: null, session: { kind: 'new' } }

/** One without tools whose model is fixed with Claude Code's own prompt: processes for others of these cannot serve it. */
export const fixedModel = (name: string): Partial<RunRequest> => ({
  plain: null,
  session: { kind: 'new' },
  options: { ...noOptions, tools: [], model: name },
})

export type SceneOptions = { limits?: Partial<PoolLimits>; isManual?: boolean; isMemoryShort?: () => boolean }

export function openPool(
  t: TestContext,
  { limits, isManual = false, isMemoryShort = () => false }: SceneOptions = {},
): PoolScene {
  const folders = makeFolders(t)
  const clock = new HandClock()
  const spawner = new FakeSpawner(clock, { isManual })
  const warnings: string[] = []
  const abilities = assumedAbilities()
  const planLimits = new PlanLimits(() => clock.now())
  const pool = new Pool(
    {
      ...defaultPoolLimits,
      warm: 0,
      maxProcesses: 2,
      startsMax: 9,
      eagerMax: 9,
      queueLimit: 9,
      keepAliveMs: 60_000,
      startSpacingMs: 0,
      ...limits,
    },
    {
      spawn: spawner.spawn,
      clock,
      isMemoryShort,
      claude: async () => ({ path: '/claude', version: '2.1.330', state: 'stamp' }),
      environment: { HOME: folders.home },
      configDir: folders.configDir,
      turnLimits: defaultProcessLimits,
      planLimits,
      abilities,
      defaultCwd: folders.cwd,
      scratchDir: () => folders.root,
      privateDir: folders.root,
      onWarning: (message) => warnings.push(message),
    },
  )
  t.after(() => pool.close(0))
  let count = 0
  return {
    pool,
    abilities: () => abilities.of({ state: 'stamp', version: '2.1.330' }),
    clock,
    spawner,
    warnings,
    cwd: folders.cwd,
    configDir: folders.configDir,
    async run(prompt, request = {}) {
      const run = follow(pool, {
        ...plainRequest,
        runId: `run_${++count}`,
        prompt: [{ type: 'text', text: prompt }],
        ...request,
      })
      await settle()
      return run
    },
    async reply(prompt) {
      spawner.workingOn(prompt).reply()
      await settle()
    },
  }
}

function follow(pool: Pool, request: RunRequest): Run {
  const controller = new AbortController()
  const events: RunEvent[] = []
  const run: Run = {
    events,
    refusal: null,
    isOver: false,
    get end() {
      return events.find((event) => event.type === 'run-end')
    },
    cancel: (reason) => controller.abort(reason),
  }
  const read = async () => {
    try {
      for await (const event of pool.run(request, controller.signal)) events.push(event)
    } catch (error) {
      run.refusal = error as AppError
    } finally {
      run.isOver = true
    }
  }
  void read()
  return run
}

/** The run has ended well. */
export function assertSucceeded(run: Run): void {
  assert.equal(run.refusal, null)
  assert.equal(run.end?.outcome, 'succeeded')
}
