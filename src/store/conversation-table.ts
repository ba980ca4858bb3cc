// Conversations that clients keep here, and their items: the statements. Not for what items mean.
import type { Conversation, ConversationItems, ConversationStore, NewItem, StoredItem } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { insertRow } from './changes.ts'
import type { Methods, Prepare } from './database.ts'
import type { Row } from './rows.ts'

/** How large the items of one conversation may be. */
const bytesMax = 50_000_000

/** What the conversations of one key may take, so that no key takes everything, and those of all together. */
const ofKey = { conversations: 10_000, bytes: 500_000_000 }
const ofAll = { conversations: 100_000, bytes: 2_000_000_000 }

export function conversationMethods({ reads, writes }: Methods): ConversationStore {
  return {
    createConversation: writes(addConversation, { urgent: true }),
    conversation: reads(findConversation),
    updateConversation: writes(changeConversation, { urgent: true }),
    deleteConversation: writes(removeConversation, { urgent: true }),
    addItems: writes(addItems, { urgent: true }),
    requireRoom: reads(requireRoom),
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
  requireShare(prepare, owner, { conversations: 1, bytes: 0 })
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
function addItems(
  prepare: Prepare,
  conversationId: string,
  items: readonly NewItem[],
  { mayExceed = false }: { mayExceed?: boolean } = {},
): void {
  const found = prepare('SELECT pk FROM conversations WHERE id = ?').get(conversationId)
  if (found === undefined || items.length === 0) return
  const rows = items.map(({ id, item }) => ({ conversation: Number(found.pk), id, json: JSON.stringify(item) }))
  const bytes = rows.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0)
  if (!mayExceed) requireRoom(prepare, conversationId, bytes)
  for (const row of rows) insertRow(prepare, 'conversation_items', row)
  prepare('UPDATE conversations SET bytes = bytes + ? WHERE pk = ?').run(bytes, found.pk ?? null)
}

/** Does nothing if the conversation was deleted. */
function requireRoom(prepare: Prepare, conversationId: string, bytes: number): void {
  const found = prepare('SELECT owner, bytes FROM conversations WHERE id = ?').get(conversationId)
  if (found === undefined) return
  if (Number(found.bytes) + bytes > bytesMax) {
    throw tooMuch(`the items of a conversation may have at most ${megabytes(bytesMax)}`, 'some of its items')
  }
  requireShare(prepare, found.owner === null ? null : String(found.owner), { conversations: 0, bytes })
}

type Share = { conversations: number; bytes: number }

/** Without keys there is nobody to share with: then only the limits of all count. */
function requireShare(prepare: Prepare, owner: string | null, added: Share): void {
  const sql = `SELECT count(*) AS conversations, total(bytes) AS bytes, count(CASE WHEN owner = ?1 THEN 1 END) AS own_conversations,
    total(CASE WHEN owner = ?1 THEN bytes END) AS own_bytes FROM conversations`
  const { conversations, bytes, own_conversations, own_bytes } = prepare(sql).get(owner) ?? {}
  requireBelow(ofKey, { conversations: Number(own_conversations), bytes: Number(own_bytes) }, added, 'one API key')
  requireBelow(ofAll, { conversations: Number(conversations), bytes: Number(bytes) }, added, 'all API keys together')
}

function requireBelow(limit: Share, present: Share, added: Share, whose: string): void {
  if (present.conversations + added.conversations > limit.conversations)
    throw tooMuch(`${whose} may have at most ${limit.conversations} conversations`, 'some of them')
  if (present.bytes + added.bytes > limit.bytes)
    throw tooMuch(`the conversations of ${whose} may have at most ${megabytes(limit.bytes)}`, 'some of them')
}

const megabytes = (bytes: number) => `${bytes / 1_000_000} MB`

const tooMuch = (limit: string, what: string) =>
  new AppError('invalid_request', `${limit}: delete ${what} first`, { field: 'conversation' })

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
