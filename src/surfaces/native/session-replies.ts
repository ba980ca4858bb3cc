// Translates sessions into the native API's answers. Pure functions.
import type { SessionBlock as Block, SessionInfo, SessionMessage } from '../../core/sessions.ts'
import type { Page, SessionFacts, UsageSum } from '../../core/store.ts'
import type { MessageList, SessionBlock, SessionReply, SessionSummary } from './session-reply-schemas.ts'

/** What the server knows about a session beyond the CLI's own file. */
export type SessionExtras = { facts: SessionFacts | null; runId: string | null; usage: UsageSum | null }

const toTime = (ms: number) => new Date(ms).toISOString()
const toTimeOrNull = (ms: number | null) => (ms === null ? null : toTime(ms))

export function toSummary(session: SessionInfo, { facts, runId }: Omit<SessionExtras, 'usage'>): SessionSummary {
  return {
    session_id: session.id,
    title: session.title,
    first_prompt: session.firstPrompt,
    cwd: session.cwd,
    created_at: toTimeOrNull(session.createdAtMs),
    updated_at: toTime(session.updatedAtMs),
    model: facts?.model ?? null,
    running: runId,
  }
}

export function toSessionReply(session: SessionInfo, extras: SessionExtras): SessionReply {
  const { usage } = extras
  return {
    ...toSummary(session, extras),
    cost_usd: usage?.costUsd ?? null,
    usage: usage === null ? null : toUsage(usage),
    resume_command: resumeCommand(session),
  }
}

function toUsage(usage: UsageSum): SessionReply['usage'] {
  return {
    runs: usage.runs,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_input_tokens: usage.cacheReadInputTokens,
    cache_creation_input_tokens: usage.cacheCreationInputTokens,
  }
}

/**
 * The command that continues the session in a terminal. Quotes make a control character in the folder's name harmless
 * to the shell, but not to the terminal that the command is pasted into.
 */
export function resumeCommand({ id, cwd }: Pick<SessionInfo, 'id' | 'cwd'>): string | null {
  if (cwd === null) return `claude --resume ${id}`
  if (/\p{Cc}/u.test(cwd)) return null
  return `cd '${cwd.replaceAll("'", `'\\''`)}' && claude --resume ${id}`
}

export function toMessageList({ items, nextCursor }: Page<SessionMessage>): MessageList {
  const messages = items.map(({ id, role, createdAtMs, content }) => ({
    id,
    role,
    created_at: toTimeOrNull(createdAtMs),
    content: content.map(toBlock),
  }))
  return { messages, next_cursor: nextCursor }
}

function toBlock(block: Block): SessionBlock {
  switch (block.type) {
    case 'text':
    case 'other':
      return block
    case 'thinking':
      return { type: 'thinking', thinking: block.text }
    case 'tool-use':
      return { type: 'tool_use', id: block.toolId, name: block.name, input: block.input }
    case 'tool-result': {
      const content = block.content.map(toBlock)
      return { type: 'tool_result', tool_use_id: block.toolId, is_error: block.isError, content }
    }
    case 'compaction':
      return {
        type: 'compact_boundary',
        trigger: block.trigger,
        pre_tokens: block.preTokens,
        summary: block.summary,
      }
    case 'image':
    case 'document':
      return { type: block.type, media_type: block.mediaType, bytes: block.bytes }
  }
}
