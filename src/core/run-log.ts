// The event log of an active run. It passes events to the store and to any number of followers, which may join late, be
// slow, or leave. The latest events are held in memory; followers further behind read from the store.
import { type AppError, toAppError } from '../errors.ts'
import type { RunEvent } from './events.ts'
import type { RunPatch, RunStore, StoredEvent } from './store.ts'

/** How much of a run is held in memory for its followers: number of events, and characters of their text. */
const windowEvents = 512
const windowChars = 1024 * 1024

/** How much may wait to be written, in characters. */
const unsavedCharsMax = 4 * 1024 * 1024

/** How many events are read at a time for a follower that is behind. */
const pageSize = 200

const sizeOf = (event: RunEvent): number => {
  if ('text' in event) return event.text.length
  if ('json' in event) return event.json.length
  return event.type === 'run-end' ? event.result.length : 100
}

export class RunLog {
  readonly id: string
  readonly #store: RunStore
  readonly #onStoreError: (error: unknown) => void
  /** The latest events, without gaps, up to the last one. */
  #window: StoredEvent[] = []
  #windowChars = 0
  #seq = 0
  /** The last event that is on disk, or could not be written. */
  #storedSeq = 0
  #unsaved: StoredEvent[] = []
  #unsavedChars = 0
  #isFlushPlanned = false
  /** Whether the run is in the store, as soon as that is known. */
  #created: Promise<boolean> = Promise.resolve(false)
  /** Writes run one after another, in the order in which they were requested. */
  #writes: Promise<void> = Promise.resolve()
  readonly #ended = Promise.withResolvers<void>()
  #end: { refusal: AppError | null } | null = null
  #waiting: (() => void)[] = []

  constructor(id: string, store: RunStore, onStoreError: (error: unknown) => void) {
    this.id = id
    this.#store = store
    this.#onStoreError = onStoreError
  }

  /** Settles when everything up to now is on disk, or could not be written. */
  get saved(): Promise<void> {
    return this.#writes
  }

  /** Settles when no more events will follow. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Nothing is written about the run until it is itself in the store. */
  storeAfter(created: Promise<boolean>): void {
    this.#created = created
  }

  /** Whether the store has fallen too far behind: wait for `saved` before continuing. */
  get isFull(): boolean {
    return this.#unsavedChars > unsavedCharsMax
  }

  append(event: RunEvent): void {
    const stored = { seq: ++this.#seq, event }
    this.#window.push(stored)
    this.#windowChars += sizeOf(event)
    this.#unsaved.push(stored)
    this.#unsavedChars += sizeOf(event)
    this.#planFlush()
    this.#trim()
    this.#wake()
  }

  /** Changes the run's record after all earlier writes. */
  update(patch: RunPatch): void {
    this.#write((store) => store.updateRun(this.id, patch))
  }

  /** Deletes the run from the store: it never started. */
  drop(): void {
    this.#write((store) => store.dropRun(this.id))
  }

  /** Ends the log. `refusal`: the run never started, and followers get this error. */
  end(refusal: AppError | null): void {
    this.#end ??= { refusal }
    this.#ended.resolve()
    this.#wake()
  }

  /** Events that arrive while other writes are in progress are written together after them. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#write(async (store) => {
      this.#isFlushPlanned = false
      const batch = this.#unsaved.splice(0)
      this.#unsavedChars = 0
      try {
        await store.appendEvents(this.id, batch)
      } finally {
        this.#storedSeq = batch.at(-1)?.seq ?? this.#storedSeq
        this.#trim()
      }
    })
  }

  #write(act: (store: RunStore) => Promise<unknown>): void {
    this.#writes = this.#writes
      .then(async () => {
        if (await this.#created) await act(this.#store)
      })
      .catch(this.#onStoreError)
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
        seq = event.seq
        yield event
      }
      if (seq < this.#seq) continue
      if (this.#end?.refusal) throw this.#end.refusal
      if (this.#end !== null) return
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async #next(seq: number): Promise<StoredEvent[]> {
    const first = this.#window[0]?.seq ?? this.#seq + 1
    if (seq + 1 >= first) return this.#window.slice(Math.max(0, seq + 1 - first))
    const page = await this.#store.events(this.id, seq, pageSize)
    if (page[0]?.seq === seq + 1) return page
    throw toAppError(new Error(`events of ${this.id} after ${seq} were lost`))
  }
}
