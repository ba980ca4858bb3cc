// The runs of a server: begins each, drives it to its end whoever follows, keeps its record, stops it when its time is over.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, shuttingDown, toAppError } from '../errors.ts'
import type { Agent } from './agent.ts'
import { type ApprovalAnswer, endOfRun, type RunEnd, type RunEvent } from './events.ts'
import { PausableTimeout } from './pausable-timeout.ts'
import { PendingPermissions } from './pending-permissions.ts'
import { RunLog } from './run-log.ts'
import type { Idempotency, RunHandle, RunInput, Runs, RunsDependencies } from './runs.ts'
import {
  isFinal,
  type Page,
  type RunPatch,
  type RunQuery,
  type RunRecord,
  type Store,
  type StoredEvent,
} from './store.ts'

/** A key is forgotten after a day. */
const keyLifeMs = 24 * 3_600_000

/**
 * A run whose client waits is written down this much later, in milliseconds: the disk would hold up its first words. Nobody can
 * miss it before, as whoever asks for runs waits for what is still to be written.
 */
const keepAfterMs = 50

const nextTurn = () => new Promise<false>((resolve) => setImmediate(resolve, false))

/** After so many events of a run others have their turn. */
const eventsPerTurn = 64

/** Events of an ended run are read so many at a time. */
const pageSize = 200

const timedOut = (timeoutMs: number) => new AppError('timeout', 'Request timed out', { timeoutS: timeoutMs / 1000 })

const notFound = (id: string) => new AppError('run_not_found', `there is no run ${id.slice(0, 80)}`, { field: 'id' })

const interrupted = () =>
  new AppError('interrupted', 'The server ended before the run did. Ask again, or with "on_crash": "restart".')

/** Only its record is left. */
const isForgotten = ({ status, end }: RunRecord) => isFinal(status) && end === null

const keyFault = (fault: string) => new AppError('conflict', `idempotency-key ${fault}`, { field: 'idempotency-key' })

type Active = {
  log: RunLog
  record: RunRecord
  controller: AbortController
  timeout: PausableTimeout
  pendingPermissions: PendingPermissions
  requestSnapshot: unknown
  /** Whether it holds an idempotency key. */
  isKeyed: boolean
  /** Whether somebody was told that there is such a run. */
  isAcknowledged: boolean
  /** Whether its end was told. */
  isEnding: boolean
  /** Why it never began; set before anybody is told. */
  refusal: AppError | null
}

/** `isKept`: the run is in the store already. `after`: what has to be over before it begins. */
type Beginning = { isKept: boolean; after?: Promise<unknown> }

export function createRuns(dependencies: RunsDependencies): Runs {
  return new RunRegistry(dependencies)
}

class RunRegistry implements Runs {
  readonly #agent: Agent
  readonly #store: Store | null
  readonly #approvalTimeoutMs: number
  readonly #now: () => number
  readonly #onEnd: NonNullable<RunsDependencies['onEnd']>
  readonly #onWarning: NonNullable<RunsDependencies['onWarning']>
  readonly #active = new Map<string, Active>()
  /** Runs that have ended, but not yet on disk. */
  readonly #settling = new Map<string, Active>()
  readonly #idle: (() => void)[] = []
  #isClosing = false

  constructor({ agent, store, approvalTimeoutMs, now, onEnd, onWarning }: RunsDependencies) {
    this.#agent = agent
    this.#store = store ?? null
    this.#approvalTimeoutMs = approvalTimeoutMs ?? 600_000
    this.#now = now ?? Date.now
    this.#onEnd = onEnd ?? (() => {})
    this.#onWarning = onWarning ?? (() => {})
  }

  async start(input: RunInput): Promise<RunHandle> {
    if (this.#isClosing) throw shuttingDown()
    const record = this.#newRecord(input)
    const { idempotency, background } = input
    const earlier = idempotency ? await this.#claim(record, input, idempotency) : null
    if (earlier !== null) return earlier
    const isKeyed = Boolean(idempotency) && this.#store !== null
    if (this.#isClosing) {
      if (isKeyed) await this.#store?.dropRun(record.id)
      throw shuttingDown()
    }
    const active = this.#begin(input, record, { isKept: isKeyed })
    active.isKeyed = isKeyed
    if (background) await this.#untilKept(active)
    return toHandle(active)
  }

  #newRecord(input: RunInput): RunRecord {
    const { surface, owner = null, metadata = {}, background = false, onCrash, session, options } = input
    return {
      id: `run_${randomBytes(16).toString('hex')}`,
      surface,
      owner,
      status: 'queued',
      sessionId: session.kind === 'continue' ? session.sessionId : null,
      model: options.model,
      cwd: options.cwd,
      background,
      metadata,
      restart: onCrash === 'restart' ? { ...input, idempotency: null } : null,
      pending: [],
      end: null,
      createdAtMs: this.#now(),
      startedAtMs: null,
      endedAtMs: null,
    }
  }

