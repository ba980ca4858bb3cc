// Translates the SDK messages of one turn into RunEvents. Pure: no clock, no ids, no I/O. Only this file and sdk-values.ts know what
// the SDK's messages mean; an SDK upgrade that adds message types fails the type check at `unreachable`.
import type {
  SDKAPIRetryMessage,
  SDKAssistantMessage,
  SDKMessage,
  SDKPartialAssistantMessage,
  SDKResultMessage,
  SDKSystemMessage,
  SDKUserMessage,
  SDKUserMessageReplay,
} from '@anthropic-ai/claude-agent-sdk'
import type { PlainOptions } from '../../core/agent.ts'
import { endOfRun, type McpServerState, type RunEnd, type RunEvent } from '../../core/events.ts'
import { AppError } from '../../errors.ts'
import {
  blockingHook,
  type FailureClues,
  refusedMedia,
  resultFailure,
  upstreamFailure,
} from '../cli/errors-from-sdk.ts'
import { answerTool } from '../cli/profile.ts'
import type { TranscriptMessage } from '../sessions/transcript.ts'
import { AnswerBlocks } from './answer-blocks.ts'
import { activityEvents, plainText, toUsage, turnCost } from './sdk-values.ts'
import { type AnswerCheck, StructuredAnswer } from './structured-answer.ts'

type StreamEvent = SDKPartialAssistantMessage['event']
type ContentBlock = SDKAssistantMessage['message']['content'][number]

/** Whether to wait longer than this, in milliseconds, is the caller's decision, not the CLI's. */
const retryWaitMsMax = 10_000

export type TurnContext = {
  runId: string
  sessionId: string
  streaming: boolean
  /** What the answer has to fit; null if any text will do. */
  answerCheck: AnswerCheck | null
  plain: PlainOptions | null
  /** Seconds until the plan can be used again; null if it is not used up. The CLI tells of that only once. */
  planSecondsLeft: () => number | null
}

export class TurnTranslator {
  /** Set when the turn can no longer succeed although the CLI continues: interrupt it and end the run with this. */
  broken: AppError | null = null
  /** The messages of the turn, for a conversation file of our own. */
  readonly messages: TranscriptMessage[] = []
  /** Whether a tool is running: silence is no sign of an error then. */
  toolIsRunning = false
  readonly context: TurnContext
  #model = ''
  #started = false
  #streamed = new Set<string>()
  /** The message that is being emitted whole, because it was not streamed. */
  #emittedWhole = ''
  #isComplete = true
  /** Earlier parts of an answer that the CLI continued after the model's output limit. */
  #earlierText = ''
  #hitOutputLimit = false
  /** The last answer that fits the schema: from the CLI's own tool, or from the text of a message. */
  #output: unknown
  /** What the hook says that has blocked the prompt; null if none has. */
  #blockedBy: string | null = null
  #mcpServers: McpServerState[] = []
  #compactions = 0
  #hasToolResults = false
  #clues: FailureClues = { kind: null, upstreamStatus: null, retryAfterS: null }
  #pendingTools = new Set<string>()
  readonly #blocks: AnswerBlocks
  readonly #answer: StructuredAnswer | null
  /** Set when a plain model's answer is complete although the CLI would continue. */
  #finished: { stopReason: string; stopSequence: string | null } | null = null
  /**
   * Whether a plain model made a call of a tool that it was not offered, or whose input is not JSON. The CLI would tell it so and let it
   * continue; as with the model's API, that is for the client.
   */
  #isForClient = false
  #streamUsage: Record<string, unknown> = {}

  constructor(context: TurnContext) {
    this.context = context
    this.#blocks = new AnswerBlocks(context.plain?.stopSequences ?? [])
    this.#answer = context.answerCheck === null ? null : new StructuredAnswer(context.answerCheck)
  }

  /** Whether the answer is complete: interrupt the CLI and end the run with `finishedEnd`. */
  get isFinished(): boolean {
    return this.#finished !== null
  }

  /** All text that was emitted, of all messages of the turn. */
  get allText(): string {
    return this.#blocks.allText
  }

  get model(): string {
    return this.#model
  }

  /** Before a message is accepted, the answer that it completes is checked against the schema. */
  async prepare(message: SDKMessage): Promise<void> {
    await this.#answer?.prepare(message, this.#blocks.text, this.#output)
  }

