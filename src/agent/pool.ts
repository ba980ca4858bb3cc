// The Agent made of workers: queues runs, lends each a process, keeps spares ready, makes room, retires and replaces.
// What happens inside a process is the worker's business (worker.ts); which processes can stand in for each other is
// decided by profiles (profile.ts).
import { randomUUID } from 'node:crypto'
import type { SDKControlInitializeResponse } from '@anthropic-ai/claude-agent-sdk'
import type { Agent, AgentStats, RunRequest } from '../core/agent.ts'
import type { RunEvent } from '../core/events.ts'
import { AppError } from '../errors.ts'
import { endOfRun } from './from-sdk.ts'
import { residentBytes } from './process-tree.ts'
import { type Abilities, canContinue, type Profile, profileKey, type Turn, toProfile, toTurn } from './profile.ts'
import type { Birth } from './sdk-options.ts'
import { readSettingsState } from './settings-files.ts'
import { findTranscript } from './transcript.ts'
import { Worker, type WorkerContext, WorkerLost } from './worker.ts'

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
  claude: () => Promise<Executable>
  defaultCwd: string
  /** Called with what each new process says of models, account and abilities. */
  onStarted?: (facts: SDKControlInitializeResponse) => void
}

/** A run that waits for a process. */
type Waiter = {
  request: RunRequest
  profile: Profile
  turn: Turn
  key: string
  fingerprint: string
  claude: Executable
  /** Conversations that no other run may use at the same time. */
  sessions: string[]
  failedStarts: number
  resolve: (worker: Worker) => void
  reject: (error: unknown) => void
}

/** A kind of request in recent use, for which spares are kept. */
type Kind = { profile: Profile; fingerprint: string; claude: Executable; usedAt: number }

type Executable = WorkerContext['claude']
type Wanted = Omit<Waiter, 'resolve' | 'reject'>

export class Pool implements Agent {
  readonly #limits: PoolLimits
  readonly #context: PoolContext
  readonly #workers = new Set<Worker>()
  readonly #waiting: Waiter[] = []
  readonly #kinds = new Map<string, Kind>()
  readonly #busySessions = new Set<string>()
  readonly #folders = new Map<string, string>()
  readonly abilities: Abilities = { recycle: true, promptSwitch: true }
  /** What was found out at start about abilities that the CLI does not document; null until then. */
  checked: Abilities | null = null
  #nextStartAt = 0
  #sparesAfter = 0
  #startTimer: NodeJS.Timeout | null = null
  #housekeeping: NodeJS.Timeout
  #closing: Promise<void> | null = null
  /** Runs that were let in and have no process yet, from the first look at their request on. */
  #admitted = 0

  constructor(limits: PoolLimits, context: PoolContext) {
    this.#limits = limits
    this.#context = context
    this.#housekeeping = setInterval(() => this.#dispatch(), Math.min(limits.keepAliveMs, 5000)).unref()
  }

  stats(): AgentStats {
    const count = (state: Worker['state']) => [...this.#workers].filter((worker) => worker.state === state).length
    const processes = {
      live: this.#workers.size,
      idle: count('idle'),
      busy: count('busy'),
      starting: count('starting'),
    }
    return {
      processes: { ...processes, max: this.#limits.maxProcesses },
      queue: { waiting: this.#admitted, limit: this.#limits.queueLimit },
    }
  }

  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const turn = toTurn(request)
    let start: Extract<RunEvent, { type: 'run-start' }> | null = null
    for (let attempt = 1; ; attempt++) {
      const worker = await this.#lend(request, signal)
      try {
        for await (const event of worker.run(request, turn, signal)) {
          if (event.type === 'run-start' && start !== null) continue
          if (event.type === 'run-start') start = event
          yield event
        }
        return
      } catch (fault) {
        if (!(fault instanceof WorkerLost)) throw fault
        this.#context.onWarning('a CLI process was lost', {
          attempt,
          reason: fault.cause.message,
          ...fault.cause.details,
        })
        // A conversation's next turn may have reached its file: asked twice, it would stand there twice.
        if (attempt === 1 && request.session.kind === 'new' && !signal.aborted) continue
        if (start === null) throw fault.cause
        yield endOfRun(start, fault.cause)
        return
      } finally {
        this.#giveBack(worker, request)
      }
    }
  }

