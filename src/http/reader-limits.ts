// Limits the readers of run events. Each reader holds a connection and some of the run's memory, so readers are
// counted; and a reader is disconnected once its key is revoked or expires, whoever owns the run.
import type { KeyHolder } from '../core/key-record.ts'
import { AppError } from '../errors.ts'

const perRunMax = 16
const inAllMax = 1024

type Reader = { runId: string; owner: string | null; end(reason: AppError): void }

export type Reading = {
  /** Rejects when the reader's key is revoked or expires. */
  revoked: Promise<never>
  leave(): void
}

export class ReaderLimits implements KeyHolder {
  readonly #readers = new Set<Reader>()

  /** `owner`: the id of the reader's key. Throws `rate_limited`. */
  enter(runId: string, owner: string | null): Reading {
    const ofRun = [...this.#readers].filter((each) => each.runId === runId)
    if (ofRun.length >= perRunMax) throw tooMany(`run ${runId} already has ${perRunMax} readers`)
    if (this.#readers.size >= inAllMax) throw tooMany(`${inAllMax} streams are already being read`)
    const { promise: revoked, reject: end } = Promise.withResolvers<never>()
    // The reader may have left by then.
    revoked.catch(() => {})
    const reader = { runId, owner, end }
    this.#readers.add(reader)
    return { revoked, leave: () => this.#readers.delete(reader) }
  }

  owners(): Set<string> {
    return new Set([...this.#readers].flatMap(({ owner }) => owner ?? []))
  }

  cancelOwnedBy(owner: string, reason: AppError): void {
    for (const reader of this.#readers) if (reader.owner === owner) reader.end(reason)
  }
}

const tooMany = (what: string) =>
  new AppError('rate_limited', `${what}; close one, or try again later`, { retryAfterS: 5 })