  accept(message: SDKMessage): RunEvent[] {
    // The CLI may have sent another request before it could be stopped: that is not part of the answer.
    if (this.#finished !== null && message.type !== 'result') return []
    switch (message.type) {
      case 'stream_event':
        return message.parent_tool_use_id === null ? this.#streamEvent(message.event) : []
      case 'assistant':
        return message.parent_tool_use_id === null ? this.#assistant(message) : []
      case 'user':
        return message.parent_tool_use_id === null ? this.#user(message) : []
      case 'result':
        return this.#result(message)
      case 'system':
        return this.#system(message)
      case 'rate_limit_event':
      case 'auth_status':
      case 'tool_progress':
      case 'tool_use_summary':
      case 'prompt_suggestion':
      case 'conversation_reset':
        return []
      default:
        return unreachable(message)
    }
  }

  #system(message: Extract<SDKMessage, { type: 'system' }>): RunEvent[] {
    switch (message.subtype) {
      case 'init':
        return this.#init(message)
      case 'api_retry':
        return this.#retry(message)
      case 'informational':
        this.#blockedBy = blockingHook(message) ?? this.#blockedBy
        return []
      case 'compact_boundary':
        this.#compactions++
        return activityEvents(message)
      default:
        return activityEvents(message)
    }
  }

  #init({ model, mcp_servers: servers }: SDKSystemMessage): RunEvent[] {
    if (this.#started) return []
    this.#started = true
    this.#model = model
    const { runId, sessionId, plain } = this.context
    // A plain model's client tools are such a server, too. Not every CLI need report them.
    this.#mcpServers = plain === null ? (servers ?? []).map(({ name, status }) => ({ name, status })) : []
    const state: RunEvent[] = this.#mcpServers.length === 0 ? [] : [{ type: 'mcp-servers', servers: this.#mcpServers }]
    return [{ type: 'run-start', runId, sessionId, model }, ...state]
  }

  #retry(message: SDKAPIRetryMessage): RunEvent[] {
    const { attempt, retry_delay_ms: delayMs, error_status: upstreamStatus, error } = message
    this.#clues = { ...this.#clues, kind: error, upstreamStatus }
    if (delayMs > retryWaitMsMax) {
      const text = `The model's API requires a wait of ${Math.ceil(delayMs / 1000)} seconds (${upstreamStatus ?? error})`
      this.broken = upstreamFailure(text, { ...this.#clues, retryAfterS: Math.ceil(delayMs / 1000) })
    }
    return [{ type: 'retry', attempt, delayMs, upstreamStatus }]
  }

  #streamEvent(event: StreamEvent): RunEvent[] {
    switch (event.type) {
      case 'message_start':
        this.#streamed.add(event.message.id)
        this.#model = event.message.model
        this.#streamUsage = { ...event.message.usage }
        this.#isComplete = false
        return [...this.#blocks.startMessage(), { type: 'usage', usage: toUsage(event.message.usage) }]
      case 'content_block_start':
        return this.#startBlock(event.index, event.content_block)
      case 'content_block_delta':
        return this.#delta(event.index, event.delta)
      case 'content_block_stop':
        return this.#endBlock(event.index)
      case 'message_delta':
        this.#isComplete = true
        Object.assign(this.#streamUsage, event.usage)
        this.#noteStop(event.delta.stop_reason)
        return []
      case 'message_stop':
        return this.#messageStop()
    }
  }

  /** The CLI closes a broken stream itself; only the missing end of the message distinguishes it from a complete one. */
  #messageStop(): RunEvent[] {
    if (!this.#isComplete && this.#blocks.hasText && this.context.streaming) {
      this.broken ??= new AppError(
        'claude_failed',
        "The connection to the model's API broke in the middle of the answer.",
      )
    }
    if (!this.#isComplete) this.#blocks.forgetText()
    return this.closeBlocks()
  }

  #noteStop(reason: string | null): void {
    if (reason === 'end_turn') this.#output = this.#answer?.fittingText ?? this.#output
    if (this.context.plain !== null && this.#endsPlainAnswer(reason)) return
    // The CLI retries after a refusal; what was emitted of the refused answer would stand before the next one.
    if (reason === 'refusal' && this.#blocks.hasText && this.context.streaming) {
      this.broken ??= new AppError('invalid_request', "The model's safeguards stopped its answer.", { reason })
    }
    this.#hitOutputLimit = reason === 'max_tokens' || reason === 'model_context_window_exceeded'
    this.#earlierText = this.#hitOutputLimit ? this.#earlierText + this.#blocks.text : this.#earlierText
  }

  /** A plain model's answer is one message; in these cases the CLI would continue it or ask again. */
  #endsPlainAnswer(reason: string | null): boolean {
    const isLimit = reason === 'max_tokens' || reason === 'model_context_window_exceeded'
    const isEmpty = reason === 'end_turn' && this.#blocks.text === '' && this.#pendingTools.size === 0
    const hasOutput = reason === 'end_turn' && this.#output !== undefined
    if (isLimit || isEmpty || hasOutput || reason === 'refusal')
      this.#finished ??= { stopReason: reason, stopSequence: null }
    else if (this.#isForClient) this.#finished ??= { stopReason: 'tool_use', stopSequence: null }
    return this.#finished !== null
  }

  #startBlock(apiIndex: number, block: Parameters<AnswerBlocks['start']>[1]): RunEvent[] {
    const { plain, answerCheck } = this.context
    if (plain === null || block.type !== 'tool_use') return this.#blocks.start(apiIndex, block)
    // With a schema, a plain model's answer is a call of the CLI's own tool. It is in the result.
    if (answerCheck !== null && block.name === answerTool) return []
    this.#isForClient ||= !plain.tools.some((tool) => tool.name === block.name)
    return this.#blocks.start(apiIndex, block)
  }

  #endBlock(apiIndex: number): RunEvent[] {
    const events = this.#blocks.end(apiIndex)
    this.#isForClient ||= this.context.plain !== null && this.#blocks.hasBrokenCall
    return events
  }