  /** Waits for a process that is ready for the request's turn. */
  async #lend(request: RunRequest, signal: AbortSignal): Promise<Worker> {
    if (this.#closing !== null)
      throw new AppError('shutting_down', 'claude-serve is shutting down.', { retryAfterS: 5 })
    if (this.#admitted >= this.#limits.queueLimit && !this.#hasRoom()) throw queueFull(this.#limits.queueLimit)
    this.#admitted++
    try {
      signal.throwIfAborted()
      return await this.#obtain(request, signal)
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
      const worker = await this.#wait(await this.#describe(request), signal)
      if (worker.held !== null && worker.held.sessionId === sessionOf(request)) return worker
      try {
        await worker.begin(toTurn(request), newSessionId(worker))
        return worker
      } catch (fault) {
        this.#onRefusedReuse(worker, fault)
        this.#giveBack(worker, request)
      }
    }
    throw new AppError('claude_failed', 'Claude Code could not be made ready for the request.')
  }

  /** A process that would not be emptied or given a prompt is ended; one that never took part in a run tells why. */
  #onRefusedReuse(worker: Worker, fault: unknown): void {
    this.#context.onWarning('a CLI process could not be used again', { reason: String(fault) })
    if (worker.requests === 0) this.abilities.promptSwitch = false
    else if (/Unsupported control request/.test(String(fault))) this.abilities.recycle = false
    void worker.close()
  }

