// Conversations that clients keep here: finds them for their owner, and adds items to them. What items mean to the model is
// in responses/items.ts.
import { randomBytes } from 'node:crypto'
import { type Caller, ownRuns } from '../../../auth/authenticate.ts'
import type { Sealer, Sealers } from '../../../compat/sealed-text.ts'
import type { Release } from '../../../core/runs.ts'
import type { Conversation, ConversationStore, NewItem, StoredItem } from '../../../core/store.ts'
import { AppError } from '../../../errors.ts'
import { compactionTypes } from '../responses/compaction.ts'
import { type ListedItem, toListedItem } from '../responses/listed-items.ts'
import type { InputItem } from '../responses/schemas.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { type ConversationLocks, locked } from './conversation-locks.ts'

/** More items than a conversation of the maximum size has. */
const allItems = Number.MAX_SAFE_INTEGER

/** Seals and opens summaries for a caller. Whoever sees everyone's responses can continue them. */
export const sealerOf = ({ sealers }: Pick<OpenaiOptions, 'sealers'>, caller: Caller): Sealer =>
  sealers.for(caller.key?.id ?? null, { opensAll: ownRuns(caller).owner === undefined })

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

/** A conversation that a response continues. */
export type OpenedConversation = {
  id: string
  /** Oldest first. */
  items: InputItem[]
  /**
   * For the time in which the response to `input` is made. Throws `invalid_request` if the conversation has changed since it was
   * opened, or has no room for the input.
   */
  acquire(input: readonly InputItem[]): Promise<Release>
}

export class Conversations {
  readonly #store: ConversationStore
  readonly #locks: ConversationLocks
  readonly #sealers: Sealers
  readonly #sealer: Sealer
  readonly #caller: Caller

  constructor(
    { conversations, locks, sealers }: Pick<OpenaiOptions, 'conversations' | 'locks' | 'sealers'>,
    caller: Caller,
  ) {
    this.#store = conversations
    this.#locks = locks
    this.#sealers = sealers
    this.#sealer = sealerOf({ sealers }, caller)
    this.#caller = caller
  }

  async create(metadata: Record<string, string>, items: readonly InputItem[]): Promise<Conversation> {
    const conversation: Conversation = {
      id: newId('conv'),
      owner: this.#caller.key?.id ?? null,
      metadata,
      createdAtMs: Date.now(),
    }
    await this.#store.createConversation(conversation, await this.#named(conversation, items))
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

  /** Adds items, and returns them as they are listed. Throws `invalid_request` during a response. */
  add(id: string, items: readonly InputItem[]): Promise<ListedItem[]> {
    return this.#locks.change(id, async () => this.#add(await this.find(id), items))
  }

  /**
   * Adds what was sent and answered in the response that has acquired the conversation. The answer was paid for: it is kept even
   * if the conversation grows too large with it, and the next request is refused.
   */
  async addTurn(id: string, items: readonly InputItem[]): Promise<void> {
    const conversation = await this.#store.conversation(id)
    if (conversation !== null) await this.#add(conversation, items, true)
  }

  async #add(conversation: Conversation, items: readonly InputItem[], mayExceed = false): Promise<ListedItem[]> {
    const named = await this.#named(conversation, items)
    await this.#store.addItems(conversation.id, named, { mayExceed })
    return named.map(({ item }) => item)
  }

  /** Throws `not_found`, and `invalid_request` during a response. */
  async removeItem(id: string, itemId: string): Promise<void> {
    const found = await this.item(id, itemId)
    await this.#locks.change(id, () => this.#store.deleteItem(id, found.id))
  }

  /** Throws `not_found`. */
  async open(id: string): Promise<OpenedConversation> {
    await this.find(id, 'conversation')
    const items = await this.#store.items(id, { after: null, limit: allItems, order: 'asc' })
    return {
      id,
      items: items.map(({ item }) => item as InputItem),
      acquire: (input) => this.#acquire(id, items.at(-1)?.seq, input),
    }
  }

  async #acquire(id: string, lastSeq: number | undefined, input: readonly InputItem[]): Promise<Release> {
    const release = this.#locks.acquire(id)
    try {
      await this.find(id, 'conversation')
      const [last] = await this.#store.items(id, { after: null, limit: 1, order: 'desc' })
      // Another response was added since this request was read: it would be answered without it.
      if (last?.seq !== lastSeq) throw locked('conversation')
      await this.#store.requireRoom(id, Buffer.byteLength(JSON.stringify(input)))
      return release
    } catch (error) {
      release()
      throw error
    }
  }

  /** Throws `not_found`. */
  async item(id: string, itemId: string): Promise<StoredItem> {
    const found = await this.#store.item(id, itemId)
    if (found === null) throw notFound(`item ${itemId.slice(0, 80)}`, 'item_id')
    return found
  }

  /** With an id that is unique in the conversation: the item's own, if it has one. */
  async #named({ id, owner }: Conversation, items: readonly InputItem[]): Promise<(NewItem & { item: ListedItem })[]> {
    const ids = new Set<string>()
    const named: (NewItem & { item: ListedItem })[] = []
    for (const item of items) {
      const type = String(item.type ?? 'message')
      const own = typeof item.id === 'string' && item.id !== '' && item.id.length <= 200 ? item.id : null
      const isFree = own !== null && !ids.has(own) && (await this.#store.item(id, own)) === null
      const itemId = isFree ? own : newId(prefixes[type] ?? 'item')
      ids.add(itemId)
      named.push({ id: itemId, item: toListedItem(this.#resealed(item, owner), itemId) })
    }
    return named
  }

  /** A summary that an administrator adds belongs to the owner of the conversation from now on, who could not open it otherwise. */
  #resealed(item: InputItem, owner: string | null): InputItem {
    const { type, encrypted_content: sealed } = item
    if (!compactionTypes.includes(type) || typeof sealed !== 'string') return item
    const summary = this.#sealer.open(sealed)
    return summary === null ? item : { ...item, encrypted_content: this.#sealers.for(owner).seal(summary) }
  }
}
