// Batches: many requests that are answered in the background, and what is stored of them and of files. What a request and its line of
// the results look like is up to the API that they came by. Working through them is in batch-engine.ts.
import type { AppError } from '../../errors.ts'

/** `preparing`: items are still being added, and nobody finds it. `deleting`: neither does anybody, and its items are being removed. */
export type BatchStatus = 'preparing' | 'in_progress' | 'canceling' | 'ended' | 'deleting'

export const itemOutcomes = ['succeeded', 'errored', 'canceled', 'expired'] as const
export type ItemOutcome = (typeof itemOutcomes)[number]

/** Times are milliseconds since 1970; null if there is none, or none yet. */
export type Batch = {
  id: string
  /** The name of the API that it came by. */
  api: string
  /** The id of the key that it belongs to; null if there were no keys. */
  owner: string | null
  status: BatchStatus
  /** What only its API knows: any JSON object. */
  details: Record<string, unknown>
  /** How many items it has, and how many have ended how. */
  total: number
  counts: Record<ItemOutcome, number>
  createdAtMs: number
  expiresAtMs: number
  cancelledAtMs: number | null
  endedAtMs: number | null
}

export type NewBatch = Pick<Batch, 'id' | 'api' | 'owner' | 'details' | 'createdAtMs' | 'expiresAtMs'>
export type BatchPatch = Partial<Pick<Batch, 'status' | 'details' | 'cancelledAtMs' | 'endedAtMs'>>

/** `request` is any JSON value. Positions count from 0. */
export type BatchItem = { position: number; customId: string; request: unknown }

export type ItemHead = Omit<BatchItem, 'request'>

/** `line` is what the results contain of the item, without a line break. */
export type ItemEnd = { position: number; outcome: ItemOutcome; line: string }

/** Newest first. `after`: those older than the batch with that id; `before`: the ones just newer than it. Ids that do not exist find nothing. */
export type BatchQuery = { api: string; owner?: string | null; limit: number; after?: string; before?: string }

/** Batches, their items and results. Throws `invalid_request` if an owner, or all owners together, would store too much. */
export interface BatchStore {
  /** As `preparing`. */
  createBatch(batch: NewBatch): Promise<void>
  addBatchItems(batchId: string, items: readonly BatchItem[]): Promise<void>
  /** Does nothing if the batch does not exist. */
  updateBatch(id: string, patch: BatchPatch): Promise<void>
  batch(id: string): Promise<Batch | null>
  /** Without those that nobody finds. */
  batches(query: BatchQuery): Promise<Batch[]>
  /** All that have not ended, oldest first, with those that nobody finds. */
  unfinishedBatches(): Promise<Batch[]>
  /** At most `limit` items after that position that have not ended, in order. Fewer if they are large, but one if there is one. */
  pendingItems(batchId: string, after: number, limit: number): Promise<BatchItem[]>
  /** The same without their requests. */
  pendingHeads(batchId: string, after: number, limit: number): Promise<ItemHead[]>
  /** An item that has ended already stays as it is. Forgets the requests. */
  endItems(batchId: string, ends: readonly ItemEnd[]): Promise<void>
  /** The lines of at most `limit` items after that position that ended in one of these ways, in order. Fewer if they are large, but one. */
  itemLines(
    batchId: string,
    query: { outcomes: readonly ItemOutcome[]; after: number; limit: number },
  ): Promise<{ position: number; line: string }[]>
  /** How many bytes these lines have together, each with a line break. */
  lineBytes(batchId: string, outcomes: readonly ItemOutcome[]): Promise<number>
  /** With its items and results, in small steps. */
  deleteBatch(id: string): Promise<void>
}

/** A file that a client uploaded, or the results of a batch. Times are milliseconds since 1970. */
export type StoredFile = {
  id: string
  owner: string | null
  name: string
  purpose: string
  /** Its size, in bytes. */
  bytes: number
  /** Its content is the lines of a batch; null if it has bytes of its own. */
  lines: { batchId: string; outcomes: ItemOutcome[] } | null
  createdAtMs: number
  /** Null: it is kept until it is deleted. */
  expiresAtMs: number | null
}

export type FileQuery = {
  owner?: string | null
  purpose?: string
  limit: number
  order: 'asc' | 'desc'
  /** Those after the file with that id, in that order. */
  after?: string
}

/** Nobody finds a file before it is complete. Throws `invalid_request` as BatchStore does. */
export interface FileStore {
  /** An incomplete file; with `lines`, a complete one. Does nothing if there is one with that id. */
  createFile(file: StoredFile): Promise<void>
  addFileBytes(id: string, bytes: Uint8Array): Promise<void>
  /** All of its bytes are there. */
  completeFile(id: string, facts: Pick<StoredFile, 'purpose' | 'expiresAtMs'>): Promise<void>
  file(id: string): Promise<StoredFile | null>
  files(query: FileQuery): Promise<StoredFile[]>
  /** At most `limit` pieces after the one with that number, which count from 1, in order. */
  filePieces(id: string, after: number, limit: number): Promise<{ number: number; bytes: Uint8Array }[]>
  /** Nobody finds it from the beginning on; its content, also if that is lines of a batch, goes in small steps. */
  deleteFile(id: string): Promise<void>
  /** Files that were never completed, or not deleted to the end: the server that was at work on them is gone. */
  deleteIncompleteFiles(): Promise<void>
}

/** `isReplay`: an earlier attempt, whose server may be gone, had this end already. `runId` is null if there was no run. */
export type ItemAnswer = { runId: string | null; isReplay: boolean } & ({ line: string } | { error: AppError })

/** How one attempt at an item is made. A second one with the same key has the end of the first, without another request to the model. */
export type Attempt = {
  idempotency: { key: string; bodyHash: string }
  /** Aborted when the item should end if it has not begun. */
  withdrawn: AbortSignal
}

/** What an API knows about its batches. */
export interface BatchApi {
  /** Does not throw. */
  answer(batch: Batch, item: BatchItem, attempt: Attempt): Promise<ItemAnswer>
  /** The line of an item that has no answer; `error` is set if it failed. */
  lineWithout(batch: Batch, item: ItemHead, outcome: Exclude<ItemOutcome, 'succeeded'>, error: AppError | null): string
  /** Called before the batch ends; returns its details from then on. May be called again after a crash. */
  finish?(batch: Batch): Promise<Record<string, unknown>>
}

/** The batches that a server works on. */
export interface Batches {
  /** Throws `shutting_down`, and what the store throws. All items are stored when this settles, or none. */
  create(batch: NewBatch, items: AsyncIterable<readonly Omit<BatchItem, 'position'>[]>): Promise<Batch>
  /** A batch that has ended already, because its items could not be read. */
  createFailed(batch: NewBatch): Promise<Batch>
  /** Items that have not begun are not begun any more. Does nothing if the batch has ended. */
  cancel(id: string): Promise<Batch | null>
}
