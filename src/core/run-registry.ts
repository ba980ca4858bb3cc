// The runs of a server: starts each one, drives it to its end whether or not anybody follows, stores its record, and stops it when its
// time is over.
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, shuttingDown, toAppError } from '../errors.ts'
import { type ActiveRun, eventsOf, newRunRecord, startEventOf, toHandle, updateRecord } from './active-run.ts'
import type { Agent } from './agent.ts'
import { type ApprovalAnswer, endOfRun, type RunEnd, type RunEvent } from './events.ts'
import { PausableTimeout } from './pausable-timeout.ts'
import { PendingPermissions } from './pending-permissions.ts'
import { RunLog } from './run-log.ts'
import { interrupted, recoverRuns } from './run-recovery.ts'
import type { Idempotency, RunHandle, RunInput, Runs, RunsDependencies } from './runs.ts'
import { isFinal, type Page, type RunQuery, type RunRecord, type Store, type StoredEvent } from './store.ts'

/** An idempotency key expires after a day. */
const keyLifeMs = 24 * 3_600_000

/**
 * A run whose client waits is stored this much later, in milliseconds: the disk would delay its first words. Nobody can miss it
 * before, because lists of runs wait for what is still to be written.
 */
const storeAfterMs = 50

const nextTurn = () => new Promise<false>((resolve) => setImmediate(resolve, false))

/** After this many events of one run, other work gets its turn. */
const eventsPerTurn = 64

/** How many events of an ended run are read at once. */
const pageSize = 200

const timedOut = (timeoutMs: number) => new AppError('timeout', 'Request timed out', { timeoutS: timeoutMs / 1000 })

const notFound = (id: string) => new AppError('run_not_found', `there is no run ${id.slice(0, 80)}`, { field: 'id' })

/** Whether only its record is left. */
const isErased = ({ status, end }: RunRecord) => isFinal(status) && end === null

const keyConflict = (reason: string) =>
  new AppError('conflict', `idempotency-key ${reason}`, { field: 'idempotency-key' })

/** `isStored`: the run is in the store already. `after` must settle before it starts. */
type StartOptions = { isStored: boolean; after?: Promise<unknown> }

export function createRuns(dependencies: RunsDependencies): Runs {
  return new RunRegistry(dependencies)
}

class RunRegistry implements Runs {
  readonly #agent: Agent
  readonly #store: Store
  readonly #approvalTimeoutMs: number
  readonly #now: () => number
  readonly #onEnd: NonNullable<RunsDependencies['onEnd']>
  readonly #onWarning: NonNullable<RunsDependencies['onWarning']>
  readonly #active = new Map<string, ActiveRun>()
  /** Runs that have ended, but whose end is not on disk yet. */
  readonly #settling = new Map<string, ActiveRun>()
  readonly #idle: (() => void)[] = []
  #isClosing = false

  constructor({ agent, store, approvalTimeoutMs, now, onEnd, onWarning }: RunsDependencies) {
    this.#agent = agent
    this.#store = store
    this.#approvalTimeoutMs = approvalTimeoutMs ?? 600_000
    this.#now = now ?? Date.now
    this.#onEnd = onEnd ?? (() => {})
    this.#onWarning = onWarning ?? (() => {})
  }

