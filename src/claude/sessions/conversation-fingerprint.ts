// The content of a conversation so far, as one word: equal for a process that holds the conversation and a request that
// contains it. Thinking does not count, because few clients send it back; neither does how text is split into blocks.
import { createHash } from 'node:crypto'
import type { AssistantBlock, ConversationMessage, UserBlock } from '../../core/conversation.ts'

type Block = UserBlock | AssistantBlock

function canonical(block: Block): unknown[] {
  switch (block.type) {
    case 'text':
      return block.text === '' ? [] : [block.text]
    case 'thinking':
    case 'redacted_thinking':
      return []
    case 'tool_use':
      return [['tool_use', block.id, block.name, sorted(block.input)]]
    case 'tool_result':
      return [['tool_result', block.tool_use_id, block.is_error === true, block.content.flatMap(canonical)]]
    case 'image':
    case 'document':
      return [[block.type, block.source]]
  }
}

/** Sorts the keys of objects, because clients may send them back in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}

/** Joins adjacent texts into one. */
function merge(parts: unknown[]): unknown[] {
  const merged: unknown[] = []
  for (const part of parts) {
    const last = merged.at(-1)
    if (typeof part === 'string' && typeof last === 'string') merged[merged.length - 1] = last + part
    else merged.push(part)
  }
  return merged
}

/** Of lists that were asked for before: they are not changed, and a long one takes milliseconds. */
const known = new WeakMap<readonly ConversationMessage[], string>()

/** Adjacent messages of one role count as one message. */
export function conversationFingerprint(messages: readonly ConversationMessage[]): string {
  const fingerprint = known.get(messages) ?? fingerprintOf(messages)
  known.set(messages, fingerprint)
  return fingerprint
}

function fingerprintOf(messages: readonly ConversationMessage[]): string {
  const turns: { role: string; parts: unknown[] }[] = []
  for (const { role, content } of messages) {
    const parts = (content as Block[]).flatMap(canonical)
    const last = turns.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else turns.push({ role, parts })
  }
  const flat = turns.map(({ role, parts }) => [role, merge(parts)])
  return createHash('sha256').update(JSON.stringify(flat)).digest('base64url')
}
