// What a failure reported by the CLI means to a caller: maps the CLI's own classes and the API's status to our codes.
// The texts are the CLI's, masked. What only a text says is read here and carried as a detail: nothing else may compare
// texts.
import type {
  SDKAssistantMessage,
  SDKAssistantMessageError,
  SDKInformationalMessage,
  SDKResultMessage,
  SDKResultSuccess,
} from '@anthropic-ai/claude-agent-sdk'
import { AppError, type ErrorCode, type ErrorDetails } from '../../errors.ts'
import { ownCommand } from '../../platform/installation.ts'
import { maskSecrets } from '../../platform/redact.ts'

/** What is known about a failed turn besides its result. */
export type FailureClues = {
  /** The class that the CLI gave the synthetic message that replaces the answer. */
  kind: SDKAssistantMessageError | null
  upstreamStatus: number | null
  /** Seconds until a limit is over, from the CLI's notice of it or from the delay that the CLI had planned. */
  retryAfterS: number | null
  /** Whether the CLI says that the prompt is too long, by its own estimate or as the API told it. */
  isTooLong?: boolean
}

const loginHint = () => `Run ${ownCommand('login')} in a terminal, or set ANTHROPIC_API_KEY for the server.`

/** The CLI names a command of its own window, which is no help to the caller of an API. */
const ownHint = /\s*·\s*Please run \/login\b\.?/

const codeByKind: Record<SDKAssistantMessageError, ErrorCode> = {
  authentication_failed: 'claude_not_logged_in',
  oauth_org_not_allowed: 'claude_not_logged_in',
  account_on_hold: 'claude_not_logged_in',
  verification_required: 'claude_not_logged_in',
  cloud_credential_error: 'claude_not_logged_in',
  billing_error: 'claude_failed',
  rate_limit: 'rate_limited',
  overloaded: 'overloaded',
  invalid_request: 'invalid_request',
  model_not_found: 'model_not_found',
  server_error: 'claude_failed',
  max_output_tokens: 'claude_failed',
  unknown: 'claude_failed',
}

function codeOf(kind: SDKAssistantMessageError | null, status: number | null): ErrorCode {
  if (status === 529) return 'overloaded'
  if (status === 429) return 'rate_limited'
  if (status === 413) return 'body_too_large'
  if (status === 400 && (kind === null || kind === 'unknown')) return 'invalid_request'
  return codeByKind[kind ?? 'unknown']
}

/**
 * The API says in words only that a plan does not cover a request, such as one of another program than the CLI's own window, under any
 * status of a refusal.
 */
const notInPlan = /\bextra usage\b|\bthird-party (apps?|harness|use)\b/i

const isNotInPlan = (text: string, { kind, upstreamStatus }: FailureClues) =>
  notInPlan.test(text) && kind !== 'rate_limit' && [400, 402, 403].includes(upstreamStatus ?? 0)

const planHint =
  'Enable or buy extra usage in the settings of your Claude account, or set ANTHROPIC_API_KEY for the server.'

/** What to do, for codes whose text does not say it. */
const hints: Partial<Record<ErrorCode, () => string>> = {
  claude_not_logged_in: loginHint,
  extra_usage_required: () => planHint,
}

/** Seconds to wait if the upstream does not specify them. */
const retryAfterGuessS: Partial<Record<ErrorCode, number>> = { rate_limited: 30, overloaded: 5 }

/** A reason that surfaces have a code of their own for. The API gives a prompt that is too long no class of its own. */
function reasonOf(code: ErrorCode, text: string, clues: FailureClues): string | null {
  const { kind, upstreamStatus } = clues
  if (kind === 'billing_error') return kind
  const isTooLong =
    clues.isTooLong === true ||
    (code === 'invalid_request' && upstreamStatus !== null && /prompt is too long/i.test(text))
  return isTooLong ? 'prompt_too_long' : null
}

