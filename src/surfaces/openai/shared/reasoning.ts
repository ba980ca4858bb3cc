// Reads how much the model should think and whether the caller wants to see it, from the several fields that clients
// use for it.
import { type Effort, noPlainOptions, type Thinking } from '../../../core/agent.ts'
import type { ChatRequest } from '../chat/schemas.ts'

type RequestedEffort = NonNullable<ChatRequest['reasoning_effort']>

export const efforts: Record<RequestedEffort, Effort | null> = {
  none: null,
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
}

export type Reasoning = { effort: Effort | null; thinking: Thinking; isShown: boolean }

export function readReasoning(body: ChatRequest): Reasoning {
  const effort = body.reasoning_effort ?? body.reasoning?.effort ?? null
  const isOff = effort === 'none' || body.thinking?.type === 'disabled'
  const isRequested = Boolean(effort ?? body.reasoning ?? body.thinking) || body.include_reasoning === true
  const isShown = isRequested && !isOff && body.reasoning?.exclude !== true && body.include_reasoning !== false
  return {
    effort: effort === null ? null : efforts[effort],
    thinking: { ...noPlainOptions.thinking, isOff, display: isShown ? 'summarized' : null },
    isShown,
  }
}
