// Conversations that clients keep here, and their items: the statements. Not for what items mean.
import type { Conversation, ConversationItems, ConversationStore, NewItem, StoredItem } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { insertRow } from './changes.ts'
import type { Methods, Prepare } from './database.ts'
import type { Row } from './rows.ts'

/** How large the items of one conversation may be, and those of all. */
const bytesMax = 50_000_000
const allBytesMax = 2_000_000_000
const conversationsMax = 100_000

export function conversationMethods({ reads, writes }: Methods): ConversationStore {
  return {
    createConversation: writes(addConversation, { urgent: true }),
    conversation: reads(findConversation),
    updateConversation: writes(changeConversation, { urgent: true }),
    deleteConversation: writes(removeConversation, { urgent: true }),
    addItems: writes(addItems, { urgent: true }),
    items: reads(listItems),
    item: reads(findItem),
    deleteItem: writes(removeItem, { urgent: true }),
  }
}

function addConversation(
  prepare: Prepare,
  { id, owner, metadata, createdAtMs }: Conversation,
  items: readonly NewItem[],
) {
  const { count } = prepare('SELECT count(*) AS count FROM conversations').get() ?? {}
  if (Number(count) >= conversationsMax) throw tooMuch(`there are ${conversationsMax} conversations`)
  const fields = { id, owner, metadata_json: JSON.stringify(metadata), created_at_ms: createdAtMs }
  insertRow(prepare, 'conversations', fields)
  addItems(prepare, id, items)
}

function findConversation(prepare: Prepare, id: string): Conversation | null {
  const row = prepare('SELECT * FROM conversations WHERE id = ?').get(id)
  if (row === undefined) return null
  return {
    id,
    owner: row.owner === null ? null : String(row.owner),
    metadata: JSON.parse(String(row.metadata_json)),
    createdAtMs: Number(row.created_at_ms),
  }
}

function changeConversation(prepare: Prepare, id: string, metadata: Conversation['metadata']): void {
  prepare('UPDATE conversations SET metadata_json = ? WHERE id = ?').run(JSON.stringify(metadata), id)
}

function removeConversation(prepare: Prepare, id: string): void {
  prepare('DELETE FROM conversation_items WHERE conversation = (SELECT pk FROM conversations WHERE id = ?)').run(id)
  prepare('DELETE FROM conversations WHERE id = ?').run(id)
}

/** Does nothing if the conversation was deleted. */
function addItems(prepare: Prepare, conversationId: string, items: readonly NewItem[]): void {
  const found = prepare('SELECT pk, bytes FROM conversations WHERE id = ?').get(conversationId)
  if (found === undefined || items.length === 0) return
  const rows = items.map(({ id, item }) => ({ conversation: Number(found.pk), id, json: JSON.stringify(item) }))
  const bytes = rows.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0)
  if (Number(found.bytes) + bytes > bytesMax) throw tooMuch(`the conversation has more than ${bytesMax} bytes`)
  const all = prepare('SELECT total(bytes) AS bytes FROM conversations').get()
  if (Number(all?.bytes) + bytes > allBytesMax) throw tooMuch(`all conversations have more than ${allBytesMax} bytes`)
  for (const row of rows) insertRow(prepare, 'conversation_items', row)
  prepare('UPDATE conversations SET bytes = bytes + ? WHERE pk = ?').run(bytes, found.pk ?? null)
}

const tooMuch = (what: string) =>
  new AppError('invalid_request', `${what}: delete some first`, { field: 'conversation' })

const toItem = ({ seq, id, json }: Row): StoredItem => ({
  seq: Number(seq),
  id: String(id),
  item: JSON.parse(String(json)),
})

function listItems(prepare: Prepare, conversationId: string, { after, limit, order }: ConversationItems): StoredItem[] {
  const isAscending = order === 'asc'
  const from = after ?? (isAscending ? 0 : Number.MAX_SAFE_INTEGER)
  const sql = `SELECT seq, id, json FROM conversation_items
    WHERE conversation = (SELECT pk FROM conversations WHERE id = ?) AND seq ${isAscending ? '>' : '<'} ?
    ORDER BY seq ${isAscending ? 'ASC' : 'DESC'} LIMIT ?`
  return prepare(sql).all(conversationId, from, limit).map(toItem)
}

function findItem(prepare: Prepare, conversationId: string, id: string): StoredItem | null {
  const sql = `SELECT seq, id, json FROM conversation_items
    WHERE conversation = (SELECT pk FROM conversations WHERE id = ?) AND id = ? ORDER BY seq DESC LIMIT 1`
  const row = prepare(sql).get(conversationId, id)
  return row === undefined ? null : toItem(row)
}

function removeItem(prepare: Prepare, conversationId: string, id: string): boolean {
  const found = findItem(prepare, conversationId, id)
  if (found === null) return false
  const bytes = Buffer.byteLength(JSON.stringify(found.item))
  prepare('DELETE FROM conversation_items WHERE seq = ?').run(found.seq)
  prepare('UPDATE conversations SET bytes = bytes - ? WHERE id = ?').run(bytes, conversationId)
  return true
}