  async start(input: RunInput): Promise<RunHandle> {
    if (this.#isClosing) throw shuttingDown()
    const record = newRunRecord(input, this.#now())
    const { idempotency, background } = input
    const earlier = idempotency ? await this.#claim(record, input, idempotency) : null
    if (earlier !== null) return earlier
    const isKeyed = Boolean(idempotency)
    if (this.#isClosing) {
      if (isKeyed) await this.#store.dropRun(record.id)
      throw shuttingDown()
    }
    const active = this.#begin(input, record, { isStored: isKeyed })
    active.isKeyed = isKeyed
    if (background) await this.#untilStored(active)
    return toHandle(active)
  }

  /** Claims the key for the run. Returns the handle of the earlier run if the key is taken. */
  async #claim(
    record: RunRecord,
    { requestSnapshot }: RunInput,
    { key, bodyHash }: Idempotency,
  ): Promise<RunHandle | null> {
    const claim = { key, owner: record.owner, bodyHash, expiresAtMs: record.createdAtMs + keyLifeMs }
    const claimed = await this.#store.createRun(record, claim, requestSnapshot)
    if (claimed.kind === 'created') return null
    if (claimed.bodyHash !== bodyHash) throw keyConflict('was used for a different request; send a new one')
    const earlier = await this.get(claimed.runId)
    if (earlier === null || isErased(earlier))
      throw keyConflict('was used for a run that is no longer stored; send a new one')
    const { id, createdAtMs } = earlier
    return { id, createdAtMs, isReplay: true, events: eventsOf(this.follow(id, 0)), cancel: () => {} }
  }

  #begin(input: RunInput, record: RunRecord, options: StartOptions): ActiveRun {
    const { id } = record
    const controller = new AbortController()
    const log = new RunLog(id, this.#store, (error) =>
      this.#onWarning('events of a run could not be stored', { run_id: id, reason: String(error) }),
    )
    const timeout = new PausableTimeout(input.timeoutMs, () => controller.abort(timedOut(input.timeoutMs)))
    const pendingPermissions = new PendingPermissions(this.#approvalTimeoutMs, (requestId) =>
      this.#denyUnanswered(id, requestId),
    )
    const active: ActiveRun = {
      log,
      record,
      controller,
      timeout,
      pendingPermissions,
      requestSnapshot: input.requestSnapshot ?? null,
      isKeyed: false,
      isAcknowledged: false,
      isEnding: false,
      refusal: null,
    }
    this.#active.set(id, active)
    void this.#drive(active, input, options)
    return active
  }

  async #drive(active: ActiveRun, input: RunInput, { isStored, after }: StartOptions): Promise<void> {
    const { log, record, controller } = active
    let end: RunEnd | null = null
    let refused: AppError | null = null
    let eventCount = 0
    try {
      if (isStored) log.storeAfter(Promise.resolve(true))
      if (after !== undefined) {
        await unlessAborted(after, controller.signal)
        // A run that brings the server down must not do so for ever: it is restarted once.
        updateRecord(active, { restart: null })
        await log.saved
      }
      const { requestSnapshot: _, ...request } = input
      const events = this.#agent.run({ ...request, runId: record.id }, controller.signal)[Symbol.asyncIterator]()
      const first = events.next()
      if (!isStored) log.storeAfter(this.#storeRun(active, first))
      for (let next = await first; !next.done; next = await events.next()) {
        if (next.value.type === 'run-end') end = next.value
        active.isEnding ||= end !== null
        this.#apply(active, next.value, input)
        log.append(next.value)
        if (log.isFull) await log.saved
        // An agent that emits many events at once must not keep other runs waiting.
        else if (++eventCount % eventsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    } catch (thrown) {
      refused = toAppError(thrown)
    }
    await this.#conclude(active, end, refused)
  }

  /** Stores the run, unless it is refused at once. Resolves to whether it is stored. */
  async #storeRun({ record, controller, requestSnapshot }: ActiveRun, first: Promise<unknown>): Promise<boolean> {
    const refused = first.then(
      () => false,
      () => true,
    )
    const isRefused = await Promise.race([refused, record.background ? nextTurn() : delay(storeAfterMs, false)])
    if (isRefused) return false
    try {
      await this.#store.createRun(record, null, requestSnapshot)
      return true
    } catch (error) {
      this.#onWarning('a run could not be stored', { run_id: record.id, reason: String(error) })
      // Nobody could ever learn how it ended.
      if (record.background) controller.abort(toAppError(error))
      return false
    }
  }

  /** A background run is acknowledged only when it is on disk and was not refused. */
  async #untilStored(active: ActiveRun): Promise<void> {
    const { log, controller } = active
    await new Promise((resolve) => setImmediate(resolve))
    const isStored = await log.created
    if (active.refusal !== null) {
      await log.ended
      throw active.refusal
    }
    if (!isStored) throw toAppError(controller.signal.reason)
    active.isAcknowledged = true
  }

