// The Agent made of workers: queues runs, assigns each a process, keeps spares ready, makes room, retires and replaces. What happens
// inside a process is the worker's business (claude/process/worker.ts); which processes can stand in for each other is decided by
// profiles (claude/cli/profile.ts).
import { randomUUID } from 'node:crypto'
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { Agent, AgentStats, ModelFact, RunRequest } from '../../core/agent.ts'
import type { AnsweredBy, ApprovalAnswer, RunEvent } from '../../core/events.ts'
import type { Observer } from '../../core/observer.ts'
import { AppError, shuttingDown } from '../../errors.ts'
import { type Abilities, canContinue, profileKey, type Turn, toTurn } from '../cli/profile.ts'
import type { SpawnMode } from '../cli/sdk-options.ts'
import { readSettingsState } from '../cli/settings-fingerprint.ts'
import { residentBytes } from '../process/process-tree.ts'
import type { Worker, WorkerContext } from '../process/worker.ts'
import { SessionFolders } from '../sessions/session-folders.ts'
import type { PoolLimits, ProcessLimits } from './limits.ts'
import { RecentProfiles, type SpawnSpec } from './recent-profiles.ts'
import { type RequestContext, type ResolvedRequest, resolveRequest } from './resolve-request.ts'
import { type Acquired, runAttempts } from './run-attempts.ts'
import { SessionLocks } from './session-locks.ts'
import { ClaudeReplaced } from './spawn-precheck.ts'
import { Spawner } from './spawner.ts'
import { type Waiter, WaitQueue } from './wait-queue.ts'
import {
  canBeRewound,
  existingSession,
  holdsConversation,
  idleWorkerFor,
  isSpare,
  isStartedFor,
  leastRecentlyUsed,
  leastValuable,
  reservedFromAuxiliary,
  spareSpawnMode,
  spawnModeFor,
  wouldTakeLastProcess,
} from './worker-selection.ts'

export type PoolContext = Omit<WorkerContext, 'claude' | 'limits'> &
  RequestContext & {
    limits: ProcessLimits
    observer?: Pick<Observer, 'onProcessStart'>
  }

export class Pool implements Agent {
  readonly abilities: Abilities = { rewind: true, promptSwitch: true }
  /** Whether the abilities that the CLI does not document were tested at start. */
  isChecked = false
  readonly #limits: PoolLimits
  readonly #context: PoolContext
  readonly #workers = new Set<Worker>()
  readonly #waiting = new WaitQueue()
  readonly #recentProfiles = new RecentProfiles()
  /** Which process works on which run. */
  readonly #running = new Map<string, Worker>()
  readonly #locks = new SessionLocks()
  readonly #folders: SessionFolders
  readonly #spawner: Spawner
  readonly #housekeeping: NodeJS.Timeout
  /** Runs that were admitted and have no process yet, from the first look at their request on. */
  #admitted = 0
  /** The process on which abilities are being tested: a spare as soon as that is over. */
  #underTest: Worker | null = null
  #closing: Promise<void> | null = null
  #models: ModelFact[] | null = null

