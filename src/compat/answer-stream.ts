// What of a run's events is the answer, for the faces of other APIs: text, thinking and calls of the client's tools, in pieces.
// How the pieces are written is each surface's own business.

import type { RunEnd, RunEvent } from '../core/events.ts'
import { AppError } from '../errors.ts'
import { JsonObjectExtractor } from './json-object-extractor.ts'

/** What a tool takes: an object, or one text, which the model writes as `{"input": text}`. */
export type ToolKind = 'json' | 'text'

/** What the caller has asked for. */
export type AnswerPlan = {
  isAgent: boolean
  /** The client's tools; calls of others are none of its business. */
  tools: ReadonlyMap<string, ToolKind>
  /** Whether there may be more than one call. */
  isParallel: boolean
  /** `signed`: only what the model needs to be given back, without its words. */
  showsThinking: boolean | 'signed'
  format: 'text' | 'json_object' | 'json_schema'
  /** The request's field that asks for the format, for errors. */
  formatParam: string
}

/** `at` counts the calls of an answer from 0. The pieces of a call come after it and before the next. */
export type AnswerPiece =
  | { type: 'text' | 'thinking' | 'signature' | 'redacted' | 'refusal'; text: string }
  | { type: 'call'; index: number; id: string; name: string; kind: ToolKind }
  | { type: 'arguments'; index: number; kind: ToolKind; text: string }

export type AnswerStop =
  | 'end_turn'
  | 'max_tokens'
  | 'model_context_window_exceeded'
  | 'stop_sequence'
  | 'tool_use'
  | 'refusal'

export type AnswerEnd = { pieces: AnswerPiece[]; stop: AnswerStop }

type Call = { at: number; kind: ToolKind; json: string }

const declined = 'The model declined to answer.'

const isLimit = (stop: AnswerStop) => stop === 'max_tokens' || stop === 'model_context_window_exceeded'

export class AnswerStream {
  readonly #plan: AnswerPlan
  readonly #json = new JsonObjectExtractor()
  #calls = 0
  /** Open calls, by the index of their block. */
  #open = new Map<number, Call>()
  #hasEmittedText = false
  #owesBreak = false

  constructor(plan: AnswerPlan) {
    this.#plan = plan
  }

  read(event: RunEvent): AnswerPiece[] {
    switch (event.type) {
      case 'text-start':
        // An agent talks between its steps; these are paragraphs of one answer.
        this.#owesBreak = this.#plan.isAgent && this.#hasEmittedText
        return []
      case 'text-delta':
        return this.#text(event.text)
      case 'thinking-delta':
        return this.#thinking('thinking', event.text)
      case 'thinking-signature':
        return this.#thinking('signature', event.signature)
      case 'thinking-redacted':
        return this.#thinking('redacted', event.data)
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
    const stop = this.#stop(end.stopReason)
    if (stop === 'refusal') return { pieces: this.#hasEmittedText ? [] : [{ type: 'refusal', text: declined }], stop }
    return { pieces: isLimit(stop) || stop === 'tool_use' ? [] : this.#jsonAnswer(end), stop }
  }

  #thinking(type: 'thinking' | 'signature' | 'redacted', text: string): AnswerPiece[] {
    const { showsThinking } = this.#plan
    const isHidden = showsThinking === false || (showsThinking === 'signed' && type === 'thinking')
    return isHidden ? [] : [{ type, text }]
  }

  #text(given: string): AnswerPiece[] {
    const { format } = this.#plan
    if (format === 'json_schema') return []
    const piece = format === 'json_object' ? this.#json.push(given) : given
    if (piece === '') return []
    const text = this.#owesBreak && format === 'text' ? `\n\n${piece}` : piece
    this.#owesBreak = false
    this.#hasEmittedText = true
    return [{ type: 'text', text }]
  }

  #toolStart({ index, toolId, name }: Extract<RunEvent, { type: 'tool-start' }>): AnswerPiece[] {
    const kind = this.#plan.tools.get(name)
    if (kind === undefined || (this.#calls > 0 && !this.#plan.isParallel)) return []
    const at = this.#calls++
    this.#open.set(index, { at, kind, json: '' })
    return [{ type: 'call', index: at, id: toolId, name, kind }]
  }

  #toolDelta(index: number, json: string): AnswerPiece[] {
    const call = this.#open.get(index)
    if (call === undefined || json === '') return []
    call.json += json
    return call.kind === 'json' ? [{ type: 'arguments', index: call.at, kind: call.kind, text: json }] : []
  }

  #toolEnd(index: number): AnswerPiece[] {
    const call = this.#open.get(index)
    this.#open.delete(index)
    if (call === undefined) return []
    const { at, kind, json } = call
    if (kind === 'text') return [{ type: 'arguments', index: at, kind, text: textInput(json) }]
    // A call without arguments comes without a word of JSON, which programs fail to parse.
    return json === '' ? [{ type: 'arguments', index: at, kind, text: '{}' }] : []
  }

  #stop(stopReason: string | null): AnswerStop {
    switch (stopReason) {
      case 'max_tokens':
      case 'model_context_window_exceeded':
      case 'refusal':
        return stopReason
      default:
        if (this.#calls > 0) return 'tool_use'
        return stopReason === 'stop_sequence' ? stopReason : 'end_turn'
    }
  }

  #jsonAnswer({ structuredOutput, stopReason }: RunEnd): AnswerPiece[] {
    const { format } = this.#plan
    if (format === 'json_schema' && structuredOutput !== null && structuredOutput !== undefined) {
      return [{ type: 'text', text: JSON.stringify(structuredOutput) }]
    }
    const isCut = stopReason === 'stop_sequence'
    if (format === 'text' || isCut || (format === 'json_object' && this.#json.isWhole)) return []
    throw new AppError('claude_failed', `The model gave no answer that fits ${this.#plan.formatParam}.`)
  }
}

/** Collects the answer of a run that nobody follows word by word. */
export class AnswerCollector {
  readonly #plan: AnswerPlan
  #reader: AnswerStream
  #pieces: AnswerPiece[] = []

  constructor(plan: AnswerPlan) {
    this.#plan = plan
    this.#reader = new AnswerStream(plan)
  }

  accept(event: RunEvent): void {
    // The model is asked again, and its next answer takes the place of what it said of this one.
    if (event.type === 'retry' && !this.#plan.isAgent) {
      this.#reader = new AnswerStream(this.#plan)
      this.#pieces = []
    }
    this.#pieces.push(...this.#reader.read(event))
  }

  /** All of the answer, once the run has succeeded. Throws where it is not what was asked for. */
  end(end: RunEnd): AnswerEnd {
    const { pieces, stop } = this.#reader.end(end)
    return { pieces: [...this.#pieces, ...pieces], stop }
  }
}

/** The one text that a tool of the kind `text` takes. */
function textInput(json: string): string {
  try {
    const { input } = JSON.parse(json) as { input?: unknown }
    return typeof input === 'string' ? input : json
  } catch {
    return json
  }
}
