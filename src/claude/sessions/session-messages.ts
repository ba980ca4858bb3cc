// Turns the content of a conversation's file into the messages that a person would recognize: joins the lines of one
// answer, leaves out what the CLI wrote for itself, and reduces data to its type and size. Pure.
import type { SessionMessage as SdkMessage } from '@anthropic-ai/claude-agent-sdk'
import type { SessionBlock, SessionMessage } from '../../core/sessions.ts'
import type { Compaction } from './compactions.ts'

/** The SDK also returns these fields, which it does not declare. */
type Line = SdkMessage & { timestamp?: unknown; is_meta?: unknown; isSidechain?: unknown; isCompactSummary?: unknown }

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const textOr = (value: unknown, other: string) => (typeof value === 'string' ? value : other)

/** The model's name in messages that the CLI itself wrote: "No response requested.", errors of the API. */
const synthetic = '<synthetic>'

function isShown({ type, message, parent_tool_use_id, is_meta, isSidechain }: Line): boolean {
  if (type !== 'user' && type !== 'assistant') return false
  if (parent_tool_use_id !== null || is_meta === true || isSidechain === true) return false
  return isObject(message) && message.model !== synthetic
}

/** `compactions` has the lines at which the CLI compacted, by their ids. */
export function toSessionMessages(
  lines: readonly SdkMessage[],
  compactions: ReadonlyMap<string, Compaction> = new Map(),
): SessionMessage[] {
  const messages: SessionMessage[] = []
  let answerId: unknown
  for (const line of lines as readonly Line[]) {
    const compaction = compactions.get(line.uuid)
    if (compaction !== undefined) messages.push(toMark(line, compaction))
    if (line.isCompactSummary === true) addSummary(messages.at(-1), line.message)
    if (!isShown(line)) continue
    const message = line.message as Fields
    const content = toBlocks(message.content)
    const last = messages.at(-1)
    // The CLI writes each block of an answer as a line of its own.
    if (
      line.type === 'assistant' &&
      last?.role === 'assistant' &&
      message.id !== undefined &&
      message.id === answerId
    ) {
      last.content.push(...content)
      continue
    }
    answerId = message.id
    const role = line.type === 'assistant' ? 'assistant' : 'user'
    messages.push({ id: line.uuid, role, createdAtMs: toMs(line.timestamp), content })
  }
  return messages
}

function toMark({ uuid, timestamp }: Line, compaction: Compaction): SessionMessage {
  const content: SessionBlock[] = [{ type: 'compaction', ...compaction, summary: null }]
  return { id: uuid, role: 'system', createdAtMs: toMs(timestamp), content }
}

/** The summary is a message to the model. A person reads it at the mark. */
function addSummary(mark: SessionMessage | undefined, message: unknown): void {
  const [block] = mark?.content ?? []
  if (block?.type !== 'compaction' || !isObject(message)) return
  const texts = toBlocks(message.content).flatMap((each) => (each.type === 'text' ? [each.text] : []))
  block.summary = texts.join('\n')
}

function toMs(timestamp: unknown): number | null {
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

function toBlocks(content: unknown): SessionBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return Array.isArray(content) ? content.filter(isObject).map(toBlock) : []
}

function toBlock(block: Fields): SessionBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: textOr(block.text, '') }
    case 'thinking':
      return { type: 'thinking', text: textOr(block.thinking, '') }
    case 'tool_use':
      return { type: 'tool-use', toolId: textOr(block.id, ''), name: textOr(block.name, ''), input: block.input ?? {} }
    case 'tool_result': {
      const toolId = textOr(block.tool_use_id, '')
      return { type: 'tool-result', toolId, isError: block.is_error === true, content: toBlocks(block.content) }
    }
    case 'image':
    case 'document':
      return { type: block.type, ...toMedia(block.source) }
    default:
      return { type: 'other', name: textOr(block.type, 'unknown') }
  }
}

function toMedia(source: unknown): { mediaType: string | null; bytes: number | null } {
  if (!isObject(source)) return { mediaType: null, bytes: null }
  const mediaType = typeof source.media_type === 'string' ? source.media_type : null
  if (typeof source.data !== 'string') return { mediaType, bytes: null }
  return { mediaType, bytes: Buffer.byteLength(source.data, source.type === 'base64' ? 'base64' : 'utf8') }
}