  /** Applies what an event changes in the run's record. */
  #apply(active: ActiveRun, event: RunEvent, { session }: RunInput): void {
    const { pendingPermissions, timeout } = active
    if (event.type === 'run-start') {
      // The id of a conversation that came with the request means nothing to anybody.
      const sessionId = session.kind === 'history' ? null : event.sessionId
      const { model, cwd = null } = event
      return updateRecord(active, { status: 'running', startedAtMs: this.#now(), sessionId, model, cwd })
    }
    if (event.type !== 'ask' && event.type !== 'ask-answered') return
    if (event.type === 'ask-answered') pendingPermissions.remove(event.requestId)
    else pendingPermissions.add(event)
    const pending = pendingPermissions.list
    if (pending.length > 0) timeout.pause()
    else timeout.resume()
    updateRecord(active, { status: pending.length > 0 ? 'waiting' : 'running', pending })
  }

  #denyUnanswered(id: string, requestId: string): void {
    const minutes = Math.round(this.#approvalTimeoutMs / 6000) / 10
    const message = `Nobody answered within ${minutes} minutes, so this was not allowed.`
    this.#agent.answer(id, requestId, { behavior: 'deny', message }, 'timeout')
  }

  async #conclude(active: ActiveRun, end: RunEnd | null, refused: AppError | null): Promise<void> {
    const { record, timeout, pendingPermissions, log } = active
    timeout.stop()
    pendingPermissions.clear()
    this.#active.delete(record.id)
    this.#settling.set(record.id, active)
    const error = refused ?? interrupted()
    const isRefused = end === null && record.startedAtMs === null && !active.isAcknowledged
    if (isRefused) active.refusal = error
    const isStored = !isRefused || (!active.isKeyed && !record.background && (await log.created))
    if (isStored) {
      this.#finish(active, end, error)
    } else {
      log.drop()
      // A retry with the same key must find it free.
      await log.saved
      Object.assign(record, { status: error.code === 'cancelled' ? 'cancelled' : 'failed', endedAtMs: this.#now() })
    }
    log.end(isRefused ? error : null)
    this.#onEnd(record.id, end, refused)
    void log.saved.then(() => this.#settling.delete(record.id))
    if (this.#active.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #finish(active: ActiveRun, agentEnd: RunEnd | null, error: AppError): void {
    const { record, log } = active
    const end = agentEnd ?? endOfRun({ sessionId: record.sessionId ?? '', model: record.model ?? '' }, error)
    if (agentEnd === null) {
      if (record.startedAtMs === null) log.append(startEventOf(record))
      log.append(end)
    }
    // A run that the next server will restart is left as it is.
    if (end.error?.code === 'shutting_down' && record.restart !== null) return
    this.#recordSession(record)
    updateRecord(active, { status: end.outcome, end, endedAtMs: this.#now(), restart: null, pending: [] })
  }

  #recordSession({ sessionId: id, owner, cwd, model, createdAtMs }: RunRecord): void {
    if (id === null || cwd === null) return
    const facts = { id, owner, cwd, model, createdAtMs, lastUsedAtMs: this.#now() }
    this.#store.upsertSession(facts).catch((error: unknown) => {
      this.#onWarning('facts about a session could not be stored', { session_id: id, reason: String(error) })
    })
  }

  active(): number {
    return this.#active.size
  }

  #known(id: string): ActiveRun | undefined {
    return this.#active.get(id) ?? this.#settling.get(id)
  }

  async get(id: string): Promise<RunRecord | null> {
    return this.#known(id)?.record ?? (await this.#store.run(id))
  }

  async list(query: RunQuery): Promise<Page<RunRecord>> {
    await this.saved()
    return this.#store.runs(query)
  }

  async requestSnapshot(id: string): Promise<unknown> {
    const known = this.#known(id)
    return known === undefined ? this.#store.requestSnapshot(id) : known.requestSnapshot
  }

  async erase(id: string): Promise<void> {
    await this.cancel(id)
    await this.saved()
    await this.#store.eraseRun(id)
  }

  async saved(): Promise<void> {
    const settled = async ({ log, isEnding }: ActiveRun) => {
      if (isEnding) await log.ended
      await log.saved
    }
    await Promise.all([...this.#active.values(), ...this.#settling.values()].map(settled))
  }

  follow(id: string, afterSeq: number): AsyncGenerator<StoredEvent> {
    return this.#known(id)?.log.follow(afterSeq) ?? this.#followStored(id, afterSeq)
  }

  async *#followStored(id: string, afterSeq: number): AsyncGenerator<StoredEvent> {
    if ((await this.#store.run(id)) === null) throw notFound(id)
    for (let seq = afterSeq, from = afterSeq; ; ) {
      for (const event of await this.#store.events(id, seq, pageSize)) {
        if (event.seq !== seq + 1) throw toAppError(new Error(`events of ${id} after ${seq} were lost`))
        seq = event.seq
        yield event
      }
      if (seq === from) return
      from = seq
    }
  }

  async cancel(id: string): Promise<RunRecord> {
    const active = this.#active.get(id)
    if (active === undefined) return this.#recordOf(id)
    active.controller.abort(new AppError('cancelled', 'The run was cancelled.'))
    await active.log.ended
    return active.record
  }

  async #recordOf(id: string): Promise<RunRecord> {
    const record = await this.get(id)
    if (record === null) throw notFound(id)
    return record
  }

  async answer(id: string, requestId: string, answer: ApprovalAnswer): Promise<RunRecord> {
    const record = await this.#recordOf(id)
    const active = this.#active.get(id)
    if (active !== undefined && this.#agent.answer(id, requestId, answer, 'caller')) {
      await Promise.race([active.pendingPermissions.answered(requestId), active.log.ended])
      return record
    }
    const reason = 'is not pending: it was already answered, or has expired'
    throw new AppError('not_found', `request ${requestId.slice(0, 80)} ${reason}`, { field: 'request_id' })
  }

  owners(): Set<string> {
    return new Set([...this.#active.values()].flatMap(({ record }) => record.owner ?? []))
  }

  cancelOwnedBy(owner: string, reason: AppError): void {
    for (const { record, controller } of this.#active.values()) if (record.owner === owner) controller.abort(reason)
  }

  holderOf(sessionId: string): string | null {
    for (const { record } of this.#active.values()) if (record.sessionId === sessionId) return record.id
    return null
  }

  async recover(isClear: Promise<unknown>): Promise<{ failed: number; restarted: number }> {
    const lanesMax = this.#agent.stats().processes.max
    const restart = async (record: RunRecord, input: RunInput, after: Promise<unknown>) => {
      const active = this.#begin(input, record, { isStored: true, after })
      active.isAcknowledged = true
      return active.log
    }
    return recoverRuns({ store: this.#store, now: this.#now, lanesMax, restart }, isClear)
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    if (this.#active.size > 0) {
      const drained = new Promise<void>((resolve) => this.#idle.push(resolve))
      const timer = setTimeout(() => {
        for (const { controller } of this.#active.values()) controller.abort(shuttingDown())
      }, graceMs)
      await drained
      clearTimeout(timer)
    }
    await Promise.all([...this.#settling.values()].map(({ log }) => log.saved))
  }
}

/** Waits for `wait`, even if it fails; throws the signal's reason as soon as there is one. */
async function unlessAborted(wait: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  await Promise.race([wait.catch(() => {}), aborted])
  signal.removeEventListener('abort', onAbort)
  signal.throwIfAborted()
}
