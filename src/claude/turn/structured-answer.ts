// Whether the answer of a turn fits the schema that the request has for it. The check takes place in another thread, so it comes
// before the message that completes the answer is read (see from-sdk.ts).
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import { objectsIn } from '../../platform/json.ts'

/**
 * What does not fit in each value, as the end of a sentence that begins with its name; null for the first that fits, which
 * is the last that is checked.
 */
export type AnswerCheck = (values: unknown[]) => Promise<(string | null)[]>

export class StructuredAnswer {
  readonly #check: AnswerCheck
  /** The model may write its answer instead of calling the tool for it: the first object in the last message's text that fits. */
  fittingText: unknown
  /** What does not fit in the answer; null if it fits. */
  problem: string | null = null

  constructor(check: AnswerCheck) {
    this.#check = check
  }

  /** `text` is that of the message so far, `output` the latest answer that fits. */
  async prepare(message: SDKMessage, text: string, output: unknown): Promise<void> {
    if (endsModelMessage(message)) this.fittingText = await this.#firstFitting(text)
    if (message.type !== 'result') return
    const answer = (message.subtype === 'success' ? message.structured_output : undefined) ?? output
    const [problem = null] = answer === undefined ? [] : await this.#check([answer])
    this.problem = problem
  }

  async #firstFitting(text: string): Promise<unknown> {
    const candidates = [...objectsIn(text)]
    const problems = candidates.length === 0 ? [] : await this.#check(candidates)
    return candidates[problems.indexOf(null)]
  }
}

function endsModelMessage(message: SDKMessage): boolean {
  if (message.type !== 'stream_event' || message.parent_tool_use_id !== null) return false
  return message.event.type === 'message_delta' && message.event.delta.stop_reason === 'end_turn'
}
