// Extracts the answer from a run's events for the compatible APIs, in pieces: text, thinking and calls of the client's
// tools. Each surface encodes the pieces itself.

import type { RunEnd, RunEvent } from '../core/events.ts'
import { AppError } from '../errors.ts'
import { parseInput } from '../platform/json.ts'
import { JsonObjectExtractor } from '../platform/json-object-extractor.ts'

/** The input of a tool: an object, or one text, which the model writes as `{"input": text}`. */
export type ToolKind = 'json' | 'text'

/** What the caller requested. */
export type AnswerPlan = {
  isAgent: boolean
  /** The client's tools. Calls of other tools are left out of an agent's answer; a plain model's are for the client to answer. */
  tools: ReadonlyMap<string, ToolKind>
  /** Whether a call is emitted only once its input has arrived, and only if that is an object: Anthropic's API promises so. */
  holdsCalls?: boolean
  /** Whether the answer may contain more than one call. */
  isParallel: boolean
  /** `signed`: only what the model needs back (signatures, redacted thinking), without the text. */
  showsThinking: boolean | 'signed'
  format: 'text' | 'json_object' | 'json_schema'
  /** The request field that sets the format, for errors. */
  formatParam: string
}

/** `index` counts the calls of an answer from 0. A call's argument pieces follow it, before the next call. */
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

/** `pieces` are all of the answer; `waitedMs` is how long the run waited for a process. */
export type WholeAnswer = AnswerEnd & { end: RunEnd; waitedMs: number }

type Call = { index: number; id: string; name: string; kind: ToolKind; json: string }

const refusalText = 'The model declined to answer.'

const isLimit = (stop: AnswerStop) => stop === 'max_tokens' || stop === 'model_context_window_exceeded'

export class AnswerStream {
  readonly #plan: AnswerPlan
  readonly #json = new JsonObjectExtractor()
  #calls = 0
  /** A held call whose input is not an object: a limit may have cut it short, which only the end of the answer tells. */
  #broken: Call | null = null
  /** Open calls, by the index of their block. */
  #open = new Map<number, Call>()
  #hasEmittedText = false
  #needsParagraphBreak = false

  constructor(plan: AnswerPlan) {
    this.#plan = plan
  }

  read(event: RunEvent): AnswerPiece[] {
    switch (event.type) {
      case 'text-start':
        // An agent writes text between its steps; these texts are paragraphs of one answer.
        this.#needsParagraphBreak = this.#plan.isAgent && this.#hasEmittedText
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

  /** The remaining pieces once the run has succeeded. Throws if the answer is not in the requested format. */
  end(end: RunEnd): AnswerEnd {
    const stop = this.#stop(end.stopReason)
    if (this.#broken !== null && !isLimit(stop)) throw brokenCall(this.#broken.name)
    if (stop === 'refusal')
      return { pieces: this.#hasEmittedText ? [] : [{ type: 'refusal', text: refusalText }], stop }
    if (this.#broken !== null) return { pieces: wholeCall(this.#broken), stop }
    return { pieces: isLimit(stop) || stop === 'tool_use' ? [] : this.#jsonAnswer(end), stop }
  }

  #thinking(type: 'thinking' | 'signature' | 'redacted', text: string): AnswerPiece[] {
    const { showsThinking } = this.#plan
    const isHidden = showsThinking === false || (showsThinking === 'signed' && type === 'thinking')
    return isHidden ? [] : [{ type, text }]
  }

  #text(delta: string): AnswerPiece[] {
    const { format } = this.#plan
    if (format === 'json_schema') return []
    const piece = format === 'json_object' ? this.#json.push(delta) : delta
    if (piece === '') return []
    const text = this.#needsParagraphBreak && format === 'text' ? `\n\n${piece}` : piece
    this.#needsParagraphBreak = false
    this.#hasEmittedText = true
    return [{ type: 'text', text }]
  }

  #toolStart({ index: block, toolId, name }: Extract<RunEvent, { type: 'tool-start' }>): AnswerPiece[] {
    const { tools, isAgent, holdsCalls } = this.#plan
    // Only the last call of an answer can have been cut short.
    if (this.#broken !== null) throw brokenCall(this.#broken.name)
    const kind = tools.get(name) ?? (isAgent ? undefined : 'json')
    if (kind === undefined || (this.#calls > 0 && !this.#plan.isParallel)) return []
    const index = this.#calls++
    this.#open.set(block, { index, id: toolId, name, kind, json: '' })
    return holdsCalls === true ? [] : [{ type: 'call', index, id: toolId, name, kind }]
  }

  #toolDelta(block: number, json: string): AnswerPiece[] {
    const call = this.#open.get(block)
    if (call === undefined || json === '') return []
    call.json += json
    return call.kind === 'json' && this.#plan.holdsCalls !== true
      ? [{ type: 'arguments', index: call.index, kind: call.kind, text: json }]
      : []
  }

  #toolEnd(block: number): AnswerPiece[] {
    const call = this.#open.get(block)
    this.#open.delete(block)
    if (call === undefined) return []
    const { index, kind, json } = call
    if (this.#plan.holdsCalls === true) return this.#heldCall(call)
    if (kind === 'text') return [{ type: 'arguments', index, kind, text: textInput(json) }]
    // A call without arguments arrives without any JSON, which programs fail to parse.
    return json === '' ? [{ type: 'arguments', index, kind, text: '{}' }] : []
  }

  #heldCall(call: Call): AnswerPiece[] {
    if (parseInput(call.json) !== null) return wholeCall(call)
    this.#broken = call
    return []
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
    throw new AppError('claude_failed', `The model returned no answer that matches ${this.#plan.formatParam}.`)
  }
}

/** Collects the whole answer of a run, for responses that are not streamed. */
export class AnswerCollector {
  readonly #plan: AnswerPlan
  #stream: AnswerStream
  #pieces: AnswerPiece[] = []
  #waitedMs = 0

  constructor(plan: AnswerPlan) {
    this.#plan = plan
    this.#stream = new AnswerStream(plan)
  }

  accept(event: RunEvent): void {
    if (event.type === 'run-start') this.#waitedMs = event.waitedMs ?? 0
    // The CLI repeats its request to the model, and the next answer replaces what there is of this one.
    if (event.type === 'retry' && !this.#plan.isAgent) {
      this.#stream = new AnswerStream(this.#plan)
      this.#pieces = []
    }
    this.#pieces.push(...this.#stream.read(event))
  }

  /** The whole answer once the run has succeeded. Throws if it is not in the requested format. */
  end(end: RunEnd): WholeAnswer {
    const { pieces, stop } = this.#stream.end(end)
    return { pieces: [...this.#pieces, ...pieces], stop, end, waitedMs: this.#waitedMs }
  }
}

const wholeCall = ({ json, ...call }: Call): AnswerPiece[] => [
  { type: 'call', ...call },
  { type: 'arguments', index: call.index, kind: call.kind, text: json || '{}' },
]

const brokenCall = (name: string) =>
  new AppError('claude_failed', `The model called ${name} with an input that is not a JSON object; try again.`, {
    reason: 'invalid_tool_input',
  })

/** The text that is the input of a tool of kind `text`. */
function textInput(json: string): string {
  try {
    const { input } = JSON.parse(json) as { input?: unknown }
    return typeof input === 'string' ? input : json
  } catch {
    return json
  }
}