  /** Everything that decides which process can serve the request. */
  async #describe(request: RunRequest): Promise<Wanted> {
    const claude = await this.#context.claude()
    const cwd = request.options.cwd ?? (await this.#folderOf(request))
    const settings = await readSettingsState(this.#context.configDir, cwd)
    const profile = toProfile(request, { cwd, abilities: this.abilities, hasHooks: settings.hasHooks })
    const sessions = request.session.kind === 'new' ? [] : [request.session.sessionId]
    const key = profileKey(profile)
    return {
      request,
      profile,
      turn: toTurn(request),
      key,
      fingerprint: settings.fingerprint,
      claude,
      sessions,
      failedStarts: 0,
    }
  }

  /** A conversation goes on in its own folder; a new one begins in the server's. */
  async #folderOf(request: RunRequest): Promise<string> {
    if (request.session.kind === 'new') return this.#context.defaultCwd
    const { sessionId } = request.session
    const known = this.#folders.get(sessionId)
    if (known !== undefined) return known
    const transcript = await findTranscript(this.#context.configDir, sessionId)
    if (transcript === null) throw new AppError('session_not_found', `There is no session ${sessionId}.`, { sessionId })
    return transcript.cwd ?? this.#context.defaultCwd
  }

  #wait(wanted: Wanted, signal: AbortSignal): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const at = this.#waiting.indexOf(waiter)
        if (at !== -1) this.#waiting.splice(at, 1)
        reject(signal.reason)
        this.#dispatch()
      }
      const settle = () => signal.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        ...wanted,
        resolve: (worker) => {
          settle()
          resolve(worker)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
      if (wanted.request.session.kind === 'new') this.#noteKind(wanted)
      this.#dispatch()
    })
  }

  #noteKind({ profile, key, fingerprint, claude }: Wanted): void {
    if (profile.maxBudgetUsd !== null) return
    this.#kinds.set(key, { profile, fingerprint, claude, usedAt: performance.now() })
  }

  /**
   * Looks at everything that waits, in order of arrival, and gives out, starts and ends processes accordingly. Called
   * whenever something has changed; does nothing where nothing can be done.
   */
  #dispatch(): void {
    if (this.#closing !== null) return
    this.#endExpired()
    const taken = new Set(this.#busySessions)
    /** Processes that are starting, for whoever comes first. */
    const starting = [...this.#workers].filter((worker) => worker.state === 'starting')
    for (const waiter of [...this.#waiting]) {
      const mayRun = waiter.sessions.every((session) => !taken.has(session))
      // Later turns of the conversation wait behind this one, whether it can run now or not.
      for (const session of waiter.sessions) taken.add(session)
      if (!mayRun) continue
      const worker = this.#idleFor(waiter)
      if (worker === 'wait') continue
      if (worker !== null) this.#give(worker, waiter)
      else if (!this.#claimStarting(starting, waiter)) this.#startFor(waiter)
    }
    this.#keepSpares()
  }

  /** An idle process for the waiter; null where one must be started; `wait` where one must first end. */
  #idleFor(waiter: Waiter): Worker | 'wait' | null {
    const { session } = waiter.request
    if (session.kind === 'new') return this.#spareFor(waiter)
    const holder = [...this.#workers].find(
      (worker) => worker.held?.sessionId === session.sessionId && worker.state !== 'gone',
    )
    if (session.kind === 'fork' || holder === undefined) return this.#bornFor(waiter)
    if (holder.state === 'ending') return 'wait'
    const { held, profile } = holder
    if (holder.state === 'idle' && held !== null && canContinue({ profile, turn: held.turn }, waiter)) return holder
    if (holder.state === 'idle') this.#end(holder)
    return 'wait'
  }

  /** A process that was started to resume or copy just this conversation. */
  #bornFor(waiter: Waiter): Worker | null {
    const idle = [...this.#workers].filter((worker) => worker.state === 'idle' && worker.held === null)
    return idle.find((worker) => worker.key === waiter.key && isBirthFor(worker.birth, waiter.request)) ?? null
  }

  /**
   * A spare, or a reusable process whose conversation can be given up: first those that nobody has come back to, the
   * longest unused of them first.
   */
  #spareFor(waiter: Waiter): Worker | null {
    const fits = (worker: Worker) =>
      worker.state === 'idle' &&
      worker.key === waiter.key &&
      worker.fingerprint === waiter.fingerprint &&
      worker.birth.kind === 'new' &&
      (worker.held === null || worker.profile.reusable)
    const candidates = [...this.#workers].filter(fits)
    const isCheap = (worker: Worker) => (worker.held?.turns ?? 0) <= 1
    const rank = (worker: Worker) => (worker.held === null ? 0 : isCheap(worker) ? 1 : 2)
    candidates.sort((a, b) => rank(a) - rank(b) || a.lastUsedAt - b.lastUsedAt)
    return candidates[0] ?? null
  }

  #claimStarting(starting: Worker[], waiter: Waiter): boolean {
    const at = starting.findIndex((worker) => {
      const isFor =
        worker.birth.kind === 'new' ? waiter.request.session.kind === 'new' : isBirthFor(worker.birth, waiter.request)
      return isFor && worker.key === waiter.key && worker.fingerprint === waiter.fingerprint
    })
    if (at === -1) return false
    starting.splice(at, 1)
    return true
  }

  #startFor(waiter: Waiter): void {
    const { session } = waiter.request
    const birth: Birth =
      session.kind === 'new'
        ? { kind: 'new', sessionId: randomUUID() }
        : session.kind === 'continue'
          ? { kind: 'resume', sessionId: session.sessionId }
          : { kind: 'fork', from: session.sessionId, sessionId: randomUUID() }
    if (this.#workers.size >= this.#limits.maxProcesses) return this.#makeRoom()
    this.#start(waiter, birth, waiter)
  }

  /** Ends the idle process that was not used for longest. The room is there when it is gone; dispatch is called then. */
  #makeRoom(): void {
    if ([...this.#workers].some((worker) => worker.state === 'ending')) return
    const idle = [...this.#workers]
      .filter((worker) => worker.state === 'idle')
      .sort((a, b) => a.lastUsedAt - b.lastUsedAt)
    if (idle[0] !== undefined) this.#end(idle[0])
  }

  #give(worker: Worker, waiter: Waiter): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    worker.state = 'busy'
    worker.lastUsedAt = performance.now()
    // A spare that starts beside a turn slows down its first word: it can wait a moment.
    this.#sparesAfter = worker.lastUsedAt + this.#limits.startSpacingMs
    for (const session of waiter.sessions) this.#busySessions.add(session)
    waiter.resolve(worker)
  }

  /** Starts a process, unless another one was started a moment ago: then later. */
  #start(wanted: Pick<Wanted, 'profile' | 'fingerprint' | 'claude'>, birth: Birth, waiter: Waiter | null): void {
    const now = performance.now()
    const notBefore = waiter === null ? Math.max(this.#nextStartAt, this.#sparesAfter) : this.#nextStartAt
    if (now < notBefore) return this.#dispatchAt(notBefore)
    this.#nextStartAt = now + this.#limits.startSpacingMs
    const { profile, fingerprint, claude } = wanted
    const worker = new Worker(profile, birth, fingerprint, { ...this.#context, claude })
    this.#workers.add(worker)
    void worker.gone.then(() => this.#onGone(worker))
    worker.ready.then(
      (facts) => {
        this.#context.onStarted?.(facts)
        this.#dispatch()
      },
      (fault) => this.#onFailedStart(fault, worker.key, waiter),
    )
  }

  #dispatchAt(time: number): void {
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    this.#startTimer = setTimeout(() => this.#dispatch(), time - performance.now() + 1)
  }

  /** Whoever waits for such a process gets a second one, then hears why there is none. */
  #onFailedStart(fault: unknown, key: string, waiter: Waiter | null): void {
    this.#context.onWarning('a CLI process could not be started', { reason: String(fault) })
    this.#kinds.delete(key)
    const victim =
      waiter !== null && this.#waiting.includes(waiter) ? waiter : this.#waiting.find((each) => each.key === key)
    if (victim !== undefined && ++victim.failedStarts > 1) {
      this.#waiting.splice(this.#waiting.indexOf(victim), 1)
      victim.reject(fault)
    }
    this.#dispatch()
  }

  #onGone(worker: Worker): void {
    this.#workers.delete(worker)
    this.#dispatch()
  }

  #end(worker: Worker): void {
    void worker.close()
  }

  #giveBack(worker: Worker, request: RunRequest): void {
    if (request.session.kind !== 'new') this.#busySessions.delete(request.session.sessionId)
    if (worker.held !== null) this.#noteFolder(worker.held.sessionId, worker.profile.cwd)
    if (worker.state === 'busy') {
      worker.state = 'idle'
      worker.lastUsedAt = performance.now()
      if (this.#isSpent(worker)) this.#end(worker)
      else if (worker.profile.reusable) void this.#retireIfLarge(worker)
    }
    this.#dispatch()
    if (!worker.profile.reusable) void this.#refreshKinds(worker.profile.cwd)
  }

  #isSpent(worker: Worker): boolean {
    return (
      worker.profile.maxBudgetUsd !== null || (worker.profile.reusable && worker.requests >= this.#limits.requestsMax)
    )
  }

  async #retireIfLarge(worker: Worker): Promise<void> {
    if (worker.pid === null || worker.requests % 16 !== 0) return
    const bytes = await residentBytes(worker.pid)
    if (bytes !== null && bytes > this.#limits.residentBytesMax && worker.state === 'idle') this.#end(worker)
  }

  /** After a run that may have changed files: spares that have read the old ones are replaced before they are needed. */
  async #refreshKinds(cwd: string): Promise<void> {
    const { fingerprint } = await readSettingsState(this.#context.configDir, cwd)
    let changed = false
    for (const kind of this.#kinds.values()) {
      if (kind.profile.cwd !== cwd || kind.fingerprint === fingerprint) continue
      kind.fingerprint = fingerprint
      changed = true
    }
    if (changed) this.#dispatch()
  }

  /** Remembers where conversations live, so that their next turn needs no search; the oldest are forgotten. */
  #noteFolder(sessionId: string, cwd: string): void {
    this.#folders.delete(sessionId)
    this.#folders.set(sessionId, cwd)
    const [oldest] = this.#folders.keys()
    if (this.#folders.size > 10_000 && oldest !== undefined) this.#folders.delete(oldest)
  }

  #endExpired(): void {
    const now = performance.now()
    for (const [key, kind] of this.#kinds) if (now - kind.usedAt > this.#limits.recentMs) this.#kinds.delete(key)
    for (const worker of this.#workers) {
      const isWanted = worker.held === null && this.#kinds.get(worker.key)?.fingerprint === worker.fingerprint
      if (worker.state === 'idle' && !isWanted && now - worker.lastUsedAt > this.#limits.keepAliveMs) this.#end(worker)
    }
  }

  /** Starts spares for the kinds in recent use, the most recent first, where there is room without ending anything. */
  #keepSpares(): void {
    if (this.#waiting.length > 0) return
    const kinds = [...this.#kinds].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    for (const [key, kind] of kinds) {
      const ready = [...this.#workers].filter((worker) => isSpare(worker, key, kind.fingerprint)).length
      if (ready >= this.#limits.warm) continue
      this.#endStaleSpare(key)
      if (this.#workers.size < this.#limits.maxProcesses)
        this.#start(kind, { kind: 'new', sessionId: randomUUID() }, null)
      return
    }
  }

  /** A spare that has read what is no longer true makes room for one that can be given. */
  #endStaleSpare(key: string): void {
    const fingerprint = this.#kinds.get(key)?.fingerprint
    const isStale = (worker: Worker) =>
      worker.state === 'idle' && worker.held === null && worker.key === key && worker.fingerprint !== fingerprint
    const stale = [...this.#workers].find(isStale)
    if (stale !== undefined) this.#end(stale)
  }

  /**
   * Starts spares for requests as they come most often and tries, on a process for `reusable`, what the CLI can do beyond
   * its documentation. Costs no turn of the model. Throws where no process can be started.
   */
  async warmUp(common: readonly RunRequest[], reusable: RunRequest): Promise<void> {
    if (this.#limits.warm === 0) return
    for (const request of common) this.#noteKind(await this.#describe(request))
    this.#dispatch()
    const worker = await this.#wait(await this.#describe(reusable), AbortSignal.timeout(60_000))
    try {
      this.abilities.recycle = await worker.knowsRewind().catch(() => false)
      const switched = worker.trySwitchingPrompt().then(() => true)
      this.abilities.promptSwitch = await switched.catch(() => false)
      this.checked = this.abilities
    } finally {
      this.#giveBack(worker, reusable)
    }
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#closeAll(deadlineMs)
    return this.#closing
  }

  async #closeAll(deadlineMs: number): Promise<void> {
    clearInterval(this.#housekeeping)
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    const error = new AppError('shutting_down', 'claude-serve is shutting down.', { retryAfterS: 5 })
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
    await Promise.all([...this.#workers].map((worker) => worker.close(deadlineMs)))
  }
}

const sessionOf = (request: RunRequest) => (request.session.kind === 'continue' ? request.session.sessionId : null)

/** A process that keeps its own conversation files has its one id from birth; a reused one gets a new id each time. */
const newSessionId = (worker: Worker) => (worker.profile.reusable ? randomUUID() : worker.birth.sessionId)

function isBirthFor(birth: Birth, { session }: RunRequest): boolean {
  if (birth.kind === 'resume') return session.kind === 'continue' && session.sessionId === birth.sessionId
  return birth.kind === 'fork' && session.kind === 'fork' && session.sessionId === birth.from
}

/** Whether the process can be given to a new conversation at no loss. */
function isSpare(worker: Worker, key: string, fingerprint: string): boolean {
  if (worker.key !== key || worker.fingerprint !== fingerprint || worker.birth.kind !== 'new') return false
  if (worker.state === 'starting') return true
  if (worker.state !== 'idle') return false
  return worker.held === null || (worker.profile.reusable && worker.held.turns <= 1)
}

function queueFull(limit: number): AppError {
  return new AppError('queue_full', `${limit} requests are waiting already; try again in a moment.`, { retryAfterS: 2 })
}
