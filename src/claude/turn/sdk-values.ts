// Values inside SDK messages, as the core has them: usage, cost, texts, thinking. Pure. Which message means what is decided in
// from-sdk.ts.
import type { SDKAssistantMessage, SDKMessage, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk'
import type { RunEnd, RunEvent, Usage } from '../../core/events.ts'
import { fieldsOf, isObject } from '../../platform/json.ts'
import { estimateCost } from '../sessions/prices.ts'

type ContentBlock = SDKAssistantMessage['message']['content'][number]

/** A field of results that the SDK's types leave out. */
type PerTurnFigures = { model_usage_since_last_result?: unknown }

type ThinkingBlock = Extract<ContentBlock, { type: 'thinking' | 'redacted_thinking' }>

export function wholeThinking(index: number, block: ThinkingBlock): RunEvent[] {
  const content: RunEvent[] =
    block.type === 'redacted_thinking'
      ? [{ type: 'thinking-redacted', index, data: block.data }]
      : [
          { type: 'thinking-delta', index, text: block.thinking },
          { type: 'thinking-signature', index, signature: block.signature },
        ]
  return [{ type: 'thinking-start', index }, ...content, { type: 'thinking-end', index }]
}

export function plainText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .flatMap((block: { type?: string; text?: string }) => (block.type === 'text' ? [block.text ?? ''] : []))
    .join('\n')
}

/** Another CLI may leave it out. */
export function toUsage(usage: unknown): Usage {
  const raw = fieldsOf(usage)
  const count = (name: string) => (typeof raw[name] === 'number' ? raw[name] : 0)
  return {
    inputTokens: count('input_tokens'),
    outputTokens: count('output_tokens'),
    cacheReadInputTokens: count('cache_read_input_tokens'),
    cacheCreationInputTokens: count('cache_creation_input_tokens'),
    raw,
  }
}

/** What has another form counts as not reported: budgets count it. */
const isCost = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0

/**
 * What this turn cost; the result's own total counts everything since the process or the session started. A CLI that does not report it
 * reports the usage: at list prices, that is an estimate.
 */
export function turnCost(result: SDKResultMessage, model: string): Pick<RunEnd, 'costUsd' | 'costIsEstimated'> {
  const perModel = (result as SDKResultMessage & PerTurnFigures).model_usage_since_last_result
  const costs = isObject(perModel) ? Object.values(perModel).map((each) => fieldsOf(each).costUSD) : null
  if (costs?.every(isCost)) return { costUsd: costs.reduce((sum, cost) => sum + cost, 0) }
  const costUsd = estimateCost(model, result.usage)
  return costUsd === null ? { costUsd } : { costUsd, costIsEstimated: true }
}

/** What a message says about what the CLI does beside the answer: work in the background, a summary of the conversation. */
export function activityEvents(message: Extract<SDKMessage, { type: 'system' }>): RunEvent[] {
  switch (message.subtype) {
    case 'task_started': {
      const { task_id: taskId, tool_use_id: toolId = null, task_type: kind = null, description } = message
      return [{ type: 'task-start', taskId, toolId, kind, description, background: message.is_backgrounded === true }]
    }
    case 'task_progress': {
      const { task_id: taskId, description, usage, last_tool_name: lastTool = null } = message
      const { total_tokens: totalTokens, tool_uses: toolUses, duration_ms: durationMs } = usage
      return [{ type: 'task-progress', taskId, description, lastTool, totalTokens, toolUses, durationMs }]
    }
    case 'task_notification':
      return [{ type: 'task-end', taskId: message.task_id, status: message.status, summary: message.summary }]
    case 'status':
      return message.status === 'compacting' ? [{ type: 'compact-start' }] : []
    case 'compact_boundary': {
      const { trigger, pre_tokens: tokensBefore } = message.compact_metadata
      return [{ type: 'compact-end', trigger, tokensBefore }]
    }
    default:
      return []
  }
}
