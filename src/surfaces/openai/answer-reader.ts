// What of a run's events is the answer, for the OpenAI dialects: text, reasoning and calls of the client's tools, in pieces.
// How the pieces are written is each dialect's own business.
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { AppError } from '../../errors.ts'
import type { AnswerShape } from './chat-request.ts'
import { JsonText } from './json-text.ts'
import type { FinishReason } from './reply-schemas.ts'
import type { ToolKind } from './tools.ts'

/** `at` counts the calls of an answer from 0. The pieces of a call come after it and before the next. */
export type AnswerPiece =
  | { type: 'text' | 'reasoning' | 'refusal'; text: string }
  | { type: 'call'; at: number; id: string; name: string; kind: ToolKind }
  | { type: 'arguments'; at: number; kind: ToolKind; text: string }

export type AnswerEnd = { pieces: AnswerPiece[]; finishReason: FinishReason }

type Call = { at: number; kind: ToolKind; json: string }

const declined = 'The model declined to answer.'

export class AnswerReader {
  readonly #shape: AnswerShape
  readonly #json = new JsonText()
  #calls = 0
  /** Open calls, by the index of their block. */
  #open = new Map<number, Call>()
  #toldText = false
  #owesBreak = false

  constructor(shape: AnswerShape) {
    this.#shape = shape
  }

  read(event: RunEvent): AnswerPiece[] {
    switch (event.type) {
      case 'text-start':
        // An agent talks between its steps; these are paragraphs of one answer.
        this.#owesBreak = this.#shape.isAgent && this.#toldText
        return []
      case 'text-delta':
        return this.#text(event.text)
      case 'thinking-delta':
        return this.#shape.showsReasoning ? [{ type: 'reasoning', text: event.text }] : []
      case 'tool-start':
        return this.#toolStart(event)
      case 'tool-delta':
        return this.#toolDelta(event.index, event.json)
      case 'tool-end':
        return this.#toolEnd(event.index)
      default:
        return []
    }
  }

  /** What is left to tell once the run has succeeded. Throws where the answer is not what was asked for. */
  end(end: RunEnd): AnswerEnd {
    const finishReason = this.#finishReason(end.stopReason)
    if (finishReason === 'content_filter') {
      return { pieces: this.#toldText ? [] : [{ type: 'refusal', text: declined }], finishReason }
    }
    return { pieces: finishReason === 'stop' ? this.#jsonAnswer(end) : [], finishReason }
  }

  #text(given: string): AnswerPiece[] {
    const { format } = this.#shape
    if (format === 'json_schema') return []
    const piece = format === 'json_object' ? this.#json.push(given) : given
    if (piece === '') return []
    const text = this.#owesBreak && format === 'text' ? `\n\n${piece}` : piece
    this.#owesBreak = false
    this.#toldText = true
    return [{ type: 'text', text }]
  }

  #toolStart({ index, toolId, name }: Extract<RunEvent, { type: 'tool-start' }>): AnswerPiece[] {
    const kind = this.#shape.kinds.get(name)
    const isOneTooMany = this.#calls > 0 && (!this.#shape.isParallel || this.#shape.isLegacy)
    if (kind === undefined || isOneTooMany) return []
    const at = this.#calls++
    this.#open.set(index, { at, kind, json: '' })
    return [{ type: 'call', at, id: toolId, name, kind }]
  }

  #toolDelta(index: number, json: string): AnswerPiece[] {
    const call = this.#open.get(index)
    if (call === undefined || json === '') return []
    call.json += json
    return call.kind === 'function' ? [{ type: 'arguments', at: call.at, kind: call.kind, text: json }] : []
  }

  #toolEnd(index: number): AnswerPiece[] {
    const call = this.#open.get(index)
    this.#open.delete(index)
    if (call === undefined) return []
    const { at, kind, json } = call
    if (kind === 'custom') return [{ type: 'arguments', at, kind, text: customInput(json) }]
    // A call without arguments comes without a word of JSON, which programs fail to parse.
    return json === '' ? [{ type: 'arguments', at, kind, text: '{}' }] : []
  }

  #finishReason(stopReason: string | null): FinishReason {
    if (stopReason === 'max_tokens' || stopReason === 'model_context_window_exceeded') return 'length'
    if (stopReason === 'refusal') return 'content_filter'
    if (this.#calls === 0) return 'stop'
    return this.#shape.isLegacy ? 'function_call' : 'tool_calls'
  }

  #jsonAnswer({ structuredOutput, stopReason }: RunEnd): AnswerPiece[] {
    const { format } = this.#shape
    if (format === 'json_schema' && structuredOutput !== null && structuredOutput !== undefined) {
      return [{ type: 'text', text: JSON.stringify(structuredOutput) }]
    }
    const isCut = stopReason === 'stop_sequence'
    if (format === 'text' || isCut || (format === 'json_object' && this.#json.isWhole)) return []
    throw new AppError('claude_failed', 'The model gave no answer that fits response_format.')
  }
}

/** The one text that a custom tool takes. */
function customInput(json: string): string {
  try {
    const { input } = JSON.parse(json) as { input?: unknown }
    return typeof input === 'string' ? input : json
  } catch {
    return json
  }
}
