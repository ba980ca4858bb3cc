// Which items of a response the model reads again in the requests that continue it. Pure.
import type { Response } from './reply-schemas.ts'
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
