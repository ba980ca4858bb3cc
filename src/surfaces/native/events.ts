// Turns a run's events into the events of the native stream, numbered from 1. The same run always produces the same
// numbers, so a reader can reconnect and continue after any event. Pure.
import type { ApprovalRequest, RunEvent } from '../../core/events.ts'
import { runFailure } from '../../core/runs.ts'
import type { AppError } from '../../errors.ts'
import type { Frame } from '../../http/sse.ts'
import type { StreamEncoder } from '../../http/stream-run.ts'
import { parseInput } from '../../platform/json.ts'
import type { ChatEvent } from './reply-schemas.ts'
import { toErrorBody, toReply } from './translate.ts'

export type EventView = {
  runId: string
  requestId: string
  /** Whether to include thinking, tool calls and status events (`"events": "full"`). */
  isFull: boolean
}

/**
 * What the next server adds is numbered from the next multiple of this on: the dead one may have sent more events than it
 * could store, and whoever has read them continues after their numbers.
 */
const lifeStep = 1_000_000

export class NativeEvents implements StreamEncoder {
  readonly #view: EventView
  #id = 0
  /** Tool calls whose input is still arriving, by the index of their block. */
  readonly #calls = new Map<number, { id: string; name: string; json: string }>()

  constructor(view: EventView) {
    this.#view = view
  }

  toFrames(event: RunEvent): Frame[] {
    return this.#number(this.#toEvents(event))
  }

  toErrorFrames(error: AppError): Frame[] {
    return this.#number([this.#error(error)])
  }

  #number(events: readonly ChatEvent[]): Frame[] {
    return events.map((event) => ({ id: ++this.#id, data: JSON.stringify(event) }))
  }

  #toEvents(event: RunEvent): ChatEvent[] {
    switch (event.type) {
      case 'run-start':
        return [{ type: 'start', session_id: event.sessionId, model: event.model, run_id: event.runId }]
      case 'restart':
        this.#skipToNextLife()
        return [{ type: 'restart' }]
      case 'text-delta':
        return [{ type: 'delta', text: event.text }]
      case 'ask':
        return [toApprovalEvent(event)]
      case 'run-end':
        if (event.error?.code === 'interrupted') this.#skipToNextLife()
        return [this.#end(event)]
      default:
        return this.#view.isFull ? this.#toFullEvents(event) : []
    }
  }

  #skipToNextLife(): void {
    this.#id = Math.ceil((this.#id + 1) / lifeStep) * lifeStep
  }

  #end(end: Extract<RunEvent, { type: 'run-end' }>): ChatEvent {
    const { runId } = this.#view
    return end.outcome === 'succeeded' ? { type: 'done', ...toReply(end, runId) } : this.#error(runFailure(end, runId))
  }

  #error(error: AppError): ChatEvent {
    return { type: 'error', ...toErrorBody(error, this.#view.requestId, this.#view.runId) }
  }

  #toFullEvents(event: RunEvent): ChatEvent[] {
    switch (event.type) {
      case 'thinking-delta':
        return [{ type: 'thinking', text: event.text }]
      case 'tool-start':
        this.#calls.set(event.index, { id: event.toolId, name: event.name, json: '' })
        return []
      case 'tool-delta': {
        const call = this.#calls.get(event.index)
        if (call !== undefined) call.json += event.json
        return []
      }
      case 'tool-end':
        return this.#toolUse(event.index)
      case 'tool-result':
        return [{ type: 'tool_result', tool_use_id: event.toolId, is_error: event.isError, text: event.text }]
      case 'ask-answered': {
        const { requestId, behavior, by } = event
        return [{ type: 'status', status: 'answered', request_id: requestId, behavior, by }]
      }
      case 'mcp-servers':
        return [{ type: 'mcp_servers', servers: event.servers }]
      case 'compact-start':
        return [{ type: 'status', status: 'compacting' }]
      case 'compact-end':
        return [{ type: 'status', status: 'compacted', trigger: event.trigger, tokens_before: event.tokensBefore }]
      case 'task-start': {
        const { taskId: task_id, toolId: tool_use_id, kind, description, background } = event
        return [{ type: 'task_started', task_id, tool_use_id, kind, description, background }]
      }
      case 'task-progress': {
        const { taskId: task_id, description, lastTool: last_tool, totalTokens, toolUses, durationMs } = event
        const figures = { total_tokens: totalTokens, tool_uses: toolUses, duration_ms: durationMs }
        return [{ type: 'task_progress', task_id, description, last_tool, ...figures }]
      }
      case 'task-end':
        return [{ type: 'task_ended', task_id: event.taskId, status: event.status, summary: event.summary }]
      case 'retry': {
        const { attempt, delayMs, upstreamStatus } = event
        return [{ type: 'status', status: 'retrying', attempt, delay_ms: delayMs, upstream_status: upstreamStatus }]
      }
      default:
        return []
    }
  }

  /** The CLI tells the model if its input is not valid. */
  #toolUse(index: number): ChatEvent[] {
    const call = this.#calls.get(index)
    this.#calls.delete(index)
    return call === undefined
      ? []
      : [{ type: 'tool_use', id: call.id, name: call.name, input: parseInput(call.json) ?? {} }]
  }
}

export type ApprovalEvent = Extract<ChatEvent, { type: 'permission_request' | 'question' }>

/** An approval that waits for a person's answer, as it appears in the stream and in the run. */
export function toApprovalEvent(approval: ApprovalRequest): ApprovalEvent {
  const { requestId: request_id, toolName: tool_name, toolId: tool_use_id, input, description } = approval
  if (approval.kind === 'question') {
    const questions = Array.isArray(input.questions) ? (input.questions as unknown[]) : []
    return { type: 'question', request_id, tool_use_id, questions }
  }
  return {
    type: 'permission_request',
    request_id,
    tool_name,
    tool_use_id,
    input,
    description,
    blocked_path: approval.blockedPath,
    suggestions: approval.suggestions,
  }
}
