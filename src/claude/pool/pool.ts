// The Agent made of workers: queues runs, lends each a process, keeps spares ready, makes room, retires and replaces.
// What happens inside a process is the worker's business (claude/process/worker.ts); which processes can stand in for each other is
// decided by profiles (claude/cli/profile.ts).
import { randomUUID } from 'node:crypto'
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { Agent, AgentStats, ModelFact, RunRequest } from '../../core/agent.ts'
import { type AnsweredBy, type AskAnswer, endOfRun, type RunEvent } from '../../core/events.ts'
import type { Observer } from '../../core/observer.ts'
import { SessionPlaces, sessionNotFound } from '../../core/sessions.ts'
import { AppError, shuttingDown, toAppError } from '../../errors.ts'
import { type Abilities, canContinue, profileKey, type Turn, toProfile, toTurn } from '../cli/profile.ts'
import { loadSdk } from '../cli/sdk.ts'
import type { Birth } from '../cli/sdk-options.ts'
import { readSettingsState, type SettingsState } from '../cli/settings-fingerprint.ts'
import type { BegunWith } from '../process/loaded-conversation.ts'
import { residentBytes } from '../process/process-tree.ts'
import { Worker, type WorkerContext } from '../process/worker.ts'
import { said } from '../sessions/conversation-fingerprint.ts'
import { SessionFolders } from '../sessions/session-folders.ts'
import { WorkerLost } from '../turn/turn.ts'
import { type Kind, Kinds } from './recent-profiles.ts'
import { SessionLocks } from './session-locks.ts'
import { ClaudeReplaced, checkStart } from './spawn-precheck.ts'
import {
  birthFor,
  birthOfSpare,
  canBeEmptied,
  idleFor,
  isMadeFor,
  isSpare,
  keptFromSide,
  leastRecentlyUsed,
  worthLess,
  wouldTakeTheLast,
} from './worker-selection.ts'

export type PoolLimits = {
  /** Spare processes kept ready for each kind of request in recent use. */
  warm: number
  maxProcesses: number
  queueLimit: number
  /** How long an idle conversation keeps its process, in milliseconds. */
  keepAliveMs: number
  /** The shortest time between two starts: parallel starts race for the login's refresh token and for the cores. */
  startSpacingMs: number
  /** How long a kind of request counts as in recent use, in milliseconds. */
  recentMs: number
  /** A reused process is replaced after so many requests, or above so many bytes. */
  requestsMax: number
  residentBytesMax: number
}

export const poolDefaults = {
  startSpacingMs: 250,
  recentMs: 3_600_000,
  requestsMax: 150,
  residentBytesMax: 350 * 1024 * 1024,
} satisfies Partial<PoolLimits>

export type PoolContext = Omit<WorkerContext, 'claude'> & {
  /** The executable to start now; throws an AppError where there is none. */
  claude: () => Promise<Kind['claude']>
  defaultCwd: string
  /** An empty folder, in which plain models work; the same one for as long as it is there. */
  scratchDir: () => string
  observer?: Pick<Observer, 'onProcessStart'>
}

/** A run that waits for a process. */
type Waiter = Kind & {
  request: RunRequest
  turn: Turn
  key: string
  failedStarts: number
  resolve: (worker: Worker) => void
  reject: (error: unknown) => void
}

type Wanted = Omit<Waiter, 'resolve' | 'reject'>

export class Pool implements Agent {
  readonly abilities: Abilities = { recycle: true, promptSwitch: true }
  /** Whether the abilities that the CLI does not document were tried at start. */
  isChecked = false
  readonly #limits: PoolLimits
  readonly #context: PoolContext
  readonly #workers = new Set<Worker>()
  readonly #waiting: Waiter[] = []
  readonly #kinds = new Kinds()
  /** Which process works on which run. */
  readonly #running = new Map<string, Worker>()
  readonly #locks = new SessionLocks()
  readonly #folders: SessionFolders
  readonly #housekeeping: NodeJS.Timeout
  /** Runs that were let in and have no process yet, from the first look at their request on. */
  #admitted = 0
  /** The process on which abilities are being tried: a spare as soon as that is over. */
  #tried: Worker | null = null
  #nextStartAt = 0
  #sparesAfter = 0
  #startTimer: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null
  #models: ModelFact[] | null = null

