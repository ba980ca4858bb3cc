// The runs of a server: starts each one, finds them again, whether active or stored, and ends them all when the server
// stops. What happens to a run is decided in run-lifecycle.ts and done in active-run.ts.
import { randomBytes } from 'node:crypto'
import { AppError, shuttingDown, toAppError } from '../errors.ts'
import { ActiveRun, type ActiveRunInput, type Restart } from './active-run.ts'
import type { ApprovalAnswer, RunEvent } from './events.ts'
import { isActive, isClosing, newRun, type Storage } from './run-lifecycle.ts'
import { recoverRuns } from './run-recovery.ts'
import type { Idempotency, Release, RunHandle, RunInput, Runs, RunsDependencies } from './runs.ts'
import { isFinal, type Page, type RunQuery, type RunRecord, type StoredEvent } from './store.ts'

/** An idempotency key expires after a day. */
const keyLifeMs = 24 * 3_600_000

/** How many events of an ended run are read at once. */
const pageSize = 200

const notFound = (id: string) => new AppError('run_not_found', `there is no run ${id.slice(0, 80)}`, { field: 'id' })

/** Whether only its record is left. */
const isErased = ({ status, end }: RunRecord) => isFinal(status) && end === null

const keyConflict = (reason: string) =>
  new AppError('conflict', `idempotency-key ${reason}`, { field: 'idempotency-key' })

function newRecord(input: RunInput, createdAtMs: number): RunRecord {
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
    createdAtMs,
    startedAtMs: null,
    endedAtMs: null,
  }
}

async function* eventsOf(stored: AsyncIterable<StoredEvent>): AsyncGenerator<RunEvent> {
  for await (const { event } of stored) yield event
}

export function createRuns(dependencies: RunsDependencies): Runs {
  return new RunRegistry({
    approvalTimeoutMs: 600_000,
    now: Date.now,
    onEnd() {},
    onWarning() {},
    ...dependencies,
  })
}

class RunRegistry implements Runs {
  readonly #dependencies: Required<RunsDependencies>
  /** Active runs, and those that have ended but are not on disk yet. */
  readonly #runs = new Map<string, ActiveRun>()
  #isClosing = false

  constructor(dependencies: Required<RunsDependencies>) {
    this.#dependencies = dependencies
  }

