// The Agent made of workers: queues runs, prepares a process for each, and reports. Which process that is, and when processes start and
// end, is decided in scheduler.ts; what happens inside a process, in claude/process/worker.ts; which processes can stand in for each
// other, by profiles (claude/cli/profile.ts).
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { Agent, AgentStats, ModelFact, RunRequest } from '../../core/agent.ts'
import type { AnsweredBy, ApprovalAnswer, RunEvent } from '../../core/events.ts'
import { AppError, shuttingDown } from '../../errors.ts'
import { type AbilityBook, AbilityFailed, type AbilityName, AbilityRefused, ClaudeReplaced } from '../cli/abilities.ts'
import { type Turn, toTurn } from '../cli/profile.ts'
import { readSettingsState } from '../cli/settings-fingerprint.ts'
import type { PlanLimits } from '../process/plan-limits.ts'
import { SessionFolders } from '../sessions/session-folders.ts'
import type { TurnLimits } from '../turn/turn.ts'
import type { PoolLimits } from './limits.ts'
import { LongHistories } from './long-histories.ts'
import type { PoolWorker } from './pool-worker.ts'
import { type RequestContext, type ResolvedRequest, resolveRequest } from './resolve-request.ts'
import { type Acquired, runAttempts } from './run-attempts.ts'
import { HolderGone, LoadingFailed, Scheduler, type SchedulerContext } from './scheduler.ts'
import { SessionLocks } from './session-locks.ts'
import { existingSession, holdsConversation, isSpare } from './worker-selection.ts'

export type PoolContext = RequestContext &
  SchedulerContext & {
    turnLimits: TurnLimits
    planLimits: PlanLimits
    abilities: AbilityBook
    /** A folder for files that only this server's processes read. */
    privateDir: string
  }

/** How many processes are tried for one purpose. */
const triesMax = 3

/** How long a process may take that is wanted for no run, in milliseconds. */
const ownUseMs = 60_000

/** A process for a run, and what is to be set in it. */
type Found = { worker: PoolWorker; turn: Turn }

type Loading = { resolved: ResolvedRequest; path: string }

export class Pool implements Agent {
  readonly #limits: PoolLimits
  readonly #context: PoolContext
  readonly #scheduler: Scheduler
  /** Which process works on which run. */
  readonly #running = new Map<string, PoolWorker>()
  readonly #locks = new SessionLocks()
  readonly #folders: SessionFolders
  readonly #longHistories: LongHistories
  /** By owner: runs that were admitted and have no process yet, from the first look at their request on. */
  readonly #admitted = new Map<string | null, number>()
  /** How many times in a row processes would not use an ability. */
  readonly #refusals = new Map<AbilityName, number>()
  #closing: Promise<void> | null = null

  constructor(limits: PoolLimits, context: PoolContext) {
    this.#limits = limits
    this.#context = context
    this.#folders = new SessionFolders(context.configDir)
    this.#scheduler = new Scheduler(limits, context)
    this.#longHistories = new LongHistories(limits.loadedMin, context)
  }

