// Translates sessions into the native API's answers. Pure functions.
import type {
  AnswerSums,
  SessionBlock as Block,
  SessionContent,
  SessionInfo,
  SessionMessage,
} from '../../core/sessions.ts'
import type { Page, SessionFacts, UsageSum } from '../../core/store.ts'
import { toTokenSums } from './run-reply.ts'
import type { MessageList, SessionBlock, SessionReply, SessionSummary } from './session-reply-schemas.ts'

/** What is known about a session beyond its description: by the server, and from its whole file. */
export type SessionExtras = {
  facts: SessionFacts | null
  runId: string | null
  usage: UsageSum | null
  content: SessionContent | null
  /** How the CLI that the server uses is called in a terminal. */
  claude: string
}

/** `lastModel` is the model of the last answer in the file. */
type SummaryExtras = Pick<SessionExtras, 'facts' | 'runId'> & { lastModel: string | null }

const toTime = (ms: number) => new Date(ms).toISOString()
const toTimeOrNull = (ms: number | null) => (ms === null ? null : toTime(ms))

export function toSummary(session: SessionInfo, { facts, runId, lastModel }: SummaryExtras): SessionSummary {
  return {
    session_id: session.id,
    title: session.title,
    first_prompt: session.firstPrompt,
    cwd: session.cwd,
    created_at: toTimeOrNull(session.createdAtMs),
    // A file that was copied may be older than what it says.
    updated_at: toTime(Math.max(session.updatedAtMs, session.createdAtMs ?? 0)),
    model: lastModel ?? facts?.model ?? null,
    running: runId,
  }
}

export function toSessionReply(session: SessionInfo, { content, claude, ...extras }: SessionExtras): SessionReply {
  return {
    ...toSummary(session, { ...extras, lastModel: content?.model ?? null }),
    ...toCosts(extras.usage, content),
    compactions: content?.compactions ?? 0,
    resume_command: resumeCommand(session, claude),
  }
}

/**
 * What the server's runs and the answers made in a terminal have used. Only for the latter is the cost estimated, from
 * the usage in the file.
 */
function toCosts(
  runs: UsageSum | null,
  content: SessionContent | null,
): Pick<SessionReply, 'cost_usd' | 'cost_is_estimated' | 'usage'> {
  const others = (runs === null ? content?.all : content?.terminal) ?? null
  if (runs === null && others === null) return { cost_usd: null, cost_is_estimated: false, usage: null }
  const sums = [runs, others].filter((each) => each !== null)
  const add = (pick: (sums: AnswerSums) => number) => sums.reduce((total, each) => total + pick(each), 0)
  const isKnown = sums.every(({ costUsd }) => costUsd !== null)
  return {
    cost_usd: isKnown ? add(({ costUsd }) => costUsd ?? 0) : null,
    cost_is_estimated: isKnown && others !== null,
    usage: {
      runs: runs?.runs ?? 0,
      ...toTokenSums({
        inputTokens: add(({ inputTokens }) => inputTokens),
        outputTokens: add(({ outputTokens }) => outputTokens),
        cacheReadInputTokens: add((each) => each.cacheReadInputTokens),
        cacheCreationInputTokens: add((each) => each.cacheCreationInputTokens),
      }),
    },
  }
}

/**
 * The command that continues the session in a terminal. Quotes make a control character in the folder's name harmless
 * to the shell, but not to the terminal that the command is pasted into.
 */
export function resumeCommand({ id, cwd }: Pick<SessionInfo, 'id' | 'cwd'>, claude = 'claude'): string | null {
  if (cwd === null) return `${claude} --resume ${id}`
  if (/\p{Cc}/u.test(cwd)) return null
  return `cd '${cwd.replaceAll("'", `'\\''`)}' && ${claude} --resume ${id}`
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