  async start({ acquire, ...input }: RunInput): Promise<RunHandle> {
    const { now, store } = this.#dependencies
    if (this.#isClosing) throw shuttingDown()
    const record = newRecord(input, now())
    const { idempotency, background } = input
    const earlier = idempotency ? await this.#claim(record, input, idempotency) : null
    if (earlier !== null) return earlier
    let release: Release | null = null
    try {
      if (acquire !== undefined && !this.#isClosing) release = await acquire()
      if (this.#isClosing) throw shuttingDown()
    } catch (thrown) {
      release?.()
      if (idempotency) await store.dropRun(record.id)
      throw thrown
    }
    const run = this.#begin({ ...input, release }, record, idempotency ? 'claimed' : 'unsaved')
    if (background) await run.acknowledged
    return {
      id: record.id,
      createdAtMs: record.createdAtMs,
      isReplay: false,
      events: eventsOf(run.log.follow(0)),
      cancel: (reason) => run.abort(reason),
    }
  }

  /** Claims the key for the run. Returns the handle of the earlier run if the key is taken. */
  async #claim(
    record: RunRecord,
    { requestSnapshot }: RunInput,
    { key, bodyHash }: Idempotency,
  ): Promise<RunHandle | null> {
    const claim = { key, owner: record.owner, bodyHash, expiresAtMs: record.createdAtMs + keyLifeMs }
    const claimed = await this.#dependencies.store.createRun(record, claim, requestSnapshot)
    if (claimed.kind === 'created') return null
    if (claimed.bodyHash !== bodyHash) throw keyConflict('was used for a different request; send a new one')
    const earlier = await this.get(claimed.runId)
    if (earlier === null || isErased(earlier))
      throw keyConflict('was used for a run that is no longer stored; send a new one')
    const { id, createdAtMs } = earlier
    return { id, createdAtMs, isReplay: true, events: eventsOf(this.follow(id, 0)), cancel: () => {} }
  }

  #begin(input: ActiveRunInput, record: RunRecord, storage: Storage, restart?: Restart): ActiveRun {
    const isDurable = record.background || Boolean(input.idempotency) || Boolean(input.requestSnapshot)
    const run = new ActiveRun(this.#dependencies, input, newRun(record, storage, input.session, isDurable), restart)
    this.#runs.set(record.id, run)
    void run.flushed().then(() => this.#runs.delete(record.id))
    return run
  }

  #active(): ActiveRun[] {
    return [...this.#runs.values()].filter(({ phase }) => isActive(phase))
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  active(): number {
    return this.#active().length
  }

  async get(id: string): Promise<RunRecord | null> {
    return this.#runs.get(id)?.record ?? (await this.#dependencies.store.run(id))
  }

  async list(query: RunQuery): Promise<Page<RunRecord>> {
    await this.saved()
    const page = await this.#dependencies.store.runs(query)
    // What there is no room for on the disk is known here.
    return { ...page, items: page.items.map((record) => this.#runs.get(record.id)?.record ?? record) }
  }

  async requestSnapshot(id: string): Promise<unknown> {
    const run = this.#runs.get(id)
    return run === undefined ? this.#dependencies.store.requestSnapshot(id) : run.requestSnapshot
  }

  async erase(id: string): Promise<void> {
    await this.cancel(id)
    await this.saved()
    await this.#dependencies.store.eraseRun(id)
  }

  async saved(): Promise<void> {
    const runs = [...this.#runs.values()]
    await Promise.all(runs.map((run) => (isClosing(run.phase) ? run.settled() : run.log.save())))
  }

  follow(id: string, afterSeq: number): AsyncGenerator<StoredEvent> {
    return this.#runs.get(id)?.log.follow(afterSeq) ?? this.#followStored(id, afterSeq)
  }

  async *#followStored(id: string, afterSeq: number): AsyncGenerator<StoredEvent> {
    const { store } = this.#dependencies
    if ((await store.run(id)) === null) throw notFound(id)
    for (let seq = afterSeq, from = afterSeq; ; ) {
      for (const event of await store.events(id, seq, pageSize)) {
        if (event.seq !== seq + 1) throw toAppError(new Error(`events of ${id} after ${seq} were lost`))
        seq = event.seq
        yield event
      }
      if (seq === from) return
      from = seq
    }
  }

  async #recordOf(id: string): Promise<RunRecord> {
    const record = await this.get(id)
    if (record === null) throw notFound(id)
    return record
  }

  async cancel(id: string): Promise<RunRecord> {
    const run = this.#runs.get(id)
    if (run === undefined) return this.#recordOf(id)
    run.abort(new AppError('cancelled', 'The run was cancelled.'))
    await run.log.ended
    return run.record
  }

  async answer(id: string, requestId: string, answer: ApprovalAnswer): Promise<RunRecord> {
    await this.#recordOf(id)
    const run = this.#runs.get(id)
    if (run !== undefined && isActive(run.phase) && this.#dependencies.agent.answer(id, requestId, answer, 'caller')) {
      await run.answered(requestId)
      return run.record
    }
    const reason = 'is not pending: it was already answered, or has expired'
    throw new AppError('not_found', `request ${requestId.slice(0, 80)} ${reason}`, { field: 'request_id' })
  }

  owners(): Set<string> {
    return new Set(this.#active().flatMap(({ record }) => record.owner ?? []))
  }

  cancelOwnedBy(owner: string, reason: AppError): void {
    for (const run of this.#active()) if (run.record.owner === owner) run.abort(reason)
  }

  holderOf(sessionId: string): string | null {
    return this.#active().find(({ record }) => record.sessionId === sessionId)?.record.id ?? null
  }

  async recover(isClear: Promise<unknown>): Promise<{ failed: number; restarted: number }> {
    const { agent, store, now } = this.#dependencies
    const restart = (record: RunRecord, input: RunInput, how: Restart) =>
      this.#begin({ ...input, isAccepted: true }, record, 'stored', how).log.ended
    return recoverRuns({ store, now, lanesMax: agent.stats().processes.max, restart }, isClear)
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    const timer = setTimeout(() => {
      for (const run of this.#active()) run.abort(shuttingDown())
    }, graceMs)
    while (this.active() > 0) await Promise.all(this.#active().map(({ log }) => log.ended))
    clearTimeout(timer)
    // A last try for what there was no room for.
    await Promise.all([...this.#runs.values()].map(({ log }) => log.retry()))
    await this.saved()
  }
}