  stats(): AgentStats {
    const workers = [...this.#scheduler.workers]
    const count = (state: PoolWorker['state']) => workers.filter((worker) => worker.state === state).length
    const isReady = (worker: PoolWorker) => worker.state === 'idle' && isSpare(worker, worker.key, worker.fingerprint)
    const spare = workers.filter(isReady).length
    const counts = { idle: count('idle'), spare, busy: count('busy'), starting: count('starting') }
    return {
      processes: { live: workers.length, ...counts, max: this.#limits.maxProcesses },
      queue: { waiting: this.#waiting, limit: this.#limits.queueLimit },
      quota: this.#context.planLimits.read(),
    }
  }

  run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    return runAttempts(request, toTurn(request), signal, {
      acquire: (...wanted) => this.#acquire(...wanted),
      release: (worker, runId) => {
        this.#running.delete(runId)
        this.#release(worker)
      },
      limits: this.#context.turnLimits,
      clock: this.#context.clock,
      onWarning: this.#context.onWarning,
      onAbilityFailed: ({ claude }, failed) => this.#context.abilities.lose(claude, failed),
      isReplaced: ({ claude }) => this.#context.abilities.defectOf(claude) !== null,
    })
  }

  /** Waits for a process that is ready for the request's turn. `unlock` lets the conversation's next run start. */
  async #acquire(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Acquired> {
    if (this.#closing !== null) throw shuttingDown()
    this.#context.planLimits.check(turn.model)
    const owner = request.owner ?? null
    this.#admit(request, owner)
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
      const others = (this.#admitted.get(owner) ?? 0) - 1
      if (others > 0) this.#admitted.set(owner, others)
      else this.#admitted.delete(owner)
    }
  }

  /** The limit is for each owner: nobody can fill the queue for the others. */
  #admit({ isAccepted = false }: RunRequest, owner: string | null): void {
    const waiting = this.#admitted.get(owner) ?? 0
    const { queueLimit } = this.#limits
    if (waiting >= queueLimit && !isAccepted && !this.#hasRoom()) throw queueFull(queueLimit)
    this.#admitted.set(owner, waiting + 1)
  }

  get #waiting(): number {
    return [...this.#admitted.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Whether a run that arrives now would get a process without waiting for another run to end. */
  #hasRoom(): boolean {
    return this.#waiting === 0 && [...this.#scheduler.workers].some((worker) => worker.state === 'idle')
  }

  async #prepareWorker(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<PoolWorker> {
    let failures = 0
    while (failures < triesMax) {
      const found = await this.#waitForWorker(request, turn, signal)
      const worker = found?.worker ?? null
      if (worker?.isStopped) {
        // There may be more of them, but none is found twice.
        this.#onStopped(worker)
        continue
      }
      failures++
      if (found === null || worker === null) continue
      await this.#checkMayBegin(request, worker)
      const isHolder = holdsConversation(worker.conversation, request, turn)
      const isUsedAgain = !isHolder && worker.conversation !== null
      const prepared = isHolder
        ? worker.continueConversation(turn)
        : worker.startConversation(found.turn, newSessionId(worker, found.turn, request))
      const isReady = prepared.then(
        () => true,
        (error) => {
          // Without that ability the next process is started in another way: it cannot fail for the same reason.
          if (this.#onRefusedReuse(worker, error) === 'learned') failures--
          return false
        },
      )
      try {
        if (await orAbort(isReady, signal)) {
          if (isUsedAgain) this.#refusals.clear()
          return worker
        }
      } catch (error) {
        // The process is free once it is ready.
        void isReady.then(() => this.#release(worker))
        throw error
      }
      this.#release(worker)
    }
    throw new AppError('claude_failed', 'Claude Code could not be prepared for the request.')
  }

  async #checkMayBegin({ mayBegin }: RunRequest, worker: PoolWorker): Promise<void> {
    try {
      await mayBegin?.()
    } catch (error) {
      this.#release(worker)
      throw error
    }
  }

  #onStopped(worker: PoolWorker): void {
    this.#context.onWarning('a CLI process was stopped by a signal and is ended', {})
    void worker.retire(0)
    this.#release(worker)
  }

  /** Null if the executable was replaced meanwhile. */
  async #waitForWorker(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Found | null> {
    let resolved: ResolvedRequest | null = null
    try {
      resolved = await orAbort(this.#resolve(request, turn), signal)
      const isLong = this.#longHistories.accepts(resolved) && !this.#scheduler.isHeld(resolved)
      const loading = isLong ? await this.#prepareLoading(resolved, signal) : null
      if (loading !== null) return await this.#load(loading, signal)
      const worker = await this.#scheduler.acquire(resolved, signal)
      return { worker, turn: this.#scheduler.evicted.complete(resolved.turn) }
    } catch (error) {
      if (error instanceof LoadingFailed) this.#onLoadingFailed(error)
      if (error instanceof HolderGone || error instanceof LoadingFailed)
        return this.#waitForWorker(request, turn, signal)
      if (error instanceof ClaudeReplaced) return null
      if (resolved !== null && (await this.#isPassedOver(resolved, error, signal))) return null
      throw error
    }
  }

  /** Whether a process did not start because its executable, which is being examined, is of no use: another one is used then. */
  async #isPassedOver({ claude }: ResolvedRequest, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!(error instanceof AppError) || error.code !== 'claude_failed') return false
    await orAbort(this.#context.abilities.examined(claude), signal)
    return this.#context.abilities.defectOf(claude) !== null
  }

  /** The request with its history as a file; null if it is to be handed over message by message. */
  async #prepareLoading(resolved: ResolvedRequest, signal: AbortSignal): Promise<Loading | null> {
    const turn = this.#scheduler.evicted.complete(resolved.turn)
    const loaded = await orAbort(this.#longHistories.prepare({ ...resolved, turn }, signal), signal)
    return loaded === null ? null : { resolved: { ...resolved, turn: { ...turn, loaded } }, path: loaded.path }
  }

  async #load({ resolved, path }: Loading, signal: AbortSignal): Promise<Found> {
    try {
      return { worker: await this.#scheduler.acquire(resolved, signal), turn: resolved.turn }
    } finally {
      // The process has read it.
      await rm(path, { force: true })
    }
  }

  /** A process that has ended by itself will not have known what to do with the file. */
  #onLoadingFailed({ message, cause, claude }: LoadingFailed): void {
    const { abilities } = this.#context
    this.#longHistories.noteFailure(message)
    const hasExited = cause instanceof AppError && cause.details.returncode !== null
    if (hasExited && abilities.of(claude).loading) abilities.lose(claude, new AbilityFailed('loading', message))
  }

  #resolve(request: RunRequest, turn = toTurn(request)): Promise<ResolvedRequest> {
    const { session } = request
    const holder = [...this.#scheduler.workers].find(
      ({ conversation, state }) =>
        session.kind === 'continue' && conversation?.sessionId === session.sessionId && state !== 'ending',
    )
    const heldIn = holder?.profile.cwd ?? null
    return resolveRequest(request, turn, { context: this.#context, folders: this.#folders, heldIn })
  }

  /** Ends a process that could not be prepared; an ability that it does not have is not tried again. */
  #onRefusedReuse(worker: PoolWorker, error: unknown): 'learned' | 'nothing new' {
    const { onWarning, abilities } = this.#context
    onWarning('a CLI process could not be used again', { reason: String(error) })
    void worker.retire()
    const failed = error instanceof AbilityRefused ? this.#afterRefusal(error) : error
    if (!(failed instanceof AbilityFailed) || !abilities.of(worker.claude)[failed.ability]) return 'nothing new'
    abilities.lose(worker.claude, failed)
    return 'learned'
  }

  /** The failure that a refusal amounts to; null as long as it may be about this one process. */
  #afterRefusal({ ability, message }: AbilityRefused): AbilityFailed | null {
    const count = (this.#refusals.get(ability) ?? 0) + 1
    this.#refusals.set(ability, count)
    return count < this.#limits.refusalsMax ? null : new AbilityFailed(ability, message)
  }

  #release(worker: PoolWorker): void {
    const { conversation, profile } = worker
    if (conversation?.isKept) this.#folders.note(conversation.sessionId, profile.cwd)
    this.#scheduler.release(worker)
    if (profile.reusable) return
    // The run may have changed files that spares have read.
    const { fingerprint } = readSettingsState(this.#context.environment, profile.cwd)
    this.#scheduler.refreshSettings(profile.cwd, fingerprint)
  }

  /** Starts spares for requests like `example`. Throws whatever `claude` throws. */
  async warmUp(example: RunRequest): Promise<void> {
    this.#scheduler.expect(await this.#resolve(example))
  }

  /** The models that the CLI knows; if no process has reported them yet, one for `example` is started. */
  async models(example: RunRequest): Promise<ModelFact[]> {
    for (let tries = 0; this.#scheduler.models === null && tries < triesMax; tries++) {
      const found = await this.#waitForWorker(example, toTurn(example), AbortSignal.timeout(ownUseMs))
      if (found !== null) this.#release(found.worker)
    }
    return (this.#scheduler.models ?? []).map(toModelFact)
  }

  answer(runId: string, requestId: string, answer: ApprovalAnswer, by: AnsweredBy = 'caller'): boolean {
    return this.#running.get(runId)?.answer(requestId, answer, by) ?? false
  }

  async unloadSession(sessionId: string): Promise<boolean> {
    const workers = [...this.#scheduler.workers]
    const holders = workers.filter((worker) => worker.conversation?.sessionId === sessionId)
    if (holders.some(({ state }) => state === 'busy')) return false
    await Promise.all(holders.map((worker) => worker.retire()))
    this.#folders.forget(sessionId)
    return true
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#scheduler.close(deadlineMs)
    return this.#closing
  }
}

/** A run that is cancelled or out of time waits for nothing any more. */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) onAbort()
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const toModelFact = ({ value, resolvedModel, displayName }: ModelInfo): ModelFact => ({
  value,
  resolvedModel: resolvedModel ?? value,
  displayName,
})

/**
 * A process that keeps its own conversation files has one id for life; a reused one gets another id each time, which is a new one unless a
 * conversation goes on in it.
 */
function newSessionId({ profile, spawnMode }: PoolWorker, { written = null }: Turn, request: RunRequest): string {
  if (!profile.reusable) return spawnMode.sessionId
  return (written === null ? null : existingSession(request)) ?? randomUUID()
}

function queueFull(limit: number): AppError {
  return new AppError('queue_full', `${limit} requests of yours are already waiting; try again in a moment.`, {
    retryAfterS: 2,
  })
}