  /** Takes the key for the run; the handle of the earlier run where it is taken. */
  async #claim(
    record: RunRecord,
    { requestSnapshot }: RunInput,
    { key, bodyHash }: Idempotency,
  ): Promise<RunHandle | null> {
    const claim = { key, owner: record.owner, bodyHash, expiresAtMs: record.createdAtMs + keyLifeMs }
    const claimed = await this.#store?.createRun(record, claim, requestSnapshot)
    if (claimed === undefined || claimed.kind === 'created') return null
    if (claimed.bodyHash !== bodyHash) throw keyFault('was used for another request; give a new one')
    const earlier = await this.get(claimed.runId)
    if (earlier === null || isForgotten(earlier))
      throw keyFault('was used for a run that is not kept any more; give a new one')
    const { id, createdAtMs } = earlier
    return { id, createdAtMs, isReplay: true, events: eventsOf(this.follow(id, 0)), cancel: () => {} }
  }

  /** Begins to drive the run. */
  #begin(input: RunInput, record: RunRecord, how: Beginning): Active {
    const { id } = record
    const controller = new AbortController()
    const log = new RunLog(id, this.#store, (error) =>
      this.#onWarning('events of a run could not be stored', { run_id: id, reason: String(error) }),
    )
    const timeout = new PausableTimeout(input.timeoutMs, () => controller.abort(timedOut(input.timeoutMs)))
    const pendingPermissions = new PendingPermissions(this.#approvalTimeoutMs, (requestId) =>
      this.#tooLate(id, requestId),
    )
    const active: Active = {
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
    void this.#drive(active, input, how)
    return active
  }

  async #drive(active: Active, input: RunInput, { isKept, after }: Beginning): Promise<void> {
    const { log, record, controller } = active
    let end: RunEnd | null = null
    let refused: AppError | null = null
    let told = 0
    try {
      if (isKept) log.storeAfter(Promise.resolve(true))
      if (after !== undefined) {
        await unlessAborted(after, controller.signal)
        // A run that brings the server down must not do so for ever: it is begun anew once.
        change(active, { restart: null })
        await log.saved
      }
      const { requestSnapshot: _, ...request } = input
      const events = this.#agent.run({ ...request, runId: record.id }, controller.signal)[Symbol.asyncIterator]()
      const first = events.next()
      if (!isKept) log.storeAfter(this.#keep(active, first))
      for (let next = await first; !next.done; next = await events.next()) {
        if (next.value.type === 'run-end') end = next.value
        active.isEnding ||= end !== null
        this.#note(active, next.value, input)
        log.append(next.value)
        if (log.isFull) await log.saved
        // An agent that has much to tell at once must not keep everybody else waiting.
        else if (++told % eventsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    } catch (thrown) {
      refused = toAppError(thrown)
    }
    await this.#conclude(active, end, refused)
  }

  /** Puts the run into the store, unless it is refused at once. Whether it is there. */
  async #keep({ record, controller, requestSnapshot }: Active, first: Promise<unknown>): Promise<boolean> {
    const refused = first.then(
      () => false,
      () => true,
    )
    const isRefused = await Promise.race([refused, record.background ? nextTurn() : delay(keepAfterMs, false)])
    if (this.#store === null || isRefused) return false
    try {
      await this.#store.createRun(record, null, requestSnapshot)
      return true
    } catch (fault) {
      this.#onWarning('a run could not be kept', { run_id: record.id, reason: String(fault) })
      // Nobody could ever hear how it ended.
      if (record.background) controller.abort(toAppError(fault))
      return false
    }
  }

  /** A run in the background is told of only when it is on disk and was not refused. */
  async #untilKept(active: Active): Promise<void> {
    const { log, controller } = active
    await new Promise((resolve) => setImmediate(resolve))
    const isKept = await log.created
    if (active.refusal !== null) {
      await log.ended
      throw active.refusal
    }
    if (!isKept && this.#store !== null) throw toAppError(controller.signal.reason)
    active.isAcknowledged = true
  }

  /** Takes note of what an event changes in the run itself. */
  #note(active: Active, event: RunEvent, { session }: RunInput): void {
    const { pendingPermissions, timeout } = active
    if (event.type === 'run-start') {
      // A conversation that came with the request has an id that means nothing to anybody.
      const sessionId = session.kind === 'history' ? null : event.sessionId
      const { model, cwd = null } = event
      return change(active, { status: 'running', startedAtMs: this.#now(), sessionId, model, cwd })
    }
    if (event.type !== 'ask' && event.type !== 'ask-answered') return
    if (event.type === 'ask-answered') pendingPermissions.remove(event.requestId)
    else pendingPermissions.add(event)
    const pending = pendingPermissions.list
    if (pending.length > 0) timeout.pause()
    else timeout.resume()
    change(active, { status: pending.length > 0 ? 'waiting' : 'running', pending })
  }

  #tooLate(id: string, requestId: string): void {
    const minutes = Math.round(this.#approvalTimeoutMs / 6000) / 10
    const message = `Nobody answered within ${minutes} minutes, so this was not allowed.`
    this.#agent.answer(id, requestId, { behavior: 'deny', message }, 'timeout')
  }

  async #conclude(active: Active, end: RunEnd | null, refused: AppError | null): Promise<void> {
    const { record, timeout, pendingPermissions, log } = active
    timeout.stop()
    pendingPermissions.clear()
    this.#active.delete(record.id)
    this.#settling.set(record.id, active)
    const fault = refused ?? interrupted()
    const isRefused = end === null && record.startedAtMs === null && !active.isAcknowledged
    if (isRefused) active.refusal = fault
    const isKept = !isRefused || (!active.isKeyed && !record.background && (await log.created))
    if (isKept) {
      this.#finish(active, end, fault)
    } else {
      Object.assign(record, { status: fault.code === 'cancelled' ? 'cancelled' : 'failed', endedAtMs: this.#now() })
      log.drop()
      // Who tries again with the same key is to find it free.
      await log.saved
    }
    log.end(isRefused ? fault : null)
    this.#onEnd(record.id, end, refused)
    void log.saved.then(() => this.#settling.delete(record.id))
    if (this.#active.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #finish(active: Active, given: RunEnd | null, refused: AppError): void {
    const { record, log } = active
    const end = given ?? endOfRun({ sessionId: record.sessionId ?? '', model: record.model ?? '' }, refused)
    if (given === null) {
      if (record.startedAtMs === null) log.append(startOf(record))
      log.append(end)
    }
    // One that the next server is to begin anew is left as it is.
    if (end.error?.code === 'shutting_down' && record.restart !== null) return
    this.#noteSession(record)
    change(active, { status: end.outcome, end, endedAtMs: this.#now(), restart: null, pending: [] })
  }

  #noteSession({ sessionId: id, owner, cwd, model, createdAtMs }: RunRecord): void {
    if (id === null || cwd === null || this.#store === null) return
    const facts = { id, owner, cwd, model, createdAtMs, lastUsedAtMs: this.#now() }
    this.#store.upsertSession(facts).catch((fault: unknown) => {
      this.#onWarning('facts about a session could not be kept', { session_id: id, reason: String(fault) })
    })
  }

  active(): number {
    return this.#active.size
  }

  #known(id: string): Active | undefined {
    return this.#active.get(id) ?? this.#settling.get(id)
  }

  async get(id: string): Promise<RunRecord | null> {
    return this.#known(id)?.record ?? (await this.#store?.run(id)) ?? null
  }

  async list(query: RunQuery): Promise<Page<RunRecord>> {
    if (this.#store === null) return { items: [], nextCursor: null }
    await this.saved()
    return this.#store.runs(query)
  }

  async requestSnapshot(id: string): Promise<unknown> {
    const known = this.#known(id)
    return known === undefined ? ((await this.#store?.requestSnapshot(id)) ?? null) : known.requestSnapshot
  }

  async erase(id: string): Promise<void> {
    await this.cancel(id)
    await this.saved()
    await this.#store?.eraseRun(id)
  }

  async saved(): Promise<void> {
    const settled = async ({ log, isEnding }: Active) => {
      if (isEnding) await log.ended
      await log.saved
    }
    await Promise.all([...this.#active.values(), ...this.#settling.values()].map(settled))
  }

  async *follow(id: string, afterSeq: number): AsyncGenerator<StoredEvent> {
    const known = this.#known(id)
    if (known !== undefined) return yield* known.log.follow(afterSeq)
    if (this.#store === null || (await this.#store.run(id)) === null) throw notFound(id)
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
    const fault = 'is not what the run waits for: it was answered already, or its time is over'
    throw new AppError('not_found', `request ${requestId.slice(0, 80)} ${fault}`, { field: 'request_id' })
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
    isClear.catch(() => {})
    const left: RunRecord[] = []
    for (const record of (await this.#store?.unfinished()) ?? []) {
      const end = await this.#keptEnd(record)
      if (end !== null && (record.restart === null || end.error?.code !== 'shutting_down'))
        await this.#close(record, end)
      else left.push(record)
    }
    const again = left.filter(({ restart }) => restart !== null)
    for (const record of left) if (record.restart === null) await this.#fail(record)
    // No more at a time than there can be processes: the queue is for those who ask now.
    const lanes: Promise<unknown>[] = Array(this.#agent.stats().processes.max).fill(isClear)
    for (const [at, record] of again.entries()) {
      const lane = at % lanes.length
      lanes[lane] = (await this.#restart(record, lanes[lane] ?? isClear)).log.ended
    }
    return { failed: left.length - again.length, restarted: again.length }
  }

  /** Nothing of what happened the first time is told again. */
  async #restart(record: RunRecord, after: Promise<unknown>): Promise<Active> {
    await this.#store?.clearEvents(record.id)
    const fresh: RunRecord = { ...record, status: 'queued', pending: [], startedAtMs: null }
    const active = this.#begin(record.restart as RunInput, fresh, { isKept: true, after })
    active.isAcknowledged = true
    return active
  }

  /** How the run ended, where that was the last thing to be kept of it. */
  async #keptEnd(record: RunRecord): Promise<RunEnd | null> {
    const lastSeq = (await this.#store?.lastSeq(record.id)) ?? 0
    const [last] = (await this.#store?.events(record.id, lastSeq - 1, 1)) ?? []
    return last?.event.type === 'run-end' ? last.event : null
  }

  async #fail(record: RunRecord): Promise<void> {
    const lastSeq = (await this.#store?.lastSeq(record.id)) ?? 0
    const end = endOfRun({ sessionId: record.sessionId ?? '', model: record.model ?? '' }, interrupted())
    const events: RunEvent[] = lastSeq === 0 ? [startOf(record), end] : [end]
    const stored = events.map((event, at) => ({ seq: lastSeq + 1 + at, event }))
    await this.#store?.appendEvents(record.id, stored)
    await this.#close(record, end)
  }

  async #close({ id }: RunRecord, end: RunEnd): Promise<void> {
    const patch = { status: end.outcome, end, endedAtMs: this.#now(), restart: null, pending: [] }
    await this.#store?.updateRun(id, patch)
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

function toHandle({ log, record, controller }: Active): RunHandle {
  const cancel = (reason: AppError) => controller.abort(reason)
  return { id: record.id, createdAtMs: record.createdAtMs, isReplay: false, events: eventsOf(log.follow(0)), cancel }
}

/** Waits for something that may fail; throws the signal's reason as soon as there is one. */
async function unlessAborted(wait: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  await Promise.race([wait.catch(() => {}), aborted])
  signal.removeEventListener('abort', onAbort)
  signal.throwIfAborted()
}

const startOf = ({ id, sessionId, model }: RunRecord): RunEvent => ({
  type: 'run-start',
  runId: id,
  sessionId: sessionId ?? '',
  model: model ?? '',
})

function change({ record, log }: Active, patch: RunPatch): void {
  Object.assign(record, patch)
  log.update(patch)
}

async function* eventsOf(stored: AsyncIterable<StoredEvent>): AsyncGenerator<RunEvent> {
  for await (const { event } of stored) yield event
}
