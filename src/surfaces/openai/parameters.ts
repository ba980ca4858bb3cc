// Parameters that the CLI has no means for: which are refused, and which are passed over and told as such. At the value that
// they have by default there is nothing to tell.
import type { Effort } from '../../core/agent.ts'
import { AppError } from '../../errors.ts'
import { ChatRequest } from './chat-schemas.ts'
import { invalid } from './errors.ts'

/** Throws `invalid_request` for what would make the answer another than was asked for. */
export function refuseParameters(body: ChatRequest): void {
  if ((body.n ?? 1) > 1) throw invalid('n', 'must be 1: this server gives one answer', 'unsupported_value')
  if (body.logprobs) throw invalid('logprobs', 'cannot be true: the model tells none', 'unsupported_value')
  if ((body.top_logprobs ?? 0) > 0)
    throw invalid('top_logprobs', 'must be 0: the model tells none', 'unsupported_value')
  if (body.modalities?.some((kind) => kind !== 'text')) {
    throw invalid('modalities', 'can only be ["text"]', 'unsupported_value')
  }
}

const isEmpty = (value: unknown) => Object.keys(value as object).length === 0

/** Parameters without an effect, and whether a value is the one that asks for nothing. */
const withoutEffect: Record<string, (value: unknown) => boolean> = {
  temperature: (value) => value === 1,
  top_p: (value) => value === 1,
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  logit_bias: isEmpty,
  seed: () => false,
  verbosity: (value) => value === 'medium',
}

/** Parameters without an effect on the answer: nothing is lost. */
const harmless = new Set([
  'user',
  'safety_identifier',
  'store',
  'service_tier',
  'prediction',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'cache_control',
  'client_metadata',
  'session_id',
])

/** Client tools and limits are the plain model's; an agent works with its own. */
const plainOnly: Record<string, (value: unknown) => boolean> = {
  tools: isEmpty,
  functions: isEmpty,
  stop: (value) => value === '' || isEmpty(value),
  max_tokens: (value) => (value as number) <= 0,
  max_completion_tokens: (value) => (value as number) <= 0,
}

const known = new Set(Object.keys(ChatRequest.shape))

/** A name can be anything a client sends, and this list goes into a header. */
const showable = (name: string) => (/^[\w.[\]-]{1,64}$/.test(name) ? name : '(unknown)')

export function ignoredParameters(body: ChatRequest, isAgent: boolean): string[] {
  const isIgnored = ([name, value]: [string, unknown]) => {
    if (value === null || value === undefined || harmless.has(name)) return false
    const asksNothing = withoutEffect[name] ?? (isAgent ? plainOnly[name] : undefined)
    return asksNothing === undefined ? !known.has(name) : !asksNothing(value)
  }
  const names = Object.entries(body).filter(isIgnored)
  return [...new Set(names.map(([name]) => showable(name)))].slice(0, 30)
}

/** For callers that would rather be refused than be passed over. */
export function refuseIgnored(ignored: readonly string[]): void {
  const [first] = ignored
  if (first === undefined) return
  throw new AppError('invalid_request', `${first} cannot be honoured by this server (x-claude-serve-strict)`, {
    field: first,
    openaiCode: 'unsupported_parameter',
  })
}

type AskedEffort = NonNullable<ChatRequest['reasoning_effort']>

const efforts: Record<AskedEffort, Effort> = {
  none: 'none',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
}

/** How much the model is to think, and whether the caller wants to see it: several dialects' ways of saying so. */
export function readReasoning(body: ChatRequest): { effort: Effort | null; isShown: boolean } {
  const asked = body.reasoning_effort ?? body.reasoning?.effort ?? null
  const isOff = asked === 'none' || body.thinking?.type === 'disabled' || body.reasoning?.exclude === true
  const isAsked = Boolean(asked ?? body.reasoning ?? body.thinking) || body.include_reasoning === true
  const effort = asked === null ? null : efforts[asked]
  return {
    effort: effort ?? (body.thinking?.type === 'disabled' ? 'none' : null),
    isShown: isAsked && !isOff && body.include_reasoning !== false,
  }
}
