// Translates ended runs into the native surface's replies, and errors into bodies. Pure functions. Bodies become run requests
// in compat/agent-run.ts.
import type { RunEnd } from '../../core/events.ts'
import type { AppError, ErrorDetails } from '../../errors.ts'
import type { ChatReply, ErrorBody } from './reply-schemas.ts'

export function toReply(end: RunEnd, runId: string): ChatReply {
  return {
    result: end.result,
    session_id: end.sessionId,
    cost_usd: end.costUsd,
    cost_is_estimated: end.costIsEstimated === true,
    usage: end.usage.raw,
    model: end.model,
    run_id: runId,
    num_turns: end.numTurns,
    duration_ms: end.durationMs,
    stop_reason: end.stopReason,
    structured_output: end.structuredOutput,
    mcp_servers: end.mcpServers ?? [],
    compactions: end.compactions ?? 0,
    permission_denials: end.permissionDenials.map(({ toolName, toolId, input }) => ({
      tool_name: toolName,
      tool_use_id: toolId,
      tool_input: input,
    })),
  }
}

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const toDetails = (details: ErrorDetails) =>
  Object.fromEntries(Object.entries(details).map(([name, value]) => [snakeCase(name), value]))

/** Details that an error body repeats at the top level. */
const topLevelDetails = ['run_id', 'session_id', 'cost_usd', 'stderr', 'returncode', 'upstream_status']

/** `runId`: the run that the request has started, which may have been refused before it knew itself. */
export function toErrorBody(error: AppError, requestId: string, runId: string | null = null): ErrorBody {
  const details: Record<string, unknown> = { ...(runId === null ? {} : { run_id: runId }), ...toDetails(error.details) }
  const topLevel = Object.fromEntries(
    topLevelDetails.filter((name) => name in details).map((name) => [name, details[name]]),
  )
  return { error: error.message, code: error.code, request_id: requestId, details, ...topLevel }
}
