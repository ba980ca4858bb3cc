// How much the model is to think, and whether the caller wants to see it: several surfaces' ways of saying so.
import { type Effort, noPlainOptions, type Thinking } from '../../../core/agent.ts'
import type { ChatRequest } from '../chat/schemas.ts'

type AskedEffort = NonNullable<ChatRequest['reasoning_effort']>

export const efforts: Record<AskedEffort, Effort | null> = {
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
  const asked = body.reasoning_effort ?? body.reasoning?.effort ?? null
  const isOff = asked === 'none' || body.thinking?.type === 'disabled'
  const isAsked = Boolean(asked ?? body.reasoning ?? body.thinking) || body.include_reasoning === true
  const isShown = isAsked && !isOff && body.reasoning?.exclude !== true && body.include_reasoning !== false
  return {
    effort: asked === null ? null : efforts[asked],
    thinking: { ...noPlainOptions.thinking, isOff, display: isShown ? 'summarized' : null },
    isShown,
  }
}
