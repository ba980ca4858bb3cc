// Responses that were stored: found by their ids, told again, and what they say to a request that goes on from them. A response is a run
// whose request was kept; it is gone when that is.

import { type Caller, ownRuns } from '../../../auth/authenticate.ts'
import type { RunEnd } from '../../../core/events.ts'
import { type Runs, runFailure } from '../../../core/runs.ts'
import { isFinal, type RunRecord } from '../../../core/store.ts'
import { AppError, invalidField, toAppError } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { earlierParam, type PlacedItem } from './items.ts'
import {
  failedResponse,
  openResponse,
  type ResponseFacts,
  responseId,
  runIdOf,
  runIdOfItem,
  WholeResponse,
} from './reply.ts'
import type { OutputItem, Response } from './reply-schemas.ts'
import { planOf, type ResponsePlan, type ResponseSnapshot } from './request.ts'
import { type InputItem, ReferenceItem } from './schemas.ts'

/** How many responses a conversation may be made of, or items of a request come from. */
const chainMax = 1_000

/** How long it may be, as JSON: more than any model takes. */
const charsMax = 50_000_000

export type StoredResponse = { record: RunRecord; snapshot: ResponseSnapshot; plan: ResponsePlan; facts: ResponseFacts }

const notFound = (id: string) =>
  new AppError(
    'not_found',
    `there is no response ${id.slice(0, 80)}: it was never stored, was deleted, or is too old`,
    {
      field: 'response_id',
    },
  )

export class StoredResponses {
  readonly #runs: Runs
  readonly #caller: Caller

  constructor(runs: Runs, caller: Caller) {
    this.#runs = runs
    this.#caller = caller
  }

  /** Throws `not_found`, also for what is somebody else's. */
  async find(id: string): Promise<StoredResponse> {
    const found = await this.#stored(runIdOf(id))
    if (found === null) throw notFound(id)
    return found
  }

  async #stored(runId: string | null): Promise<StoredResponse | null> {
    if (runId === null) return null
    await this.#runs.saved()
    const record = await this.#runs.get(runId)
    const { owner } = ownRuns(this.#caller)
    if (record === null || (owner !== undefined && record.owner !== owner)) return null
    const snapshot =
      record.surface === 'openai' ? ((await this.#runs.requestSnapshot(runId)) as ResponseSnapshot | null) : null
    if (snapshot === null) return null
    return { record, snapshot, plan: planOf(snapshot), facts: { runId, createdAtMs: record.createdAtMs } }
  }

  /** As it is now. */
  async response({ record, plan, facts }: Omit<StoredResponse, 'snapshot'>): Promise<Response> {
    if (!isFinal(record.status)) return openResponse(plan, facts, record.status === 'queued' ? 'queued' : 'in_progress')
    const whole = new WholeResponse(plan)
    let end: RunEnd | null = record.end
    for await (const { event } of this.#runs.follow(record.id, 0)) {
      whole.accept(event)
      if (event.type === 'run-end') end = event
    }
    if (end === null) throw notFound(responseId(record.id))
    if (end.outcome !== 'succeeded') return failedResponse(plan, facts, runFailure(end, record.id))
    try {
      return whole.toResponse(end, facts)
    } catch (thrown) {
      return failedResponse(plan, facts, toAppError(thrown))
    }
  }

  /** The conversation that ends with a response, the oldest item first. Throws `invalid_request` where a part of it is not there. */
  async before(previousId: string): Promise<PlacedItem[]> {
    const { items, missing } = await this.#back(previousId, (found) => this.#withThoughts(found))
    if (missing === null) return items.map((item) => ({ item, param: earlierParam }))
    const fault = `names a conversation that is not there any more: ${missing.slice(0, 80)} is missing; send its items in input`
    throw invalidField(earlierParam, fault, 'previous_response_not_found')
  }

  /** What is left of the conversation that a response goes on from, as it was told. */
  async itemsBefore({ snapshot }: StoredResponse): Promise<InputItem[]> {
    const previous = snapshot.body.previous_response_id
    return previous ? (await this.#back(previous, (found) => this.response(found))).items : []
  }

  /** Goes back from a response to the first one, or to one that is missing. */
  async #back(
    previousId: string,
    tell: (found: StoredResponse) => Promise<Response>,
  ): Promise<{ items: InputItem[]; missing: string | null }> {
    const turns: InputItem[][] = []
    let chars = 0
    for (let id: string | null = previousId; id !== null; ) {
      const found: StoredResponse | null = await this.#stored(runIdOf(id))
      if (found === null) return { items: turns.flat(), missing: id }
      if (!isFinal(found.record.status)) throw invalidField(earlierParam, 'is of a response that has not ended yet')
      if (turns.length >= chainMax) throw invalidField(earlierParam, `has more than ${chainMax} responses before it`)
      const turn = [...found.snapshot.items, ...givenBack(await tell(found))]
      chars += JSON.stringify(turn).length
      if (chars > charsMax) throw invalidField(earlierParam, `has more than ${charsMax} characters before it`)
      turns.unshift(turn)
      id = found.snapshot.body.previous_response_id || null
    }
    return { items: turns.flat(), missing: null }
  }

  /** Items of a request, with those that it only names in their places. Throws `invalid_request` for a name of nothing. */
  async withReferences(items: readonly InputItem[]): Promise<InputItem[]> {
    const known = new Map<string | null, ReadonlyMap<string, readonly OutputItem[]>>()
    const followed: InputItem[] = []
    for (const [at, item] of items.entries()) {
      if (!isReference(item)) {
        followed.push(item)
        continue
      }
      const { id } = parsePart(ReferenceItem, item, `input[${at}]`)
      const runId = runIdOfItem(id)
      if (!known.has(runId)) {
        if (known.size >= chainMax) throw invalidField('input', `refers to more than ${chainMax} responses`)
        known.set(runId, await this.#namedItems(runId))
      }
      const named = known.get(runId)?.get(id)
      if (named === undefined) {
        throw invalidField(
          `input[${at}].id`,
          `names no item of a stored response: ${id.slice(0, 80)}; send the item itself`,
        )
      }
      followed.push(...named)
    }
    return followed
  }

  /** The items of a response by their ids. One that follows thinking that was not told brings it along: nobody could name it. */
  async #namedItems(runId: string | null): Promise<ReadonlyMap<string, readonly OutputItem[]>> {
    const found = await this.#stored(runId)
    if (found === null) return new Map()
    const isTold = found.plan.showsSummary || found.plan.includesThinking
    const { output } = await this.#withThoughts(found)
    const named = new Map<string, readonly OutputItem[]>()
    let untold: OutputItem[] = []
    for (const item of output) {
      if (item.type === 'reasoning' && !isTold) untold.push(item)
      else {
        named.set(item.id, [...untold, item])
        untold = []
      }
    }
    return named
  }

  /** As the model needs it: with its thoughts, whether or not the client was told of them. */
  #withThoughts({ record, plan, facts }: StoredResponse): Promise<Response> {
    return this.response({ record, facts, plan: { ...plan, includesThinking: true } })
  }
}

/** Its type may be left out. */
const isReference = ({ type, role, id }: InputItem) =>
  type === 'item_reference' || (!type && role === undefined && id !== undefined)

/** What of a response is said to the model again: a call that was cut short was never made. */
const givenBack = ({ output }: Response): InputItem[] =>
  output.filter(({ type, status }) => status === 'completed' || type === 'message')
