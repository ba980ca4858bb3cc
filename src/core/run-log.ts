// The event log of an active run. It passes events to the store and to any number of followers, which may join late, be
// slow, or leave. The latest events are held in memory; followers further behind read from the store. What the store has
// no room for waits in memory, and is written when there is room again.
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, toAppError } from '../errors.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import type { RunEvent } from './events.ts'
import type { RunPatch, RunStore, StoredEvent } from './store.ts'

/** How much of a run is held in memory for its followers: number of events, and characters of their text. */
const windowEvents = 512
const windowChars = 1024 * 1024

/** How much may wait to be written, in characters. */
const unsavedCharsMax = 4 * 1024 * 1024

/**
 * Events are written together with those of the next moments, in milliseconds, unless somebody relies on them or there are many, in
 * characters: a transaction for each word of an answer would cost more than everything else that is done with it.
 */
const groupMs = 250
const groupChars = 64 * 1024

/**
 * What is written at once: that the run began, so that the numbers of one that begins again go on; how it ended; and what waits for a
 * person.
 */
const writtenAtOnce: ReadonlySet<RunEvent['type']> = new Set(['run-start', 'run-end', 'ask', 'ask-answered'])

/** How many events are read at a time for a follower that is behind. */
const pageSize = 200

const sizeOf = (event: RunEvent): number => {
  if ('text' in event) return event.text.length
  if ('json' in event) return event.json.length
  return event.type === 'run-end' ? event.result.length : 100
}

/** How long to wait before another try while the disk is full, in milliseconds. */
const retryMs = 1000

type Write = (store: RunStore) => Promise<unknown>

type RunLogOptions = {
  id: string
  store: RunStore
  /** The number of the last event in the store: a restarted run has some already. */
  lastSeq?: number
  clock?: Pick<Clock, 'schedule'>
  onStoreError(error: unknown): void
  /** Settles when a write that found the disk full is to be tried again. */
  untilRetry?(): Promise<unknown>
}

export const isStorageFull = (error: unknown) => error instanceof AppError && error.code === 'storage_full'

export class RunLog {
  readonly id: string
  readonly #store: RunStore
  readonly #onStoreError: (error: unknown) => void
  readonly #untilRetry: () => Promise<unknown>
  /** The latest events, without gaps, up to the last one. */
  #window: StoredEvent[] = []
  #windowChars = 0
  #seq: number
  /** The last event that is on disk, or could not be written. */
  #storedSeq: number
  /** Followers do not get this event before it is on disk; null if there is none. */
  #heldSeq: number | null = null
  #unsaved: StoredEvent[] = []
  #unsavedChars = 0
  readonly #clock: Pick<Clock, 'schedule'>
  #isFlushPlanned = false
  /** Cancels the flush that waits for more events; null if none does. */
  #cancelFlush: (() => void) | null = null
  /** Whether the next write shall not wait for others. */
  #isUrgent = false
  /** Whether the run is in the store, as soon as that is known. */
  #created: Promise<boolean> = Promise.resolve(false)
  /** Writes run one after another, in the order in which they were requested. */
  #queue: Write[] = []
  #writes: Promise<void> = Promise.resolve()
  /** Whether the disk was full at the last try, and whether that was reported. */
  #isStalled = false
  #isStallReported = false
  #flushed: (() => void)[] = []
  readonly #ended = Promise.withResolvers<void>()
  #end: { refusal: AppError | null } | null = null
  #waiting: (() => void)[] = []

  constructor({ id, store, lastSeq = 0, clock = systemClock, onStoreError, untilRetry }: RunLogOptions) {
    this.#clock = clock
    this.id = id
    this.#store = store
    this.#seq = lastSeq
    this.#storedSeq = lastSeq
    this.#onStoreError = onStoreError
    this.#untilRetry = untilRetry ?? (() => delay(retryMs, undefined, { ref: false }))
  }

  /** Writes everything up to now. Settles when it is on disk, could not be written, or waits for room on the disk. */
  save(): Promise<void> {
    this.#flush()
    return this.#writes
  }

  /** Settles when nothing waits to be written, however long the disk is full. */
  async flushed(): Promise<void> {
    this.#flush()
    await this.#writes
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#flushed.push(resolve))
  }

  /** Settles when no more events will follow. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Nothing is written about the run until it is itself in the store. */
  storeAfter(created: Promise<boolean>): void {
    this.#created = created
  }

  /** Whether the store has fallen too far behind: wait for `flushed` before continuing. */
  get isFull(): boolean {
    return this.#unsavedChars > unsavedCharsMax
  }

