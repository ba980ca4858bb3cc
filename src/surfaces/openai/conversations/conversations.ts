// Conversations that clients keep here: finds them for their owner, and adds items to them. What items mean to the model is
// in responses/items.ts.
import { randomBytes } from 'node:crypto'
import { type Caller, ownRuns } from '../../../auth/authenticate.ts'
import type { Conversation, ConversationStore, NewItem, StoredItem } from '../../../core/store.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { type ListedItem, toListedItem } from '../responses/listed-items.ts'
import { type InputItem, MessageItem } from '../responses/schemas.ts'

/** More items than a conversation of the maximum size has. */
const allItems = Number.MAX_SAFE_INTEGER

const newId = (prefix: string) => `${prefix}_${randomBytes(16).toString('hex')}`

/** As OpenAI names items by their type. */
const prefixes: Record<string, string> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
  compaction: 'cmp',
}

const notFound = (what: string, field: string) => new AppError('not_found', `${what} does not exist`, { field })

export class Conversations {
  readonly #store: ConversationStore
  readonly #caller: Caller

  constructor(store: ConversationStore, caller: Caller) {
    this.#store = store
    this.#caller = caller
  }

  async create(metadata: Record<string, string>, items: readonly InputItem[]): Promise<Conversation> {
    const conversation: Conversation = {
      id: newId('conv'),
      owner: this.#caller.key?.id ?? null,
      metadata,
      createdAtMs: Date.now(),
    }
    await this.#store.createConversation(conversation, await this.#named(conversation.id, items, 'items'))
    return conversation
  }

  /** Throws `not_found`, also for another caller's conversation. `field` is what names it. */
  async find(id: string, field = 'conversation_id'): Promise<Conversation> {
    const found = await this.#store.conversation(id)
    const { owner } = ownRuns(this.#caller)
    if (found === null || (owner !== undefined && found.owner !== owner)) {
      throw notFound(`conversation ${id.slice(0, 80)}`, field)
    }
    return found
  }

  /** Adds items, and returns them as they are listed. */
  async add(id: string, items: readonly InputItem[], param = 'items'): Promise<ListedItem[]> {
    const named = await this.#named(id, items, param)
    await this.#store.addItems(id, named)
    return named.map(({ item }) => item)
  }

  /** All items, oldest first. Throws `not_found`. */
  async all(id: string): Promise<InputItem[]> {
    await this.find(id, 'conversation')
    const items = await this.#store.items(id, { after: null, limit: allItems, order: 'asc' })
    return items.map(({ item }) => item as InputItem)
  }

  /** Throws `not_found`. */
  async item(id: string, itemId: string): Promise<StoredItem> {
    const found = await this.#store.item(id, itemId)
    if (found === null) throw notFound(`item ${itemId.slice(0, 80)}`, 'item_id')
    return found
  }

  /** With an id that is unique in the conversation: the item's own, if it has one. */
  async #named(id: string, items: readonly InputItem[], param: string): Promise<(NewItem & { item: ListedItem })[]> {
    const ids = new Set<string>()
    const named: (NewItem & { item: ListedItem })[] = []
    for (const [index, item] of items.entries()) {
      const type = String(item.type ?? 'message')
      if (type === 'item_reference')
        throw invalidField(`${param}[${index}]`, 'must be the item itself, not a reference')
      if (type === 'message') parsePart(MessageItem, item, `${param}[${index}]`)
      const own = typeof item.id === 'string' && item.id !== '' && item.id.length <= 200 ? item.id : null
      const isFree = own !== null && !ids.has(own) && (await this.#store.item(id, own)) === null
      const itemId = isFree ? own : newId(prefixes[type] ?? 'item')
      ids.add(itemId)
      named.push({ id: itemId, item: toListedItem(item, itemId) })
    }
    return named
  }
}