/** A failure of the model's API, as reported by the CLI. */
export function upstreamFailure(text: string, clues: FailureClues): AppError {
  const code = isNotInPlan(text, clues) ? 'extra_usage_required' : codeOf(clues.kind, clues.upstreamStatus)
  const reason = reasonOf(code, text, clues)
  const message = maskSecrets(text).replace(ownHint, '') || 'Claude Code failed without giving a reason.'
  const retryAfterS = clues.retryAfterS ?? retryAfterGuessS[code]
  const details: ErrorDetails = {
    ...(reason === null ? {} : { reason }),
    ...(clues.upstreamStatus === null ? {} : { upstreamStatus: clues.upstreamStatus }),
    ...(retryAfterS !== undefined && code in retryAfterGuessS ? { retryAfterS } : {}),
  }
  const hint = hints[code]?.()
  return new AppError(code, hint === undefined ? message : `${message.replace(/\.$/, '')}. ${hint}`, details)
}

/**
 * The failure that a result reports; null if the run succeeded. The subtype `success` alone does not show that: see
 * `is_error`.
 */
export function resultFailure(result: SDKResultMessage, clues: FailureClues): AppError | null {
  if (result.subtype === 'success')
    return result.is_error ? upstreamFailure(result.result, withStatus(result, clues)) : null
  const text = result.errors.filter((line) => !line.startsWith('[ede_diagnostic]')).join('; ')
  const details: ErrorDetails = { reason: result.subtype }
  switch (result.subtype) {
    case 'error_max_budget_usd':
      return new AppError('budget_exceeded', text || 'The budget of this request is used up.', details)
    case 'error_max_turns':
      return new AppError(
        'claude_failed',
        `${text || 'The turns of this request are used up'}. Set a higher max_turns.`,
        details,
      )
    case 'error_max_structured_output_retries':
      return new AppError(
        'claude_failed',
        'The model repeatedly returned no answer that matches the requested JSON Schema.',
        details,
      )
    case 'error_during_execution':
      return upstreamFailure(text || 'Claude Code stopped in the middle of the answer.', clues)
  }
}

function withStatus(result: SDKResultSuccess, clues: FailureClues): FailureClues {
  const { api_error_status: status, terminal_reason: ending } = result
  const isTooLong = ending === 'prompt_too_long' || ending === 'blocking_limit'
  return { ...clues, upstreamStatus: status ?? clues.upstreamStatus, isTooLong }
}

/** The words of the hook that has blocked the prompt; null if this is about something else. Not in the SDK's types. */
export function blockingHook(message: SDKInformationalMessage): string | null {
  const { prompt_submit_outcome: outcome } = message as { prompt_submit_outcome?: { kind?: string; reason?: string } }
  return outcome?.kind?.endsWith('_by_hook') ? maskSecrets(outcome.reason || 'it gave no reason.') : null
}

/**
 * The failure if the model's API has refused a picture or a document; null if this is about something else. The CLI removes it and
 * repeats the request. Not in the SDK's types.
 */
export function refusedMedia(message: SDKAssistantMessage): AppError | null {
  const { api_error: error, api_error_params: params } = message as {
    api_error?: string
    api_error_params?: MediaError
  }
  if (error !== 'media_removed') return null
  const what = params?.media === 'image' ? 'a picture' : 'a document'
  const text = `The model's API could not process ${what} of the conversation (${params?.media_reason ?? 'unknown reason'}).`
  return new AppError('invalid_request', text, { reason: 'invalid_media', upstreamStatus: 400 })
}

type MediaError = { media?: string; media_reason?: string }

/** The process ended, or became unusable, in the middle of a turn. */
export function processFailure(what: string, facts: { code: number | null; stderr: string }): AppError {
  return new AppError('claude_failed', `Claude Code ${what}.`, {
    returncode: facts.code,
    stderr: facts.stderr.slice(-2000),
  })
}

/** The CLI does not know a control request. */
export class UnsupportedRequest extends Error {}

/** The process is gone, or did not answer in time: this says nothing about what its CLI can do. */
export class SilentProcess extends Error {}

/** The CLI reports an unknown control request in words only. */
export const controlFailure = (error: unknown): unknown =>
  error instanceof Error && /Unsupported control request/.test(error.message)
    ? new UnsupportedRequest(error.message)
    : error