  constructor(limits: PoolLimits, context: PoolContext) {
    this.#limits = limits
    this.#context = context
    this.#folders = new SessionFolders(context.configDir)
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

  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const turn = toTurn(request)
    const askedAt = performance.now()
    let start: Extract<RunEvent, { type: 'run-start' }> | null = null
    for (let attempt = 1; ; attempt++) {
      const lent = await this.#lend(request, signal).catch(toAppError)
      if (lent instanceof AppError) {
        if (start === null) throw lent
        yield endOfRun(start, lent)
        return
      }
      const { worker, release } = lent
      const waitedMs = Math.round(performance.now() - askedAt)
      this.#running.set(request.runId, worker)
      try {
        for await (const event of worker.run(request, turn, signal)) {
          if (event.type === 'run-start') {
            // The copy is made: the conversation that it was made of is free again.
            if (request.session.kind === 'fork') release()
            if (start !== null) continue
            start = { ...event, cwd: worker.profile.cwd, waitedMs }
            yield start
            continue
          }
          yield event
        }
        return
      } catch (fault) {
        if (fault instanceof AppError && start !== null) return yield endOfRun(start, fault)
        if (!(fault instanceof WorkerLost)) throw fault
        // What it wrote to stderr may quote a prompt: that is for whoever asked, not for the log.
        const { message: reason, code, details } = fault.cause
        const { returncode = null } = details
        this.#context.onWarning('a CLI process was lost', { attempt, reason, code, returncode })
        // A conversation's next turn may have reached its file: asked twice, it would stand there twice.
        if (attempt === 1 && sessionOf(request) === null && !signal.aborted) continue
        if (start === null) throw fault.cause
        yield endOfRun(start, fault.cause)
        return
      } finally {
        this.#running.delete(request.runId)
        this.#giveBack(worker)
        release()
      }
    }
  }

