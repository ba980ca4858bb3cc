// Works through batches: some items at once, the batches in turn, across restarts of the server, until all have an outcome. Each attempt at
// an item is a run with an idempotency key of its own, so that what was answered before a crash is not asked again. Not for what an item is
// (see BatchApi), nor for who goes first where runs wait for a process (claude/pool/wait-queue.ts).
import { createHash } from 'node:crypto'
import { type AppError, type ErrorCode, shuttingDown, toAppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { ActiveBatch, type PendingItem } from './active-batch.ts'
import type {
  Batch,
  BatchApi,
  Batches,
  BatchItem,
  BatchStore,
  ItemAnswer,
  ItemEnd,
  ItemHead,
  NewBatch,
} from './batches.ts'

export type BatchEngineOptions = {
  store: BatchStore
  /** How many items are answered at once. */
  concurrency: number
  clock: Clock
  /** The wall clock, in milliseconds since 1970. */
  now: () => number
  onWarning: (message: string, facts: Record<string, unknown>) => void
}

/** What the other items of a batch would meet as well, but not later: it waits. In seconds, where the error does not say. */
const pauseS: Partial<Record<ErrorCode, number>> = {
  quota_exhausted: 60,
  rate_limited: 10,
  queue_full: 10,
  storage_full: 30,
  storage_lost: 60,
  claude_not_found: 60,
  claude_not_logged_in: 60,
}

/** The model's API may refuse one request for long while it accepts others. */
const overloadedMax = 5
const overloadedPauseS = 20

const storePauseMs = 30_000

/** How many items are ended at once that never began. */
const stepSize = 500

/** Node fires longer timers immediately. */
const timerMsMax = 2 ** 31 - 1

type Verdict =
  | { kind: 'end'; end: ItemEnd }
  | { kind: 'again'; pending: PendingItem; pauseS: number }
  | { kind: 'leave' }

export class BatchEngine implements Batches {
  readonly #options: BatchEngineOptions
  readonly #apis = new Map<string, BatchApi>()
  readonly #active: ActiveBatch[] = []
  readonly #timers = new Map<string, () => void>()
  #running = 0
  #turn = 0
  #isPumping = false
  #isWoken = false
  #isClosed = false

  constructor(options: BatchEngineOptions) {
    this.#options = options
  }

  /** Batches of that name are answered by this API. Call it before recover. */
  serve(name: string, api: BatchApi): void {
    this.#apis.set(name, api)
  }

  /** Continues the batches that a former server left, as soon as `isClear` settles: by then its runs have their ends. Returns how many. */
  async recover(isClear: Promise<unknown>): Promise<number> {
    const { store } = this.#options
    const left = await store.unfinishedBatches()
    const isWanted = ({ status, api }: Batch) =>
      (status === 'in_progress' || status === 'canceling') && this.#apis.has(api)
    const wanted = left.filter(isWanted)
    const unknown = left.filter(({ status }) => status === 'preparing' || status === 'deleting')
    void isClear
      .catch(() => {})
      .then(async () => {
        for (const { id } of unknown) await store.deleteBatch(id)
        for (const { id } of wanted) this.#begin(await this.#stored(id))
      })
      .catch((error: unknown) => this.#warn('batches could not be continued', { reason: String(error) }))
    return wanted.length
  }

  async create(batch: NewBatch, items: AsyncIterable<readonly Omit<BatchItem, 'position'>[]>): Promise<Batch> {
    const { store } = this.#options
    if (this.#isClosed) throw shuttingDown()
    await store.createBatch(batch)
    try {
      let position = 0
      for await (const page of items) {
        await store.addBatchItems(
          batch.id,
          page.map((item) => ({ ...item, position: position++ })),
        )
      }
      await store.updateBatch(batch.id, { status: 'in_progress' })
      const created = await this.#stored(batch.id)
      this.#begin(created)
      return created
    } catch (error) {
      await store.deleteBatch(batch.id).catch(() => {})
      throw error
    }
  }

  async createFailed(batch: NewBatch): Promise<Batch> {
    const { store, now } = this.#options
    await store.createBatch(batch)
    await store.updateBatch(batch.id, { status: 'ended', endedAtMs: now() })
    return this.#stored(batch.id)
  }

  async cancel(id: string): Promise<Batch | null> {
    const { store, now } = this.#options
    const find = () => this.#active.find(({ batch }) => batch.id === id)
    // What a former server left may not be continued yet.
    const found = find()?.batch ?? (await store.batch(id))
    if (found?.status === 'in_progress') {
      const patch = { status: 'canceling', cancelledAtMs: now() } as const
      await store.updateBatch(id, patch)
      const active = find()
      if (active?.batch.status === 'in_progress') {
        active.batch = { ...active.batch, ...patch }
        active.withdraw('canceled')
        this.#wake()
      }
    }
    return store.batch(id)
  }

  /** Begins no further item. Those that have begun are left to the runs. */
  close(): void {
    this.#isClosed = true
    for (const stop of this.#timers.values()) stop()
    for (const active of this.#active) active.stop()
  }

  #begin(batch: Batch): void {
    const { store, clock, now } = this.#options
    const active = new ActiveBatch(batch, store)
    if (batch.status === 'canceling') active.withdraw('canceled')
    this.#active.push(active)
    const expire = () => {
      active.withdraw('expired')
      this.#wake()
    }
    this.#timers.set(batch.id, clock.schedule(expire, Math.min(Math.max(batch.expiresAtMs - now(), 0), timerMsMax)))
    this.#wake()
  }

  #wake(): void {
    this.#isWoken = true
    if (!this.#isPumping) void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#isPumping = true
    try {
      while (this.#isWoken && !this.#isClosed) {
        this.#isWoken = false
        await this.#endDone()
        while (this.#running < this.#options.concurrency && !this.#isClosed) {
          const next = await this.#next()
          if (next === null) break
          void this.#answer(next.active, next.pending)
        }
      }
    } catch (error) {
      this.#warn('batches wait for the store', { reason: String(error) })
      this.#options.clock.schedule(() => this.#wake(), storePauseMs)
    } finally {
      this.#isPumping = false
    }
  }

  /** Of the batch whose last turn is the longest ago. */
  async #next(): Promise<{ active: ActiveBatch; pending: PendingItem } | null> {
    for (const active of this.#active.toSorted((a, b) => a.turn - b.turn)) {
      const pending = await active.next()
      if (pending === null) {
        if (active.isDone) this.#isWoken = true
        continue
      }
      active.turn = ++this.#turn
      return { active, pending }
    }
    return null
  }

  async #answer(active: ActiveBatch, pending: PendingItem): Promise<void> {
    const { store } = this.#options
    active.running++
    this.#running++
    try {
      const answer = await this.#attempt(active, pending)
      const verdict = this.#judge(active, pending, answer)
      if (verdict.kind === 'again') {
        active.tryAgain(verdict.pending)
        if (verdict.pauseS > 0) this.#pause(active, verdict.pauseS * 1000)
      } else if (verdict.kind === 'end') await store.endItems(active.batch.id, [verdict.end])
    } catch (error) {
      // The same attempt has the same end.
      active.tryAgain(pending)
      this.#warn('the outcome of an item of a batch could not be stored yet', {
        ...facts(active, pending),
        reason: String(error),
      })
      this.#pause(active, storePauseMs)
    } finally {
      active.running--
      this.#running--
      this.#wake()
    }
  }

  #attempt({ batch, withdrawn }: ActiveBatch, { item, attempt }: PendingItem): Promise<ItemAnswer> {
    // Clients' keys contain no spaces.
    const key = `batch ${batch.id} ${item.position} ${attempt}`
    const bodyHash = createHash('sha256').update(JSON.stringify(item.request)).digest('base64url')
    return this.#api(batch).answer(batch, item, { idempotency: { key, bodyHash }, withdrawn })
  }

  #judge(active: ActiveBatch, pending: PendingItem, answer: ItemAnswer): Verdict {
    const { item } = pending
    if ('line' in answer)
      return { kind: 'end', end: { position: item.position, outcome: 'succeeded', line: answer.line } }
    const { error, isReplay, runId } = answer
    const next = { ...pending, attempt: pending.attempt + 1 }
    if (active.withdrawn.aborted && error.code === 'cancelled') return { kind: 'leave' }
    if (error.code === 'shutting_down' && this.#isClosed) return { kind: 'leave' }
    if (error.code === 'interrupted' || error.code === 'shutting_down') {
      this.#warn('an item of a batch was interrupted, and begins again', { ...facts(active, pending), run_id: runId })
      return { kind: 'again', pending: next, pauseS: 0 }
    }
    const waitS = this.#waitFor(error, pending)
    // What an earlier attempt met has passed.
    if (waitS !== null && isReplay) return { kind: 'again', pending: next, pauseS: 0 }
    if (waitS !== null) {
      this.#warn('a batch waits', { ...facts(active, pending), reason: error.message, seconds: waitS })
      return { kind: 'again', pending: { ...next, failures: pending.failures + 1 }, pauseS: waitS }
    }
    // Its key is gone, and with it the right to spend.
    if (error.code === 'unauthorized') void this.cancel(active.batch.id).catch(() => {})
    const outcome = error.code === 'cancelled' || error.code === 'unauthorized' ? 'canceled' : 'errored'
    return { kind: 'end', end: this.#endWithout(active.batch, item, outcome, error) }
  }

  /** How long to wait before another attempt, in seconds; null if the error is the item's outcome. */
  #waitFor({ code, details }: AppError, { failures }: PendingItem): number | null {
    if (code === 'overloaded')
      return failures < overloadedMax ? Math.max(details.retryAfterS ?? 0, overloadedPauseS) : null
    const { resetsAtMs } = details
    if (code === 'budget_exceeded')
      return typeof resetsAtMs === 'number' ? Math.max(1, Math.ceil((resetsAtMs - this.#options.now()) / 1000)) : null
    const usual = pauseS[code]
    return usual === undefined ? null : Math.max(1, details.retryAfterS ?? usual)
  }

  #endWithout(
    batch: Batch,
    item: ItemHead,
    outcome: Exclude<ItemEnd['outcome'], 'succeeded'>,
    error: AppError | null,
  ): ItemEnd {
    const line = this.#api(batch).lineWithout(batch, item, outcome, outcome === 'errored' ? error : null)
    return { position: item.position, outcome, line }
  }

  #pause(active: ActiveBatch, ms: number): void {
    if (!this.#isClosed) active.pause(Math.min(ms, timerMsMax), this.#options.clock, () => this.#wake())
  }

  async #endDone(): Promise<void> {
    for (const active of this.#active.filter(({ isDone }) => isDone)) {
      await this.#end(active)
      this.#active.splice(this.#active.indexOf(active), 1)
      this.#timers.get(active.batch.id)?.()
      this.#timers.delete(active.batch.id)
    }
  }

  async #end(active: ActiveBatch): Promise<void> {
    const { store, now } = this.#options
    const { batch, withdrawal } = active
    for (let after = -1; withdrawal !== null; ) {
      const items = await store.pendingHeads(batch.id, after, stepSize)
      if (items.length === 0) break
      await store.endItems(
        batch.id,
        items.map((item) => this.#endWithout(batch, item, withdrawal, null)),
      )
      after = items.at(-1)?.position ?? after
    }
    const ended = (await store.batch(batch.id)) ?? batch
    const details = (await this.#api(batch).finish?.(ended)) ?? batch.details
    // From here on it cannot be cancelled: that would be written after its end.
    active.batch = { ...ended, status: 'ended' }
    await store.updateBatch(batch.id, { status: 'ended', endedAtMs: now(), details })
  }

  async #stored(id: string): Promise<Batch> {
    const found = await this.#options.store.batch(id)
    if (found === null) throw new Error('a batch is missing from the store')
    return found
  }

  #api({ api }: Batch): BatchApi {
    const found = this.#apis.get(api)
    if (found === undefined) throw toAppError(new Error(`no API serves batches of ${api}`))
    return found
  }

  #warn(message: string, more: Record<string, unknown>): void {
    this.#options.onWarning(message, more)
  }
}

const facts = ({ batch }: ActiveBatch, { item }: PendingItem) => ({ batch: batch.id, custom_id: item.customId })
