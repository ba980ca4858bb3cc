// Compaction: a conversation is replaced by a summary of it, which one request to the plain model writes and which the
// client keeps as an opaque item. Pure. How such an item is read again is in items.ts.
import { invalidField } from '../../../errors.ts'
import type { InputItem, LocatedItem } from './schemas.ts'

/** How clients name a summary: OpenAI's name, and those of Codex. */
export const compactionTypes: readonly unknown[] = ['compaction', 'compaction_summary', 'context_compaction']

export const triggerType = 'compaction_trigger'

/** The prompt of the request that writes the summary. */
const instruction = `The conversation above will be replaced by a summary of it. Write that summary now, for a model that continues the work and sees nothing else of the conversation.

Include:
- what the user wants, and every instruction, constraint and preference that still holds
- what has been done and decided, and why
- facts that are needed to go on: names, paths, values, identifiers, code, results of tools, errors and how they were solved
- what is unfinished, and the next step

Be precise and complete, but brief. Write the summary only: no greeting, no comment on it, no call of a tool.`

const introduction =
  'Earlier parts of this conversation were replaced by this summary of them. Continue from it without mentioning it.'

/** What the model reads in place of the conversation. */
export const summaryText = (summary: string): string =>
  `${introduction}\n\n<conversation-summary>\n${summary}\n</conversation-summary>`

/** Whether the items request a compaction. Throws `invalid_request` if more items follow that one. */
export function requestsCompaction(items: readonly InputItem[]): boolean {
  const index = items.findIndex(({ type }) => type === triggerType)
  if (index === -1) return false
  if (index < items.length - 1) throw invalidField(`input[${index}]`, 'must be the last item of the input')
  return true
}

/** The conversation, followed by the request for its summary. Throws `invalid_request` if there is no conversation. */
export function summaryRequest(items: readonly LocatedItem[]): LocatedItem[] {
  const conversation = items.filter(({ item }) => item.type !== triggerType)
  if (conversation.length === 0) throw invalidField('input', 'must contain the conversation to compact')
  return [...conversation, { item: { type: 'message', role: 'user', content: instruction }, param: 'input' }]
}

/** What is kept of a conversation beside its summary: instructions, and what the user wrote. */
export const keptItems = (items: readonly InputItem[]): InputItem[] =>
  items.filter(({ type, role }) => (type ?? 'message') === 'message' && role !== 'assistant')

/** A conversation, without what its last summary replaces. */
export function sinceCompaction(items: readonly InputItem[]): InputItem[] {
  const index = items.findLastIndex(({ type }) => compactionTypes.includes(type))
  return index === -1 ? [...items] : [...keptItems(items.slice(0, index)), ...items.slice(index)]
}