  constructor(limits: PoolLimits, context: PoolContext) {
    this.#limits = limits
    this.#context = context
    this.#folders = new SessionFolders(context.configDir)
    this.#spawner = new Spawner({
      spacingMs: limits.startSpacingMs,
      context,
      observer: context.observer,
      onReady: () => this.#dispatch(),
    })
    this.#housekeeping = setInterval(() => this.#dispatch(), Math.min(Math.max(limits.keepAliveMs, 250), 5000)).unref()
  }

  stats(): AgentStats {
    const count = (state: Worker['state']) => [...this.#workers].filter((worker) => worker.state === state).length
    const isReady = (worker: Worker) => worker.state === 'idle' && isSpare(worker, worker.key, worker.fingerprint)
    const spare = [...this.#workers].filter(isReady).length
    const counts = { idle: count('idle'), spare, busy: count('busy'), starting: count('starting') }
    return {
      processes: { live: this.#workers.size, ...counts, max: this.#limits.maxProcesses },
      queue: { waiting: this.#admitted, limit: this.#limits.queueLimit },
    }
  }

  run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    return runAttempts(request, toTurn(request), signal, {
      acquire: (...wanted) => this.#acquire(...wanted),
      release: (worker, runId) => {
        this.#running.delete(runId)
        this.#release(worker)
      },
      limits: this.#context.limits,
      onWarning: this.#context.onWarning,
    })
  }

  /** Waits for a process that is ready for the request's turn. `unlock` lets the conversation's next run start. */
  async #acquire(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Acquired> {
    if (this.#closing !== null) throw shuttingDown()
    if (this.#admitted >= this.#limits.queueLimit && !this.#hasRoom()) throw queueFull(this.#limits.queueLimit)
    this.#admitted++
    let unlock = () => {}
    try {
      signal.throwIfAborted()
      const session = existingSession(request)
      if (session !== null) unlock = await this.#locks.acquire(session, signal)
      const worker = await this.#prepareWorker(request, turn, signal)
      this.#running.set(request.runId, worker)
      return { worker, unlock }
    } catch (error) {
      unlock()
      throw error
    } finally {
      this.#admitted--
    }
  }

  /** Whether a run that arrives now would get a process without waiting for another run to end. */
  #hasRoom(): boolean {
    return this.#admitted === 0 && [...this.#workers].some((worker) => worker.state === 'idle')
  }

  async #prepareWorker(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Worker> {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const worker = await this.#waitForWorker(request, turn, signal)
      if (worker === null) continue
      try {
        if (holdsConversation(worker.conversation, request, turn)) await worker.continueConversation(turn)
        else await worker.startConversation(turn, newSessionId(worker))
        return worker
      } catch (error) {
        this.#onRefusedReuse(worker, error)
        this.#release(worker)
      }
    }
    throw new AppError('claude_failed', 'Claude Code could not be prepared for the request.')
  }

  /** Null if the executable was replaced meanwhile. */
  async #waitForWorker(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Worker | null> {
    try {
      return await this.#wait(await this.#resolve(request, turn), signal)
    } catch (error) {
      if (error instanceof ClaudeReplaced) return null
      throw error
    }
  }

  #resolve(request: RunRequest, turn = toTurn(request)): Promise<ResolvedRequest> {
    return resolveRequest(request, turn, { context: this.#context, folders: this.#folders, abilities: this.abilities })
  }

  /** Ends a process that could not be rewound or take a prompt; an ability that it never had is not tried again. */
  #onRefusedReuse(worker: Worker, error: unknown): void {
    this.#context.onWarning('a CLI process could not be used again', { reason: String(error) })
    if (worker.requests === 0) this.abilities.promptSwitch = false
    else if (/Unsupported control request/.test(String(error))) this.abilities.rewind = false
    void worker.close()
  }

  #wait(resolved: ResolvedRequest, signal: AbortSignal, onAssigned?: (worker: Worker) => void): Promise<Worker> {
    const onQueued = () => {
      if (existingSession(resolved.request) === null) this.#recentProfiles.note(resolved)
      this.#dispatch()
    }
    return this.#waiting.wait(resolved, signal, { onQueued, onAssigned })
  }

  /**
   * Looks at everything that waits, in order of arrival, and assigns, starts and ends processes accordingly. Called whenever something
   * has changed; does nothing if nothing can be done.
   */
  #dispatch(): void {
    if (this.#closing !== null) return
    /** Processes that are starting, for the first waiters they suit. */
    const starting = [...this.#workers].filter((worker) => worker.state === 'starting')
    for (const waiter of this.#waiting.all()) this.#serve(waiter, starting)
    this.#endUnused()
    this.#keepSpares()
  }

  #serve(waiter: Waiter, starting: Worker[]): void {
    if (waiter.request.isAuxiliary && wouldTakeLastProcess(this.#workers, this.#limits.maxProcesses)) return
    const holder = this.#holderFor(waiter)
    if (holder === 'wait') return
    const hasRoom = this.#workers.size < this.#limits.maxProcesses
    const reserved = reservedFromAuxiliary(this.#workers, waiter, hasRoom)
    const worker = holder ?? idleWorkerFor(this.#workers, waiter, reserved)
    if (worker !== null) return this.#assign(worker, waiter)
    const coming = starting.findIndex((each) => isStartedFor(each, waiter))
    if (coming !== -1) starting.splice(coming, 1)
    else if (!hasRoom) this.#makeRoom(reserved)
    else this.#start(waiter, spawnModeFor(waiter.request), waiter)
  }

  /** The process that holds the conversation and can continue it; `wait` if one must first finish its work or be ended. */
  #holderFor(waiter: Waiter): Worker | 'wait' | null {
    const { session } = waiter.request
    if (session.kind === 'history') return this.#idleHolderOf(waiter)
    if (session.kind !== 'continue') return null
    const holder = [...this.#workers].find((worker) => worker.conversation?.sessionId === session.sessionId)
    if (holder === undefined) return null
    const { conversation, profile, state } = holder
    if (state === 'idle' && conversation !== null && canContinue({ profile, turn: conversation.start }, waiter))
      return holder
    if (state === 'idle') void holder.close()
    return 'wait'
  }

  /** An idle process that holds exactly the conversation that the request brings along. */
  #idleHolderOf({ key, request, turn }: Waiter): Worker | null {
    const idle = [...this.#workers].filter((worker) => worker.state === 'idle' && worker.key === key)
    return idle.find((worker) => holdsConversation(worker.conversation, request, turn)) ?? null
  }

  /** Ends the least recently used idle process. There is room once it is gone; dispatch is called then. */
  #makeRoom(reserved: Worker | null): void {
    const isUnderWay = [...this.#workers].some((worker) => worker.state === 'ending')
    if (!isUnderWay) void leastRecentlyUsed(this.#workers, reserved)?.close()
  }

  #assign(worker: Worker, waiter: Waiter): void {
    worker.state = 'busy'
    worker.lastUsedAt = performance.now()
    this.#spawner.delaySpares()
    waiter.assign(worker)
  }

  /** Starts a process, unless another one was started a moment ago: then later. */
  #start(spec: SpawnSpec, mode: SpawnMode, waiter: Waiter | null): void {
    const worker = this.#trySpawning(spec, mode, waiter)
    if (worker === null) return
    this.#workers.add(worker)
    const started = worker.ready.then(
      ({ models }) => {
        this.#models = models.map(toModelFact)
        this.#dispatch()
      },
      (error) => this.#onFailedStart(error, worker.key, waiter),
    )
    // Only once the start is known to have failed: a waiter would get one more process otherwise.
    void Promise.all([worker.gone, started]).then(() => {
      this.#workers.delete(worker)
      this.#dispatch()
    })
  }

  /** Null if nothing was started. A waiter hears of what the system refuses at once. */
  #trySpawning(spec: SpawnSpec, mode: SpawnMode, waiter: Waiter | null): Worker | null {
    try {
      return this.#spawner.spawn(spec, mode, waiter === null)
    } catch (error) {
      this.#recentProfiles.remove(profileKey(spec.profile))
      waiter?.reject(error)
      return null
    }
  }

  /** The waiter gets a second process, then the reason why there is none. */
  #onFailedStart(error: unknown, key: string, waiter: Waiter | null): void {
    this.#context.onWarning('a CLI process could not be started', { reason: String(error) })
    this.#recentProfiles.remove(key)
    const isWaiting = waiter !== null && this.#waiting.includes(waiter)
    const victim = isWaiting ? waiter : this.#waiting.all().find((each) => each.key === key)
    if (victim !== undefined && ++victim.failedStarts > 1) victim.reject(error)
    this.#dispatch()
  }

  #release(worker: Worker): void {
    if (worker.conversation !== null) this.#folders.note(worker.conversation.sessionId, worker.profile.cwd)
    if (worker.state === 'busy') {
      worker.state = 'idle'
      worker.lastUsedAt = performance.now()
      if (this.#isSpent(worker)) void worker.close()
      else if (worker.profile.reusable) void this.#retireIfLarge(worker)
    }
    this.#dispatch()
    if (!worker.profile.reusable) this.#refreshProfiles(worker.profile.cwd)
  }

  #isSpent({ profile, requests, conversation }: Worker): boolean {
    if (conversation !== null && !conversation.canBeRewound) return true
    return profile.maxBudgetUsd !== null || (profile.reusable && requests >= this.#limits.requestsMax)
  }

  async #retireIfLarge(worker: Worker): Promise<void> {
    if (worker.pid === null || worker.requests % 16 !== 0) return
    const bytes = await residentBytes(worker.pid)
    if (bytes !== null && bytes > this.#limits.residentBytesMax && worker.state === 'idle') await worker.close()
  }

  /** After a run that may have changed files: spares that have read the old ones are replaced before they are needed. */
  #refreshProfiles(cwd: string): void {
    const { fingerprint } = readSettingsState(this.#context.environment, cwd)
    if (this.#recentProfiles.refresh(cwd, fingerprint)) this.#dispatch()
  }

  #endUnused(): void {
    this.#recentProfiles.removeUnused(this.#limits.recentMs)
    const longAgo = performance.now() - this.#limits.keepAliveMs
    for (const worker of this.#workers) {
      const isWanted = worker.conversation === null && this.#recentProfiles.isCurrent(worker.key, worker.fingerprint)
      if (worker.state === 'idle' && !isWanted && worker.lastUsedAt < longAgo) void worker.close()
    }
  }

  /**
   * Starts spares for the profiles in recent use, the most recent first. If there is no room, the least valuable idle process makes
   * it: the next request of this profile is more likely than a return to that conversation.
   */
  #keepSpares(): void {
    if (this.#waiting.size > 0 || this.#limits.warm === 0) return
    const wanted = new Set<Worker>()
    for (const [key, spec] of this.#recentProfiles.byRecency()) {
      const isOne = (worker: Worker) => isSpare(worker, key, spec.fingerprint) || worker === this.#underTest
      const spares = [...this.#workers].filter((worker) => worker.key === key && isOne(worker))
      for (const spare of spares.slice(0, this.#limits.warm)) wanted.add(spare)
      if (spares.length >= this.#limits.warm) continue
      if (this.#workers.size < this.#limits.maxProcesses) return this.#start(spec, spareSpawnMode(), null)
      const victim = leastValuable(this.#workers, wanted, spec.usedAt)
      // One that can be rewound is as good as a spare, and no process has to start for it.
      if (victim !== null && canBeRewound(victim, key, spec.fingerprint)) wanted.add(victim)
      else if (victim !== null) return this.#spawner.whenSparesMayStart(() => void victim.close())
    }
  }

  /**
   * Starts a spare for `reusable` and tests on it what the CLI can do beyond its documentation. Costs no turn of the model. Throws if
   * no process can be started.
   */
  async warmUp(reusable: RunRequest): Promise<void> {
    if (this.#limits.warm === 0) return
    const worker = await this.#wait(await this.#resolve(reusable), AbortSignal.timeout(60_000), (assigned) => {
      this.#underTest = assigned
    })
    try {
      this.abilities.rewind = await worker.knowsRewind().catch(() => false)
      this.abilities.promptSwitch = await worker.canSwitchPrompt()
      this.isChecked = true
    } finally {
      this.#underTest = null
      this.#release(worker)
    }
  }

  /** The models that the CLI knows; if no process has reported them yet, one for `example` is started. */
  async models(example: RunRequest): Promise<ModelFact[]> {
    if (this.#models === null) {
      await this.#context.claude()
      this.#release(await this.#wait(await this.#resolve(example), AbortSignal.timeout(60_000)))
    }
    return this.#models ?? []
  }

  answer(runId: string, requestId: string, answer: ApprovalAnswer, by: AnsweredBy = 'caller'): boolean {
    return this.#running.get(runId)?.answer(requestId, answer, by) ?? false
  }

  async unloadSession(sessionId: string): Promise<boolean> {
    const holders = [...this.#workers].filter((worker) => worker.conversation?.sessionId === sessionId)
    if (holders.some(({ state }) => state === 'busy')) return false
    await Promise.all(holders.map((worker) => worker.close()))
    this.#folders.forget(sessionId)
    return true
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#closeAll(deadlineMs)
    return this.#closing
  }

  async #closeAll(deadlineMs: number): Promise<void> {
    clearInterval(this.#housekeeping)
    this.#spawner.stop()
    this.#waiting.rejectAll(shuttingDown())
    await Promise.all([...this.#workers].map((worker) => worker.close(deadlineMs)))
  }
}

const toModelFact = ({ value, resolvedModel, displayName }: ModelInfo): ModelFact => ({
  value,
  resolvedModel: resolvedModel ?? value,
  displayName,
})

/** A process that keeps its own conversation files has one id for life; a reused one gets a new id each time. */
const newSessionId = (worker: Worker) => (worker.profile.reusable ? randomUUID() : worker.spawnMode.sessionId)

function queueFull(limit: number): AppError {
  return new AppError('queue_full', `${limit} requests are already waiting; try again in a moment.`, { retryAfterS: 2 })
}