  /** Waits for a process that is ready for the request's turn. `release` lets the conversation's next run begin. */
  async #lend(request: RunRequest, signal: AbortSignal): Promise<{ worker: Worker; release: () => void }> {
    if (this.#closing !== null) throw shuttingDown()
    if (this.#admitted >= this.#limits.queueLimit && !this.#hasRoom()) throw queueFull(this.#limits.queueLimit)
    this.#admitted++
    let release = () => {}
    try {
      signal.throwIfAborted()
      const session = sessionOf(request)
      if (session !== null) release = await this.#locks.acquire(session, signal)
      return { worker: await this.#obtain(request, signal), release }
    } catch (fault) {
      release()
      throw fault
    } finally {
      this.#admitted--
    }
  }

  /** Whether a run that comes now would have a process without waiting for another run to end. */
  #hasRoom(): boolean {
    return this.#admitted === 0 && [...this.#workers].some((worker) => worker.state === 'idle')
  }

  async #obtain(request: RunRequest, signal: AbortSignal): Promise<Worker> {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const worker = await this.#waitForStart(request, signal)
      if (worker === null) continue
      const turn = toTurn(request)
      try {
        if (holds(worker, request)) await worker.goOn(turn)
        else await worker.begin(turn, newSessionId(worker))
        return worker
      } catch (fault) {
        this.#onRefusedReuse(worker, fault)
        this.#giveBack(worker)
      }
    }
    throw new AppError('claude_failed', 'Claude Code could not be made ready for the request.')
  }

  /** Null where the executable was replaced meanwhile. */
  async #waitForStart(request: RunRequest, signal: AbortSignal): Promise<Worker | null> {
    try {
      return await this.#wait(await this.#describe(request), signal)
    } catch (fault) {
      if (fault instanceof ClaudeReplaced) return null
      throw fault
    }
  }

  /** A process that would not be emptied or given a prompt is ended; what it has never been able to do is not tried again. */
  #onRefusedReuse(worker: Worker, fault: unknown): void {
    this.#context.onWarning('a CLI process could not be used again', { reason: String(fault) })
    if (worker.requests === 0) this.abilities.promptSwitch = false
    else if (/Unsupported control request/.test(String(fault))) this.abilities.recycle = false
    void worker.close()
  }

  /** Everything that decides which process can serve the request. */
  async #describe(request: RunRequest): Promise<Wanted> {
    const [claude] = await Promise.all([this.#context.claude(), loadSdk()])
    const cwd = request.plain === null ? await this.#folderOf(request) : this.#context.scratchDir()
    const { fingerprint, hasHooks } = this.#settingsFor(request, cwd)
    const profile = toProfile(request, { cwd, abilities: this.abilities, hasHooks })
    return { request, profile, turn: toTurn(request), key: profileKey(profile), fingerprint, claude, failedStarts: 0 }
  }

  /** A plain model reads no settings; the date is all that changes for it. */
  #settingsFor({ plain }: RunRequest, cwd: string): SettingsState {
    if (plain !== null) return { fingerprint: new Date().toDateString(), hasHooks: false }
    return readSettingsState(this.#context.environment, cwd)
  }

  /**
   * The folder that the request names; otherwise a conversation goes on in its own, and a new one begins in the server's. A
   * conversation of a folder that the caller may not name is told like one that does not exist.
   */
  async #folderOf(request: RunRequest): Promise<string> {
    const session = sessionOf(request)
    const { options, roots = null } = request
    const needsOwn = session !== null && (options.cwd === null || roots !== null)
    const own = needsOwn ? await this.#folders.find(session) : null
    if (needsOwn && !(await new SessionPlaces(roots).allows({ cwd: own }))) throw sessionNotFound(session)
    return options.cwd ?? own ?? this.#context.defaultCwd
  }

  /** `onGiven` is called at once, before anything else is decided. */
  #wait(wanted: Wanted, signal: AbortSignal, onGiven?: (worker: Worker) => void): Promise<Worker> {
    const { promise, resolve, reject } = Promise.withResolvers<Worker>()
    const give = (worker: Worker) => {
      onGiven?.(worker)
      resolve(worker)
    }
    const waiter: Waiter = { ...wanted, resolve: give, reject }
    const onAbort = () => {
      this.#leave(waiter)
      reject(signal.reason)
    }
    if (signal.aborted) onAbort()
    else {
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
      if (sessionOf(wanted.request) === null) this.#kinds.note(wanted)
      try {
        this.#dispatch()
      } catch (fault) {
        onAbort()
        reject(fault)
      }
    }
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  #leave(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter)
    if (at !== -1) this.#waiting.splice(at, 1)
  }

  /**
   * Looks at everything that waits, in order of arrival, and gives out, starts and ends processes accordingly. Called
   * whenever something has changed; does nothing where nothing can be done.
   */
  #dispatch(): void {
    if (this.#closing !== null) return
    /** Processes that are on their way, for whoever comes first. */
    const starting = [...this.#workers].filter((worker) => worker.state === 'starting')
    for (const waiter of [...this.#waiting]) this.#serve(waiter, starting)
    this.#endUnused()
    this.#keepSpares()
  }

  #serve(waiter: Waiter, starting: Worker[]): void {
    if (waiter.request.isSide && wouldTakeTheLast(this.#workers, this.#limits.maxProcesses)) return
    const holder = this.#holderFor(waiter)
    if (holder === 'wait') return
    const hasRoom = this.#workers.size < this.#limits.maxProcesses
    const kept = keptFromSide(this.#workers, waiter, hasRoom)
    const worker = holder ?? idleFor(this.#workers, waiter, kept)
    if (worker !== null) return this.#give(worker, waiter)
    const coming = starting.findIndex((each) => isMadeFor(each, waiter))
    if (coming !== -1) starting.splice(coming, 1)
    else if (!hasRoom) this.#makeRoom(kept)
    else this.#start(waiter, birthFor(waiter.request), waiter)
  }

  /** The process that holds the conversation and can go on with it; `wait` where one must first end its work or itself. */
  #holderFor(waiter: Waiter): Worker | 'wait' | null {
    const { session } = waiter.request
    if (session.kind === 'history') return this.#knowing(waiter)
    if (session.kind !== 'continue') return null
    const holder = [...this.#workers].find((worker) => worker.held?.sessionId === session.sessionId)
    if (holder === undefined) return null
    const { held, profile, state } = holder
    if (state === 'idle' && held !== null && canContinue({ profile, turn: held.turn }, waiter)) return holder
    if (state === 'idle') void holder.close()
    return 'wait'
  }

  /** An idle process that holds just the conversation that the request brings along. */
  #knowing(waiter: Waiter): Worker | null {
    const idle = [...this.#workers].filter((worker) => worker.state === 'idle' && worker.key === waiter.key)
    return idle.find((worker) => holds(worker, waiter.request)) ?? null
  }

  /** Ends the idle process that was not used for longest. The room is there when it is gone; dispatch is called then. */
  #makeRoom(kept: Worker | null): void {
    const isUnderWay = [...this.#workers].some((worker) => worker.state === 'ending')
    if (!isUnderWay) void leastRecentlyUsed(this.#workers, kept)?.close()
  }

  #give(worker: Worker, waiter: Waiter): void {
    this.#leave(waiter)
    worker.state = 'busy'
    worker.lastUsedAt = performance.now()
    // A spare that starts beside a turn slows down its first word: it can wait a moment.
    this.#sparesAfter = worker.lastUsedAt + this.#limits.startSpacingMs
    waiter.resolve(worker)
  }

  /** Starts a process, unless another one was started a moment ago: then later. */
  #start({ profile, fingerprint, claude }: Kind, birth: Birth, waiter: Waiter | null): void {
    const now = performance.now()
    const notBefore = waiter === null ? Math.max(this.#nextStartAt, this.#sparesAfter) : this.#nextStartAt
    if (now < notBefore) return this.#dispatchAt(notBefore)
    const worker = this.#tryStarting({ profile, fingerprint, claude }, birth, waiter)
    if (worker === null) return
    this.#nextStartAt = now + this.#limits.startSpacingMs
    this.#workers.add(worker)
    const started = worker.ready.then(
      ({ models }) => {
        this.#context.observer?.onProcessStart(performance.now() - now, null)
        this.#models = models.map(toModelFact)
        this.#dispatch()
      },
      (fault) => {
        this.#context.observer?.onProcessStart(performance.now() - now, toAppError(fault).code)
        this.#onFailedStart(fault, worker.key, waiter)
      },
    )
    // Only when it is known that the start has failed: whoever waits would get one more process otherwise.
    void Promise.all([worker.gone, started]).then(() => {
      this.#workers.delete(worker)
      this.#dispatch()
    })
  }

  /** Null where nothing was started. Some of what the system refuses it refuses at once, not by an event. */
  #tryStarting({ profile, fingerprint, claude }: Kind, birth: Birth, waiter: Waiter | null): Worker | null {
    try {
      checkStart(claude, profile.cwd)
      return new Worker(profile, birth, fingerprint, { ...this.#context, claude })
    } catch (fault) {
      this.#onRefusedStart(toStartFault(fault), profileKey(profile), waiter)
      return null
    }
  }

  /** Nothing was started: whoever waits hears why at once. */
  #onRefusedStart(fault: unknown, key: string, waiter: Waiter | null): void {
    this.#kinds.forget(key)
    if (waiter === null) return
    this.#leave(waiter)
    waiter.reject(fault)
  }

  #dispatchAt(time: number): void {
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    this.#startTimer = setTimeout(() => this.#dispatch(), time - performance.now() + 1)
  }

  /** Whoever waits for such a process gets a second one, then hears why there is none. */
  #onFailedStart(fault: unknown, key: string, waiter: Waiter | null): void {
    this.#context.onWarning('a CLI process could not be started', { reason: String(fault) })
    this.#kinds.forget(key)
    const isWaiting = waiter !== null && this.#waiting.includes(waiter)
    const victim = isWaiting ? waiter : this.#waiting.find((each) => each.key === key)
    if (victim !== undefined && ++victim.failedStarts > 1) {
      this.#leave(victim)
      victim.reject(fault)
    }
    this.#dispatch()
  }

  #giveBack(worker: Worker): void {
    if (worker.held !== null) this.#folders.note(worker.held.sessionId, worker.profile.cwd)
    if (worker.state === 'busy') {
      worker.state = 'idle'
      worker.lastUsedAt = performance.now()
      if (this.#isSpent(worker)) void worker.close()
      else if (worker.profile.reusable) void this.#retireIfLarge(worker)
    }
    this.#dispatch()
    if (!worker.profile.reusable) this.#refreshKinds(worker.profile.cwd)
  }

  #isSpent({ profile, requests, held }: Worker): boolean {
    if (held !== null && !held.canBeTakenBack) return true
    return profile.maxBudgetUsd !== null || (profile.reusable && requests >= this.#limits.requestsMax)
  }

  async #retireIfLarge(worker: Worker): Promise<void> {
    if (worker.pid === null || worker.requests % 16 !== 0) return
    const bytes = await residentBytes(worker.pid)
    if (bytes !== null && bytes > this.#limits.residentBytesMax && worker.state === 'idle') await worker.close()
  }

  /** After a run that may have changed files: spares that have read the old ones are replaced before they are needed. */
  #refreshKinds(cwd: string): void {
    const { fingerprint } = readSettingsState(this.#context.environment, cwd)
    if (this.#kinds.refresh(cwd, fingerprint)) this.#dispatch()
  }

  #endUnused(): void {
    this.#kinds.forgetUnused(this.#limits.recentMs)
    const longAgo = performance.now() - this.#limits.keepAliveMs
    for (const worker of this.#workers) {
      const isWanted = worker.held === null && this.#kinds.isCurrent(worker.key, worker.fingerprint)
      if (worker.state === 'idle' && !isWanted && worker.lastUsedAt < longAgo) void worker.close()
    }
  }

  /**
   * Starts spares for the kinds in recent use, the most recent first. Where there is no room, an idle process that is
   * worth less makes it: the next request of this kind is more likely than a return to that conversation.
   */
  #keepSpares(): void {
    if (this.#waiting.length > 0 || this.#limits.warm === 0) return
    const wanted = new Set<Worker>()
    for (const [key, kind] of this.#kinds.byRecency()) {
      const isOne = (worker: Worker) => isSpare(worker, key, kind.fingerprint) || worker === this.#tried
      const spares = [...this.#workers].filter((worker) => worker.key === key && isOne(worker))
      for (const spare of spares.slice(0, this.#limits.warm)) wanted.add(spare)
      if (spares.length >= this.#limits.warm) continue
      if (this.#workers.size < this.#limits.maxProcesses) return this.#start(kind, birthOfSpare(), null)
      const victim = worthLess(this.#workers, wanted, kind.usedAt)
      // One that can be emptied is as good as a spare, and no process has to start for it.
      if (victim !== null && canBeEmptied(victim, key, kind.fingerprint)) wanted.add(victim)
      else if (victim !== null) return this.#afterTurns(() => void victim.close())
    }
  }

  /** Now, or a moment after the last turn was given out. */
  #afterTurns(act: () => void): void {
    if (performance.now() >= this.#sparesAfter) act()
    else this.#dispatchAt(this.#sparesAfter)
  }

  /**
   * Starts a spare for `reusable` and tries on it what the CLI can do beyond its documentation. Costs no turn of the model. Throws where no process can be started.
   */
  async warmUp(reusable: RunRequest): Promise<void> {
    if (this.#limits.warm === 0) return
    const worker = await this.#wait(await this.#describe(reusable), AbortSignal.timeout(60_000), (given) => {
      this.#tried = given
    })
    try {
      this.abilities.recycle = await worker.knowsRewind().catch(() => false)
      this.abilities.promptSwitch = await worker.canSwitchPrompt()
      this.isChecked = true
    } finally {
      this.#tried = null
      this.#giveBack(worker)
    }
  }

  /** The models that the CLI knows; where none has said it yet, a process for `example` is started. */
  async models(example: RunRequest): Promise<ModelFact[]> {
    if (this.#models === null) {
      await this.#context.claude()
      this.#giveBack(await this.#wait(await this.#describe(example), AbortSignal.timeout(60_000)))
    }
    return this.#models ?? []
  }

  answer(runId: string, requestId: string, answer: AskAnswer, by: AnsweredBy = 'caller'): boolean {
    return this.#running.get(runId)?.answer(requestId, answer, by) ?? false
  }

  async release(sessionId: string): Promise<boolean> {
    const holders = [...this.#workers].filter((worker) => worker.held?.sessionId === sessionId)
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
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    for (const waiter of this.#waiting.splice(0)) waiter.reject(shuttingDown())
    await Promise.all([...this.#workers].map((worker) => worker.close(deadlineMs)))
  }
}

const toModelFact = ({ value, resolvedModel, displayName }: ModelInfo): ModelFact => ({
  value,
  resolvedModel: resolvedModel ?? value,
  displayName,
})

function toStartFault(fault: unknown): unknown {
  const isTooLong = fault instanceof Error && 'code' in fault && fault.code === 'E2BIG'
  if (!isTooLong) return fault
  const text = 'the lists of tools, rules and folders are longer than this system lets a program be started with'
  return new AppError('invalid_request', text)
}

/** The conversation of ours that the request goes on with or copies. */
function sessionOf({ session }: RunRequest): string | null {
  return session.kind === 'continue' || session.kind === 'fork' ? session.sessionId : null
}

/** Whether the process holds the conversation that the request goes on with, whole and unchanged. */
function holds({ held }: Worker, request: RunRequest): boolean {
  if (held === null) return false
  if (request.session.kind === 'continue') return held.sessionId === request.session.sessionId
  if (request.session.kind !== 'history' || held.said === null || request.session.messages.length === 0) return false
  const turn = toTurn(request)
  const begunWith = ({ systemPrompt, model, clientTools }: BegunWith) =>
    JSON.stringify([systemPrompt, model, clientTools])
  return held.said === said(request.session.messages) && begunWith(held.turn) === begunWith(turn)
}

/** A process that keeps its own conversation files has its one id from birth; a reused one gets a new id each time. */
const newSessionId = (worker: Worker) => (worker.profile.reusable ? randomUUID() : worker.birth.sessionId)

function queueFull(limit: number): AppError {
  return new AppError('queue_full', `${limit} requests are waiting already; try again in a moment.`, { retryAfterS: 2 })
}
