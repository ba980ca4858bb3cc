// Builds the native API's answers for a stored run and for usage sums. Pure.
import type { ApprovalRequest } from '../../core/events.ts'
import { runFailure } from '../../core/runs.ts'
import type { AnswerSums } from '../../core/sessions.ts'
import type { RunRecord, UsageSum } from '../../core/store.ts'
import { toApprovalEvent } from './events.ts'
import type { RunReply, UsageReply } from './reply-schemas.ts'
import { toErrorBody } from './translate.ts'

const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

export function toRunReply(record: RunRecord): RunReply {
  const { end } = record
  return {
    id: record.id,
    surface: record.surface,
    status: record.status,
    session_id: record.sessionId,
    model: record.model,
    cwd: record.cwd,
    background: record.background,
    metadata: record.metadata,
    created_at: new Date(record.createdAtMs).toISOString(),
    started_at: timeOf(record.startedAtMs),
    ended_at: timeOf(record.endedAtMs),
    pending: (record.pending as ApprovalRequest[]).map(toApprovalEvent),
    result: end?.result ?? null,
    structured_output: end?.structuredOutput ?? null,
    cost_usd: end?.costUsd ?? null,
    usage: end?.usage.raw ?? null,
    num_turns: end?.numTurns ?? null,
    duration_ms: end?.durationMs ?? null,
    stop_reason: end?.stopReason ?? null,
    error: errorOf(record),
  }
}

function errorOf({ id, end }: RunRecord): RunReply['error'] {
  if (end === null || end.outcome === 'succeeded') return null
  const { request_id: _, ...body } = toErrorBody(runFailure(end, id), '')
  return { message: body.error, ...body }
}

type Sums = Omit<UsageSum, 'group'>

export const toTokenSums = (sum: Omit<AnswerSums, 'costUsd'>) => ({
  input_tokens: sum.inputTokens,
  output_tokens: sum.outputTokens,
  cache_read_input_tokens: sum.cacheReadInputTokens,
  cache_creation_input_tokens: sum.cacheCreationInputTokens,
  cache_read_share: cacheReadShare(sum),
})

/** `inputTokens` are those that have nothing to do with the cache. */
function cacheReadShare(sum: Omit<AnswerSums, 'costUsd'>): number | null {
  const total = sum.inputTokens + sum.cacheReadInputTokens + sum.cacheCreationInputTokens
  return total === 0 ? null : sum.cacheReadInputTokens / total
}

const toSums = (sum: Sums) => ({ runs: sum.runs, ...toTokenSums(sum), cost_usd: sum.costUsd })

const noUsage: Sums = {
  runs: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  costUsd: 0,
}

const add = (a: Sums, b: Sums): Sums => ({
  runs: a.runs + b.runs,
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
  cacheCreationInputTokens: a.cacheCreationInputTokens + b.cacheCreationInputTokens,
  costUsd: a.costUsd + b.costUsd,
})

export function toUsageReply(
  { fromMs, toMs, groupBy }: { fromMs: number; toMs: number; groupBy: UsageReply['group_by'] },
  sums: readonly UsageSum[],
): UsageReply {
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    group_by: groupBy,
    groups: sums.map((sum) => ({ group: sum.group, ...toSums(sum) })),
    total: toSums(sums.reduce(add, noUsage)),
  }
}