  #delta(apiIndex: number, delta: Parameters<AnswerBlocks['delta']>[1]): RunEvent[] {
    const events = this.#blocks.delta(apiIndex, delta)
    const { hit, isTooLarge } = this.#blocks
    if (isTooLarge) this.broken ??= new AppError('claude_failed', "The CLI sends more than any model's answer.")
    if (hit !== null) this.#finished = { stopReason: 'stop_sequence', stopSequence: hit }
    return events
  }

  /** Ends all open blocks. */
  closeBlocks(): RunEvent[] {
    return this.#blocks.closeAll()
  }

  #assistant(message: SDKAssistantMessage): RunEvent[] {
    if (message.error !== undefined || message.message.model === '<synthetic>') {
      this.#clues.kind = message.error ?? this.#clues.kind
      // The CLI goes on without it. What tools have read is for it to decide; what the client has sent is not.
      if (!this.#hasToolResults) this.broken ??= refusedMedia(message)
      return []
    }
    this.messages.push(message.message as unknown as TranscriptMessage)
    for (const block of message.message.content) this.#noteTool(block)
    // An answer that was not streamed is emitted whole.
    return this.#streamed.has(message.message.id) ? [] : this.#wholeMessage(message.message)
  }

  /** It arrives in parts, one per block. */
  #wholeMessage({ id, usage, content }: SDKAssistantMessage['message']): RunEvent[] {
    const isFirst = this.#emittedWhole !== id
    this.#emittedWhole = id
    const counted: RunEvent[] = isFirst ? [{ type: 'usage', usage: toUsage(usage) }] : []
    return [...counted, ...content.flatMap((block) => this.#blocks.whole(block))]
  }

  #noteTool(block: ContentBlock): void {
    if (block.type !== 'tool_use') return
    this.#pendingTools.add(block.id)
    this.toolIsRunning = true
  }

  #user(message: SDKUserMessage | SDKUserMessageReplay): RunEvent[] {
    const content = message.message.content
    if (typeof content === 'string' || message.isSynthetic === true) return []
    const results = content.flatMap((block) => (block.type === 'tool_result' ? [block] : []))
    if (results.length === 0) return []
    this.messages.push(message.message as unknown as TranscriptMessage)
    this.#hasToolResults = true
    for (const result of results) this.#pendingTools.delete(result.tool_use_id)
    this.toolIsRunning = this.#pendingTools.size > 0
    return results.map((result) => ({
      type: 'tool-result' as const,
      toolId: result.tool_use_id,
      isError: result.is_error === true,
      text: plainText(result.content),
    }))
  }

  #result(result: SDKResultMessage): RunEvent[] {
    const closed = this.closeBlocks()
    const unemitted = this.#unemittedText(result)
    return [...closed, ...unemitted, this.#end(result)]
  }

  /** An answer that the CLI gave itself, without a model request, is only in the result. */
  #unemittedText(result: SDKResultMessage): RunEvent[] {
    const isAnswer = result.subtype === 'success' && !result.is_error && result.structured_output === undefined
    if (!isAnswer || this.#blockedBy !== null || this.#blocks.hasText || result.result === '') return []
    return this.#blocks.wholeText(result.result)
  }

  #end(result: SDKResultMessage): RunEnd {
    const endsAtLimit = this.#clues.kind === 'max_output_tokens'
    const answered = result.subtype === 'success' && !result.is_error
    if (answered) this.#output = result.structured_output ?? this.#output
    const error = endsAtLimit ? null : (this.broken ?? this.#failure(result))
    return {
      ...this.endWithout(error),
      result: endsAtLimit ? this.#earlierText : answered ? this.#wholeAnswer(result.result) : '',
      structuredOutput: this.#output ?? null,
      stopReason: endsAtLimit ? 'max_tokens' : result.stop_reason === 'tool_deferred' ? 'tool_use' : result.stop_reason,
      numTurns: result.num_turns,
      durationMs: result.duration_ms,
      usage: toUsage(result.usage),
      ...turnCost(result, this.#model),
      permissionDenials: (result.permission_denials ?? []).map((denial) => ({
        toolName: denial.tool_name,
        toolId: denial.tool_use_id,
        input: denial.tool_input,
      })),
    }
  }

  #wholeAnswer(lastPart: string): string {
    return this.#hitOutputLimit ? this.#earlierText : this.#earlierText + lastPart
  }

  #failure(result: SDKResultMessage): AppError | null {
    if (this.#blockedBy !== null)
      return new AppError('blocked_by_hook', `A hook blocked the prompt: ${this.#blockedBy}`)
    if (result.terminal_reason === 'hook_stopped') return new AppError('blocked_by_hook', 'A hook stopped the run.')
    // The CLI did not take the text for an answer, and the model did not call the tool when it was asked to.
    const isAnswered = this.#output !== undefined && result.subtype === 'error_max_structured_output_retries'
    return (isAnswered ? null : resultFailure(result, this.#allClues())) ?? this.#unfitOutput(result)
  }

  #allClues(): FailureClues {
    const { kind, retryAfterS } = this.#clues
    return {
      ...this.#clues,
      retryAfterS: retryAfterS ?? (kind === 'rate_limit' ? this.context.planSecondsLeft() : null),
    }
  }

  #unfitOutput(result: SDKResultMessage): AppError | null {
    // A call of a client's tool comes before the answer; what background work reports, after it.
    if (this.#answer === null || result.stop_reason === 'tool_deferred') return null
    if (this.#output === undefined)
      return new AppError('claude_failed', 'The model returned no answer that matches the requested JSON Schema.')
    const { problem } = this.#answer
    return problem === null
      ? null
      : new AppError('claude_failed', `The model's answer does not match the requested JSON Schema: ${problem}.`)
  }

  /** The end of an answer that was complete before the CLI stopped; `result` is the CLI's own end after the interrupt. */
  finishedEnd(result: RunEnd | null): RunEnd {
    const { stopReason, stopSequence } = this.#finished ?? { stopReason: null, stopSequence: null }
    return {
      ...(result ?? this.endWithout(null)),
      outcome: 'succeeded',
      error: null,
      result: this.#blocks.text,
      structuredOutput: this.#output ?? null,
      stopReason,
      stopSequence,
      numTurns: 1,
      usage: toUsage(this.#streamUsage),
      model: this.#model,
    }
  }

  /** The end of a run without a result of the CLI: it was cancelled, or its process is gone. */
  endWithout(error: AppError | null): RunEnd {
    return {
      ...endOfRun({ sessionId: this.context.sessionId, model: this.#model }, error),
      ...(this.#mcpServers.length === 0 ? {} : { mcpServers: this.#mcpServers }),
      ...(this.#compactions === 0 ? {} : { compactions: this.#compactions }),
    }
  }
}

/** A message that this version of the SDK has no type for: the CLI may be newer. It is skipped. */
function unreachable(_message: never): RunEvent[] {
  return []
}
