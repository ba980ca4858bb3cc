// Who reads the events of runs: each reader holds a connection and a place in the run's memory, so they are counted; and
// a reader whose key has ended reads no further, whoever's run it is.
import type { KeyHolder } from '../auth/revocation.ts'
import { AppError } from '../errors.ts'

const perRunMax = 16
const inAllMax = 1024

type Reader = { runId: string; owner: string | null; end(reason: AppError): void }

export type Reading = {
  /** Rejects when the reader's key has ended. */
  revoked: Promise<never>
  leave(): void
}

export class ReaderLimits implements KeyHolder {
  readonly #readers = new Set<Reader>()

  /** `owner`: the id of the reader's key. Throws `rate_limited`. */
  enter(runId: string, owner: string | null): Reading {
    const ofRun = [...this.#readers].filter((each) => each.runId === runId)
    if (ofRun.length >= perRunMax) throw tooMany(`run ${runId} has ${perRunMax} readers already`)
    if (this.#readers.size >= inAllMax) throw tooMany(`${inAllMax} streams are being read already`)
    const { promise: revoked, reject: end } = Promise.withResolvers<never>()
    // The reader may have left when it comes.
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