  /** `held`: followers get it once it is on disk, or there is no room for it. */
  append(event: RunEvent, { held = false } = {}): void {
    const stored = { seq: ++this.#seq, event }
    if (held && !this.#isStalled) this.#heldSeq = stored.seq
    this.#window.push(stored)
    this.#windowChars += sizeOf(event)
    this.#unsaved.push(stored)
    this.#unsavedChars += sizeOf(event)
    this.#isUrgent ||= held
    if (held || writtenAtOnce.has(event.type) || this.#unsavedChars > groupChars) this.#planFlush()
    else this.#cancelFlush ??= this.#clock.schedule(() => this.#planFlush(), groupMs)
    this.#trim()
    this.#wake()
  }

  /** Changes the run's record after all earlier writes. */
  update(patch: RunPatch): void {
    this.write((store) => store.updateRun(this.id, patch))
  }

  /** Deletes the run from the store: it never started. */
  drop(): void {
    this.write((store) => store.dropRun(this.id))
  }

  /** Ends the log. `refusal`: the run never started, and followers get this error. */
  end(refusal: AppError | null): void {
    this.#end ??= { refusal }
    this.#ended.resolve()
    this.#wake()
  }

  /** Nothing waits for more events any longer. */
  #flush(): void {
    if (this.#cancelFlush !== null) this.#planFlush()
  }

  /** Events that arrive while other writes are in progress are written together after them. */
  #planFlush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = null
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#enqueue(async (store) => {
      this.#isFlushPlanned = false
      const urgent = this.#isUrgent
      const batch = this.#unsaved.slice()
      if (batch.length === 0) return
      try {
        await store.appendEvents(this.id, batch, { urgent })
      } catch (error) {
        if (isStorageFull(error)) throw error
        this.#onStoreError(error)
      }
      this.#isUrgent = false
      this.#unsaved.splice(0, batch.length)
      for (const { event } of batch) this.#unsavedChars -= sizeOf(event)
      this.#storedSeq = batch.at(-1)?.seq ?? this.#storedSeq
      this.#trim()
      this.#release()
    })
  }

  /** Writes after all earlier writes. */
  write(write: Write): void {
    this.#flush()
    this.#enqueue(write)
  }

  #enqueue(write: Write): void {
    this.#queue.push(write)
    this.#writes = this.#writes.then(() => this.#drain())
  }

  async #drain(): Promise<void> {
    if (!(await this.#created)) {
      this.#queue = []
      this.#release(this.#seq)
    }
    for (let next = this.#queue[0]; next !== undefined && !this.#isStalled; next = this.#queue[0]) {
      try {
        await next(this.#store)
        this.#isStallReported = false
      } catch (error) {
        if (isStorageFull(error)) return this.#stall(error)
        this.#onStoreError(error)
      }
      this.#queue.shift()
    }
    if (this.#queue.length === 0) for (const resolve of this.#flushed.splice(0)) resolve()
  }

  #stall(error: unknown): void {
    this.#isStalled = true
    if (!this.#isStallReported) this.#onStoreError(error)
    this.#isStallReported = true
    this.#release(this.#heldSeq ?? 0)
    void this.#untilRetry().then(() => this.retry())
  }

  /** Tries again to write what there was no room for. Settles after the try. */
  retry(): Promise<void> {
    this.#isStalled = false
    this.#writes = this.#writes.then(() => this.#drain())
    return this.#writes
  }

  /** Shows followers the held event once all events up to `seq` have been written, or cannot be. */
  #release(seq = this.#storedSeq): void {
    if (this.#heldSeq === null || seq < this.#heldSeq) return
    this.#heldSeq = null
    this.#wake()
  }

  /** Drops events that are on disk while more are held than the window allows. */
  #trim(): void {
    let count = 0
    for (const { seq, event } of this.#window) {
      const isTooMuch = this.#window.length - count > windowEvents || this.#windowChars > windowChars
      if (!isTooMuch || seq > this.#storedSeq) break
      this.#windowChars -= sizeOf(event)
      count++
    }
    if (count > 0) this.#window.splice(0, count)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Every event after `afterSeq`, as it happens. Throws if the run was refused. */
  async *follow(afterSeq: number): AsyncGenerator<StoredEvent> {
    let seq = afterSeq
    for (;;) {
      if (this.#end?.refusal && seq === 0) throw this.#end.refusal
      for (const event of await this.#next(seq)) {
        if (event.seq >= (this.#heldSeq ?? Number.POSITIVE_INFINITY)) break
        seq = event.seq
        yield event
      }
      if (seq < this.#visibleSeq) continue
      if (this.#end?.refusal) throw this.#end.refusal
      if (this.#end !== null && this.#heldSeq === null) return
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  get #visibleSeq(): number {
    return this.#heldSeq === null ? this.#seq : this.#heldSeq - 1
  }

  async #next(seq: number): Promise<StoredEvent[]> {
    const first = this.#window[0]?.seq ?? this.#seq + 1
    if (seq + 1 >= first) return this.#window.slice(Math.max(0, seq + 1 - first))
    const page = await this.#store.events(this.id, seq, pageSize)
    if (page[0]?.seq === seq + 1) return page
    throw toAppError(new Error(`events of ${this.id} after ${seq} were lost`))
  }
}
