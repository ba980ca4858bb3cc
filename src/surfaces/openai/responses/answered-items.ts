// Which items of a response the model reads again in the requests that continue it. Pure.
import { AnswerCollector } from '../../../compat/answer-stream.ts'
import type { RunEvent } from '../../../core/events.ts'
import { endedResponse, type ResponseFacts } from './reply.ts'
import type { Response } from './reply-schemas.ts'
import type { ResponsePlan } from './request.ts'
import type { InputItem } from './schemas.ts'

/** The call that an item gives the output of; undefined if it does not. */
export const callIdOf = ({ type, call_id: id }: InputItem): unknown =>
  String(type).endsWith('_output') ? id : undefined

/**
 * The items of a response that are sent to the model again. A call that was cut short does not count as made, unless the client has
 * answered it.
 */
export const toInput = ({ output }: Response, answered: ReadonlySet<unknown>): InputItem[] =>
  output.filter((item) => {
    const isAnswered = 'call_id' in item && answered.has(item.call_id)
    return item.type === 'compaction' || item.type === 'message' || item.status === 'completed' || isAnswered
  })

/** What a response adds to its conversation, from the events of its run. */
export class AnsweredItems {
  /** The model needs its thinking again, whether or not the client sees it. */
  readonly #plan: ResponsePlan
  readonly #answer: AnswerCollector
  /** The items do not say when the response was created. */
  readonly #facts: ResponseFacts = { runId: '', createdAtMs: 0 }

  constructor(plan: ResponsePlan) {
    this.#plan = { ...plan, includesThinking: true }
    this.#answer = new AnswerCollector(this.#plan)
  }

  /** The items, with the end of a run that succeeded; null with every other event. */
  accept(event: RunEvent): InputItem[] | null {
    this.#answer.accept(event)
    if (event.type === 'run-start') this.#facts.runId = event.runId
    if (event.type !== 'run-end' || event.outcome !== 'succeeded') return null
    return toInput(endedResponse(this.#plan, this.#facts, this.#answer.end(event)), new Set())
  }
}
