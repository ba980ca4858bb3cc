// Which process works for whom, and when one is started or ended: assigns processes to waiting runs in their turn, makes room,
// keeps spares ready, retires what is spent or unused. Reads no file and no clock of its own. Not for preparing a process for a turn (see
// pool.ts), nor for the pure choices (see worker-selection.ts).
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { Observer } from '../../core/observer.ts'
import { shuttingDown, toAppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { memoryWatch } from '../../platform/memory-pressure.ts'
import { ClaudeReplaced } from '../cli/abilities.ts'
import { canContinue, profileKey } from '../cli/profile.ts'
import type { SpawnMode } from '../cli/sdk-options.ts'
import { Demand, shortWaitMs } from './demand.ts'
import { EvictedConversations } from './evicted-conversations.ts'
import type { PoolLimits } from './limits.ts'
import type { PoolWorker, Spawn, SpawnSpec } from './pool-worker.ts'
import { RecentProfiles } from './recent-profiles.ts'
import type { ResolvedRequest } from './resolve-request.ts'
import { StartPacer } from './start-pacer.ts'
import { ownerOf, type Waiter, WaitQueue } from './wait-queue.ts'
import {
  canBeRewound,
  existingSession,
  holdsConversation,
  idleWorkerFor,
  isDispensable,
  isSpare,
  isStartedFor,
  leastRecentlyUsed,
  leastValuable,
  mostRecentlyUsed,
  reservedFromAuxiliary,
  spareSpawnMode,
  spawnModeFor,
  wouldTakeLastProcess,
  yieldsToOthers,
} from './worker-selection.ts'

export type SchedulerContext = {
  spawn: Spawn
  clock: Clock
  observer?: Pick<Observer, 'onProcessStart'>
  isMemoryShort?: () => boolean
  onWarning: (message: string, facts: Record<string, unknown>) => void
}

/** The process that held the conversation has ended while the run waited for it: look at the conversation's file now. */
export class HolderGone extends Error {}

/** No process could be started with the past of the run's conversation in a file. */
export class LoadingFailed extends Error {
  readonly claude: SpawnSpec['claude']

  constructor(claude: SpawnSpec['claude'], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.claude = claude
  }
}

/** How often unused processes are looked for: as often as the shortest wait requires, within these limits, in milliseconds. */
const housekeepingMs = { min: 250, max: 5000 }

export class Scheduler {
  readonly #limits: PoolLimits
  readonly #context: SchedulerContext
  readonly #workers = new Set<PoolWorker>()
  readonly #waiting = new WaitQueue()
  readonly evicted = new EvictedConversations()
  /** Whose run each busy process works on. */
  readonly #holders = new Map<PoolWorker, string | null>()
  readonly #recentProfiles: RecentProfiles
  readonly #pacer: StartPacer
  readonly #demand = new Demand()
  readonly #isMemoryShort: () => boolean
  #stopHousekeeping = () => {}
  #isClosed = false
  #models: readonly ModelInfo[] | null = null

  constructor(limits: PoolLimits, context: SchedulerContext) {
    const { clock } = context
    this.#limits = limits
    this.#context = context
    this.#isMemoryShort = context.isMemoryShort ?? memoryWatch(() => clock.now())
    this.#recentProfiles = new RecentProfiles(clock)
    this.#pacer = new StartPacer({ spacingMs: limits.startSpacingMs, clock, onReady: () => this.#dispatch() })
    this.#keepHouse()
  }

  get workers(): ReadonlySet<PoolWorker> {
    return this.#workers
  }

  /** The models that the process started last has reported; null if none has yet. */
  get models(): readonly ModelInfo[] | null {
    return this.#models
  }

  /**
   * Waits for a process for the request's turn, and acquires it. Rejects with the signal's reason, or with the reason why no process can
   * be started, which may be that the scheduler is closed.
   */
  acquire(resolved: ResolvedRequest, signal: AbortSignal): Promise<PoolWorker> {
    if (this.#isClosed) return Promise.reject(shuttingDown())
    const onQueued = () => {
      if (existingSession(resolved.request) === null) this.#recentProfiles.note(resolved)
      this.#dispatch()
      if (this.#waiting.size > 0) this.#context.clock.schedule(() => this.#dispatch(), shortWaitMs)
    }
    const since = this.#context.clock.now()
    return this.#waiting.wait({ ...resolved, since }, signal, onQueued).catch((error) => {
      this.#dispatch()
      throw error
    })
  }

  /** Whether a process waits for the next turn of exactly the conversation that the request brings along. */
  isHeld({ key, request, turn }: ResolvedRequest): boolean {
    return this.#idleHolderOf({ key, request, turn }) !== null
  }

  /** Requests like this one are to be expected: spares are started for them. */
  expect(resolved: ResolvedRequest): void {
    this.#recentProfiles.note(resolved)
    this.#dispatch()
  }

  release(worker: PoolWorker): void {
    this.#holders.delete(worker)
    if (worker.release()) {
      if (this.#isSpent(worker)) void worker.retire()
      else if (worker.profile.reusable) void this.#retireIfLarge(worker)
    }
    this.#dispatch()
  }

  /** Settings have changed in the folder: spares that have read the old ones are replaced before they are needed. */
  refreshSettings(cwd: string, settings: string): void {
    if (this.#recentProfiles.refresh(cwd, settings)) this.#dispatch()
  }

  /** Ends every process within `deadlineMs`; runs that wait are refused with `shutting_down`. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    this.#stopHousekeeping()
    this.#pacer.stop()
    this.#waiting.rejectAll(shuttingDown())
    await Promise.all([...this.#workers].map((worker) => worker.retire(deadlineMs)))
  }

  #count(state: PoolWorker['state']): number {
    return [...this.#workers].filter((worker) => worker.state === state).length
  }

  #keepHouse(): void {
    const { min, max } = housekeepingMs
    const everyMs = Math.min(Math.max(this.#limits.keepAliveMs, min), max)
    this.#stopHousekeeping = this.#context.clock.schedule(() => {
      this.#keepHouse()
      // One that a signal has stopped would hold its place until a start is given up.
      for (const worker of this.#workers) if (worker.state === 'starting' && worker.isStopped) void worker.retire(0)
      this.#dispatch()
    }, everyMs)
  }

  /**
   * Looks at everything that waits, in its turn, and assigns, starts and ends processes accordingly. Called whenever something
   * has changed; does nothing if nothing can be done.
   */
  #dispatch(): void {
    if (this.#isClosed) return
    /** Processes that are starting, for the first waiters they suit. */
    const starting = [...this.#workers].filter((worker) => worker.state === 'starting')
    for (const waiter of this.#waiting.all()) this.#serve(waiter, starting)
    const now = this.#context.clock.now()
    const waits = this.#waiting.all().map(({ since }) => now - since)
    this.#demand.note(now, this.#count('busy'), waits)
    this.#endUnused()
    this.#keepSpares()
  }

  #serve(waiter: Waiter, starting: PoolWorker[]): void {
    if (yieldsToOthers(waiter.request) && wouldTakeLastProcess(this.#workers, this.#limits.maxProcesses)) return
    if (this.#hasEnough(waiter)) return
    const holder = this.#holderFor(waiter)
    if (holder === 'wait') return
    if (holder === null && waiter.isHeld) return waiter.reject(new HolderGone())
    const hasRoom = this.#hasRoom()
    const reserved = reservedFromAuxiliary(this.#workers, waiter, hasRoom)
    const isReturning = this.evicted.has(waiter)
    const worker = holder ?? idleWorkerFor(this.#workers, waiter, { reserved, isReturning })
    if (worker !== null) {
      if (worker !== holder && worker.conversation !== null) this.evicted.note(worker.conversation)
      return this.#assign(worker, waiter)
    }
    const coming = starting.findIndex((each) => isStartedFor(each, waiter))
    if (coming !== -1) starting.splice(coming, 1)
    else if (!hasRoom) this.#makeRoom(reserved, isReturning)
    else if (this.#mayGrowFor(waiter)) this.#start(waiter, spawnModeFor(waiter), waiter)
  }

  /** Whether one more process may live. The first always may, however short the memory is. */
  #hasRoom(): boolean {
    const { size } = this.#workers
    return size < this.#limits.maxProcesses && (size === 0 || !this.#isMemoryShort())
  }

  /** Whether the run is worth one more process: see PoolLimits. One that no process suits always is. */
  #mayGrowFor(waiter: Waiter): boolean {
    const hasWaited = this.#context.clock.now() - waiter.since >= shortWaitMs
    if (hasWaited || this.#workers.size < this.#limits.eagerMax) return true
    return ![...this.#workers].some((worker) => isStartedFor(worker, waiter) && worker.profile.reusable)
  }

  #hasEnough(waiter: Waiter): boolean {
    const { ownerRunsMax = null } = waiter.request
    const owner = ownerOf(waiter)
    return ownerRunsMax !== null && [...this.#holders.values()].filter((each) => each === owner).length >= ownerRunsMax
  }

  /** The process that holds the conversation and can continue it; `wait` if one must first finish its work or be ended. */
  #holderFor(waiter: Waiter): PoolWorker | 'wait' | null {
    const { session } = waiter.request
    if (session.kind === 'history') return this.#idleHolderOf(waiter)
    if (session.kind !== 'continue') return null
    const holder = [...this.#workers].find((worker) => worker.conversation?.sessionId === session.sessionId)
    if (holder === undefined) return null
    const { conversation, profile, state } = holder
    // A conversation that another program has continued is resumed from its file.
    const isCurrent = state === 'idle' && conversation !== null && !conversation.isOutdated()
    if (isCurrent && canContinue({ profile, turn: conversation.start }, waiter)) return holder
    if (state === 'idle') void holder.retire()
    return 'wait'
  }

  /** An idle process that holds exactly the conversation that the request brings along. */
  #idleHolderOf({ key, request, turn }: Pick<Waiter, 'key' | 'request' | 'turn'>): PoolWorker | null {
    const idle = [...this.#workers].filter((worker) => worker.state === 'idle' && worker.key === key)
    return idle.find((worker) => holdsConversation(worker.conversation, request, turn)) ?? null
  }

  /**
   * Ends the least recently used idle process; for a conversation that had to leave its own lately, the one that was used last, see
   * `idleWorkerFor`. There is room once it is gone; dispatch is called then.
   */
  #makeRoom(reserved: PoolWorker | null, isReturning = false): void {
    if (this.#count('ending') > 0) return
    const victim = (isReturning ? mostRecentlyUsed : leastRecentlyUsed)(this.#workers, reserved)
    if (victim?.conversation) this.evicted.note(victim.conversation)
    void victim?.retire()
  }

  #assign(worker: PoolWorker, waiter: Waiter): void {
    worker.acquire()
    this.#holders.set(worker, ownerOf(waiter))
    this.#pacer.delaySpares()
    waiter.assign(worker)
  }

  /** Starts a process, unless another one was started a moment ago: then later. */
  #start(spec: SpawnSpec, mode: SpawnMode, waiter: Waiter | null): void {
    const worker = this.#trySpawning(spec, mode, waiter)
    if (worker === null) return
    this.#workers.add(worker)
    const { clock, observer } = this.#context
    const startedAt = clock.now()
    const started = worker.ready.then(
      ({ models }) => {
        observer?.onProcessStart(clock.now() - startedAt, null)
        this.#models = models
        this.#dispatch()
      },
      (error) => {
        observer?.onProcessStart(clock.now() - startedAt, toAppError(error).code)
        this.#onFailedStart(error, worker.key, waiter)
      },
    )
    // Only once the start is known to have failed: a waiter would get one more process otherwise.
    void Promise.all([worker.gone, started]).then(() => {
      this.#workers.delete(worker)
      this.#dispatch()
    })
  }

  /** Null if nothing was started. A waiter hears of what the system refuses at once. */
  #trySpawning(spec: SpawnSpec, mode: SpawnMode, waiter: Waiter | null): PoolWorker | null {
    // When one of them is ready, everything that waits is looked at again.
    if (this.#count('starting') >= this.#limits.startsMax) return null
    if (!this.#pacer.mayStart(waiter === null)) return null
    try {
      const worker = this.#context.spawn(spec, mode)
      this.#pacer.noteStart()
      return worker
    } catch (error) {
      this.#recentProfiles.remove(profileKey(spec.profile))
      waiter?.reject(error)
      return null
    }
  }

  /** The waiter gets a second process, then the reason why there is none. */
  #onFailedStart(error: unknown, key: string, waiter: Waiter | null): void {
    const isReplaced = error instanceof ClaudeReplaced
    if (!isReplaced) this.#context.onWarning('a CLI process could not be started', { reason: String(error) })
    this.#recentProfiles.remove(key)
    const isWaiting = waiter !== null && this.#waiting.includes(waiter)
    if (isWaiting && isReplaced) return waiter.reject(error)
    if (isWaiting && waiter.turn.loaded) return waiter.reject(new LoadingFailed(waiter.claude, error))
    const victim = isWaiting ? waiter : this.#waiting.all().find((each) => each.key === key)
    if (victim !== undefined && ++victim.failedStarts > 1) victim.reject(error)
    this.#dispatch()
  }

  #isSpent({ profile, requests, conversation, hasTasks }: PoolWorker): boolean {
    // What a run leaves in the background ends with it, as it does with `claude -p`.
    if (hasTasks) return true
    if (conversation !== null && !conversation.canBeRewound) return true
    return profile.maxBudgetUsd !== null || (profile.reusable && requests >= this.#limits.requestsMax)
  }

  async #retireIfLarge(worker: PoolWorker): Promise<void> {
    if (worker.requests % 16 !== 0) return
    const bytes = await worker.residentBytes()
    if (bytes !== null && bytes > this.#limits.residentBytesMax && worker.state === 'idle') await worker.retire()
  }

  #endUnused(): void {
    this.#recentProfiles.removeUnused(this.#limits.recentMs)
    const longAgo = this.#context.clock.now() - this.#limits.keepAliveMs
    const spares = new Map<string, number>()
    for (const worker of this.#workers) {
      const isSpare = worker.conversation === null && this.#recentProfiles.isCurrent(worker.key, worker.fingerprint)
      const count = spares.get(worker.key) ?? 0
      if (isSpare) spares.set(worker.key, count + 1)
      const isWanted = isSpare && count < this.#limits.warm
      const isUnused = this.#isAbandoned(worker) || (!isWanted && worker.lastUsedAt < longAgo)
      if (worker.state === 'idle' && isUnused) void worker.retire()
    }
    // One at a time: what it gives back shows when it is gone.
    if (this.#isMemoryShort() && this.#workers.size > 1) this.#makeRoom(null)
  }

  /** Whether it has read a conversation's file for a run that no longer waits: another program may continue that file. */
  #isAbandoned(worker: PoolWorker): boolean {
    if (worker.conversation !== null || worker.spawnMode.kind === 'new') return false
    return !this.#waiting.all().some((waiter) => isStartedFor(worker, waiter))
  }

  #keepSpares(): void {
    if (this.#waiting.size > 0 || this.#limits.warm === 0) return
    this.#keepSparesForProfiles()
    this.#keepSparesForDemand()
  }

  #mayGrowForSpares(): boolean {
    if (this.#workers.size < this.#limits.eagerMax) return true
    return [...this.#workers].every((worker) => !isDispensable(worker))
  }

  /** Runs of the last minute had to wait: the next time there are as many processes as would have been needed. */
  #keepSparesForDemand(): void {
    const [latest] = this.#recentProfiles.byRecency()
    const isMissing = this.#workers.size < this.#demand.peak(this.#context.clock.now())
    if (latest !== undefined && isMissing && this.#hasRoom()) this.#start(latest[1], spareSpawnMode(), null)
  }

  /**
   * Starts spares for the profiles in recent use, the most recent first. If there is no room, the least valuable idle process makes
   * it: the next request of this profile is more likely than a return to that conversation.
   */
  #keepSparesForProfiles(): void {
    const wanted = new Set<PoolWorker>()
    for (const [key, spec] of this.#recentProfiles.byRecency()) {
      const spares = [...this.#workers].filter((worker) => isSpare(worker, key, spec.fingerprint))
      for (const spare of spares.slice(0, this.#limits.warm)) wanted.add(spare)
      if (spares.length >= this.#limits.warm) continue
      if (this.#hasRoom() && this.#mayGrowForSpares()) return this.#start(spec, spareSpawnMode(), null)
      const victim = leastValuable(this.#workers, wanted, spec.usedAt)
      // One that can be rewound is as good as a spare, and no process has to start for it.
      if (victim !== null && canBeRewound(victim, key, spec.fingerprint)) wanted.add(victim)
      else if (victim !== null) return this.#pacer.whenSparesMayStart(() => void victim.retire())
    }
  }
}
