// Stored responses: finds them by id, writes them again, and provides the conversation for a request that continues
// from one. A stored response is a run whose request was stored; it exists for as long as that does.

import { type Caller, ownRuns } from '../../../auth/authenticate.ts'
import { AnswerCollector } from '../../../compat/answer-stream.ts'
import type { Sealers } from '../../../compat/sealed-text.ts'
import type { RunEnd } from '../../../core/events.ts'
import { type Runs, runFailure } from '../../../core/runs.ts'
import { isFinal, type RunRecord } from '../../../core/store.ts'
import { AppError, invalidField, toAppError } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { callIdOf, toInput } from './answered-items.ts'
import { earlierParam } from './items.ts'
import {
  endedResponse,
  failedResponse,
  openResponse,
  type ResponseFacts,
  responseId,
  runIdOf,
  runIdOfItem,
} from './reply.ts'
import type { OutputItem, Response } from './reply-schemas.ts'
import { planOf, type ResponsePlan, type ResponseSnapshot } from './request.ts'
import { type InputItem, ReferenceItem } from './schemas.ts'

/** The most responses in a conversation, and the most responses that the references of one request point to. */
const chainMax = 1_000

/** The maximum length of a conversation as JSON: more than any model accepts. */
const charsMax = 50_000_000

export type StoredResponse = { record: RunRecord; snapshot: ResponseSnapshot; plan: ResponsePlan; facts: ResponseFacts }

const notFound = (id: string) =>
  new AppError(
    'not_found',
    `response ${id.slice(0, 80)} does not exist: it was never stored, was deleted, or has expired`,
    {
      field: 'response_id',
    },
  )

export class StoredResponses {
  readonly #runs: Runs
  readonly #caller: Caller
  readonly #sealers: Sealers

  constructor({ runs, sealers }: { runs: Runs; sealers: Sealers }, caller: Caller) {
    this.#runs = runs
    this.#sealers = sealers
    this.#caller = caller
  }

  /** Throws `not_found`, also for another caller's response. */
  async find(id: string): Promise<StoredResponse> {
    const found = await this.#load(runIdOf(id))
    if (found === null) throw notFound(id)
    return found
  }

