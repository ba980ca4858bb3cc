// Completes items for lists: each has a unique id, a type, a status and parts, even if it was sent without them. Pure.
import type { InputItem } from './schemas.ts'

export type ListedItem = InputItem & { id: string }

/** `idOf` makes the id of an item that has none of its own, from its position. */
export function toListed(items: readonly InputItem[], idOf: (index: number) => string): ListedItem[] {
  const ids = new Set<unknown>()
  return items.map((item, index) => {
    const hasUniqueId = typeof item.id === 'string' && item.id !== '' && !ids.has(item.id)
    const id = hasUniqueId ? String(item.id) : idOf(index)
    ids.add(id)
    return toListedItem(item, id)
  })
}

export const toListedItem = (item: InputItem, id: string): ListedItem =>
  withParts({ ...item, type: item.type ?? 'message', status: item.status ?? 'completed', id })

function withParts(item: ListedItem): ListedItem {
  if (item.type !== 'message') return item
  const type = item.role === 'assistant' ? 'output_text' : 'input_text'
  const parts = typeof item.content === 'string' ? [{ type, text: item.content }] : (item.content as { type: string }[])
  return { ...item, content: parts.map((part) => (part.type === 'output_text' ? { annotations: [], ...part } : part)) }
}
