// Builds the results of the tools: text for the model that called, and the same facts as data. Pure.
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import type { ApprovalRequest, RunEnd } from '../../core/events.ts'
import { runFailure } from '../../core/runs.ts'
import type { SessionInfo } from '../../core/sessions.ts'
import type { Page, RunRecord } from '../../core/store.ts'
import type { AppError } from '../../errors.ts'
import { toErrorText, toResultError } from './errors.ts'
import type { RunResult, SessionsResult } from './schemas.ts'

const nothing: RunResult = {
  run_id: null,
  status: null,
  session_id: null,
  result: null,
  structured_output: null,
  model: null,
  cost_usd: null,
  usage: null,
  num_turns: null,
  duration_ms: null,
  stop_reason: null,
  permission_denials: [],
  pending: [],
  error: null,
}

function toUsage({ usage }: RunEnd): RunResult['usage'] {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_input_tokens: usage.cacheReadInputTokens,
    cache_creation_input_tokens: usage.cacheCreationInputTokens,
  }
}

/** `keepsSession`: whether the conversation can be continued. */
function fromEnd(end: RunEnd, runId: string, keepsSession: boolean): RunResult {
  return {
    ...nothing,
    run_id: runId,
    status: end.outcome,
    session_id: keepsSession && end.sessionId !== '' ? end.sessionId : null,
    result: end.result,
    structured_output: end.structuredOutput,
    model: end.model === '' ? null : end.model,
    cost_usd: end.costUsd,
    usage: toUsage(end),
    num_turns: end.numTurns,
    duration_ms: end.durationMs,
    stop_reason: end.stopReason,
    permission_denials: end.permissionDenials.map(({ toolName, input }) => ({
      tool_name: toolName,
      tool_input: input,
    })),
    error: end.outcome === 'succeeded' ? null : toResultError(runFailure(end, runId)),
  }
}

const toPending = (approval: ApprovalRequest): RunResult['pending'][number] => ({
  request_id: approval.requestId,
  type: approval.kind === 'question' ? 'question' : 'permission_request',
  tool_name: approval.toolName,
  description: approval.description,
  input: approval.input,
})

/** What is known of a stored run. Its record has a session only if the conversation can be continued. */
export function fromRecord(record: RunRecord): RunResult {
  const { id, end, status, sessionId, model, pending } = record
  const known = end === null ? { ...nothing, run_id: id, model } : fromEnd(end, id, false)
  return {
    ...known,
    status,
    session_id: sessionId,
    pending: (pending as ApprovalRequest[]).map(toPending),
  }
}

const text = (value: string) => ({ type: 'text' as const, text: value })

/** The answer comes first. The ids follow for models that are not shown the data. */
export function toAnswer(end: RunEnd, runId: string, keepsSession: boolean): CallToolResult {
  const result = fromEnd(end, runId, keepsSession)
  const answer = end.structuredOutput === null ? end.result : JSON.stringify(end.structuredOutput)
  const ids = result.session_id === null ? [] : [text(`session_id: ${result.session_id}\nrun_id: ${runId}`)]
  return { content: [text(answer), ...ids], structuredContent: result }
}

/** A failed run is no failed question about it: the error is in the data. */
export function toStatus(record: RunRecord): CallToolResult {
  const result = fromRecord(record)
  const lines = [`status: ${record.status}`]
  if (result.session_id !== null) lines.push(`session_id: ${result.session_id}`)
  if (result.error !== null) lines.push(`error: ${result.error.message} (${result.error.code})`)
  for (const { request_id: id, tool_name: name } of result.pending) lines.push(`waits for a person: ${name} (${id})`)
  const answer = result.result ? [text(result.result)] : []
  return { content: [text(lines.join('\n')), ...answer], structuredContent: result }
}

/** A background run that has only just been accepted. */
export function toAccepted(record: RunRecord): CallToolResult {
  const words = `The run goes on in the background. Ask the tool run_status for its result.\nrun_id: ${record.id}`
  return { content: [text(words)], structuredContent: fromRecord(record) }
}

/**
 * `hasRunResult`: whether the tool returns a RunResult; what it returns must match its schema, errors too. `keepsSession`: whether
 * the conversation can be continued.
 */
export function toFailure(
  error: AppError,
  { hasRunResult, keepsSession }: { hasRunResult: boolean; keepsSession: boolean },
): CallToolResult {
  const { runId = null, sessionId = null, costUsd = null } = error.details
  const failed = error.code === 'cancelled' ? 'cancelled' : 'failed'
  const data: RunResult = {
    ...nothing,
    run_id: runId === null ? null : String(runId),
    status: runId === null ? null : failed,
    session_id: keepsSession ? sessionId : null,
    cost_usd: costUsd,
    error: toResultError(error),
  }
  return {
    content: [text(toErrorText(error))],
    isError: true,
    ...(hasRunResult ? { structuredContent: data } : {}),
  }
}

/** `holder`: the run that is using a session. */
export function toSessions(page: Page<SessionInfo>, holder: (id: string) => string | null): CallToolResult {
  const sessions = page.items.map(({ id, title, cwd, updatedAtMs }) => ({
    session_id: id,
    title,
    cwd,
    updated_at: new Date(updatedAtMs).toISOString(),
    running: holder(id),
  }))
  const result: SessionsResult = { sessions, next_cursor: page.nextCursor }
  return { content: [text(JSON.stringify(result))], structuredContent: result }
}