  async #load(runId: string | null): Promise<StoredResponse | null> {
    if (runId === null) return null
    await this.#runs.saved()
    const record = await this.#runs.get(runId)
    const { owner } = ownRuns(this.#caller)
    if (record === null || (owner !== undefined && record.owner !== owner)) return null
    const snapshot =
      record.surface === 'openai' ? ((await this.#runs.requestSnapshot(runId)) as ResponseSnapshot | null) : null
    if (snapshot === null) return null
    const plan = planOf(snapshot, this.#sealers.for(record.owner))
    return { record, snapshot, plan, facts: { runId, createdAtMs: record.createdAtMs } }
  }

  /** The response in its current state. */
  async response({ record, plan, facts }: Omit<StoredResponse, 'snapshot'>): Promise<Response> {
    if (!isFinal(record.status)) return openResponse(plan, facts, record.status === 'queued' ? 'queued' : 'in_progress')
    const answer = new AnswerCollector(plan)
    let end: RunEnd | null = record.end
    for await (const { event } of this.#runs.follow(record.id, 0)) {
      answer.accept(event)
      if (event.type === 'run-end') end = event
    }
    if (end === null) throw notFound(responseId(record.id))
    if (end.outcome !== 'succeeded') return failedResponse(plan, facts, runFailure(end, record.id))
    try {
      return endedResponse(plan, facts, answer.end(end))
    } catch (thrown) {
      return failedResponse(plan, facts, toAppError(thrown))
    }
  }

  /**
   * The conversation up to and including a response, oldest item first. Throws `invalid_request` if a part of it is
   * missing. `next` are the items that follow.
   */
  async conversationUpTo(previousId: string, next: readonly InputItem[]): Promise<InputItem[]> {
    const { items, missing } = await this.#traceBack(previousId, next, (found) => this.#withThinking(found))
    if (missing === null) return items
    const reason = `names a deleted conversation: ${missing.slice(0, 80)} is missing; send its items in input`
    throw invalidField(earlierParam, reason, 'previous_response_not_found')
  }

  /** What remains of the conversation that a response continues, as the client saw it. */
  async itemsBefore({ snapshot }: StoredResponse): Promise<InputItem[]> {
    const previous = snapshot.body.previous_response_id
    if (!previous || snapshot.isWhole) return []
    return (await this.#traceBack(previous, snapshot.items, (found) => this.response(found))).items
  }

  /** Walks back from a response to the first one, or to one that is missing. */
  async #traceBack(
    previousId: string,
    next: readonly InputItem[],
    toResponse: (found: StoredResponse) => Promise<Response>,
  ): Promise<{ items: InputItem[]; missing: string | null }> {
    const turns: InputItem[][] = []
    const answered = new Set(next.map(callIdOf))
    let chars = 0
    for (let id: string | null = previousId; id !== null; ) {
      const found: StoredResponse | null = await this.#load(runIdOf(id))
      if (found === null) return { items: turns.flat(), missing: id }
      if (!isFinal(found.record.status))
        throw invalidField(earlierParam, 'names a response that has not finished yet: wait until it has')
      if (turns.length >= chainMax) throw invalidField(earlierParam, `has more than ${chainMax} responses before it`)
      const turn = [...found.snapshot.items, ...toInput(await toResponse(found), answered)]
      for (const item of turn) answered.add(callIdOf(item))
      chars += JSON.stringify(turn).length
      if (chars > charsMax) throw invalidField(earlierParam, `has more than ${charsMax} characters before it`)
      turns.unshift(turn)
      id = found.snapshot.isWhole ? null : found.snapshot.body.previous_response_id || null
    }
    return { items: turns.flat(), missing: null }
  }

  /** Replaces references with the items they name. Throws `invalid_request` for a reference to an unknown item. */
  async resolveReferences(items: readonly InputItem[]): Promise<InputItem[]> {
    const known = new Map<string | null, ReadonlyMap<string, readonly OutputItem[]>>()
    const resolved: InputItem[] = []
    for (const [index, item] of items.entries()) {
      if (!isReference(item)) {
        resolved.push(item)
        continue
      }
      const { id } = parsePart(ReferenceItem, item, `input[${index}]`)
      const runId = runIdOfItem(id)
      if (!known.has(runId)) {
        if (known.size >= chainMax) throw invalidField('input', `refers to more than ${chainMax} responses`)
        known.set(runId, await this.#itemsById(runId))
      }
      const found = known.get(runId)?.get(id)
      if (found === undefined) {
        throw invalidField(
          `input[${index}].id`,
          `names no item of a stored response: ${id.slice(0, 80)}; send the item itself`,
        )
      }
      resolved.push(...found)
    }
    return resolved
  }

  /**
   * The items of a response by their ids. An item includes hidden thinking before it, which a client cannot reference.
   */
  async #itemsById(runId: string | null): Promise<ReadonlyMap<string, readonly OutputItem[]>> {
    const found = await this.#load(runId)
    if (found === null) return new Map()
    const showsReasoning = found.plan.showsSummary || found.plan.includesThinking
    const { output } = await this.#withThinking(found)
    const byId = new Map<string, readonly OutputItem[]>()
    let hidden: OutputItem[] = []
    for (const item of output) {
      if (item.type === 'reasoning' && !showsReasoning) hidden.push(item)
      else {
        byId.set(item.id, [...hidden, item])
        hidden = []
      }
    }
    return byId
  }

  /** The response as the model needs it: with its thinking, whether or not the client saw it. */
  #withThinking({ record, plan, facts }: StoredResponse): Promise<Response> {
    return this.response({ record, facts, plan: { ...plan, includesThinking: true } })
  }
}

/** A reference may omit its type. */
const isReference = ({ type, role, id }: InputItem) =>
  type === 'item_reference' || (!type && role === undefined && id !== undefined)
