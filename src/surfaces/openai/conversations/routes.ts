// The routes of conversations: create, read, change and delete one, and its items. How a response continues one is in
// responses/api.ts.
import type { FastifyReply } from 'fastify'
import { checkToolSchemas } from '../../../compat/client-tools.ts'
import type { Conversation } from '../../../core/store.ts'
import { invalidField } from '../../../errors.ts'
import { reportIgnoredFields } from '../../../http/ignored-fields.ts'
import type { RouteRequest, RouteTable } from '../../../http/routes.ts'
import { parseBody, parseQuery } from '../../../http/validate.ts'
import { checkItems } from '../responses/items.ts'
import type { ListedItem } from '../responses/listed-items.ts'
import { type InputItem, ItemsQuery } from '../responses/schemas.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { Conversations, sealerOf } from './conversations.ts'
import type { ConversationDeleted, ConversationItem, ConversationItemList, ConversationReply } from './reply-schemas.ts'
import { ConversationParams, ConversationRequest, ConversationUpdate, ItemParams, ItemsRequest } from './schemas.ts'

const path = '/v1/conversations'
const ofConversation = { params: ConversationParams, errors: ['response'] } as const
const ofItem = { params: ItemParams, errors: ['response'] } as const
const oneConversation = { 200: { about: 'The conversation.', json: 'OpenAIConversation' } }

export const conversationRoutes: RouteTable<OpenaiOptions> = {
  tag: 'openai',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path,
      id: 'createConversation',
      summary: 'Create a conversation',
      about: 'It is kept until it is deleted. A response continues it if its request names it as `conversation`.',
      body: ConversationRequest,
      mayBeEmpty: true,
      answers: oneConversation,
      reportsIgnoredFields: true,
      async handler(options, request, reply) {
        const { items, metadata } = parseBody(ConversationRequest, request.body ?? {})
        await check(items ?? [], options, request, reply)
        return toReply(await of(options, request).create(metadata ?? {}, items ?? []))
      },
    },
    {
      ...ofConversation,
      method: 'GET',
      path: `${path}/:id`,
      id: 'getConversation',
      summary: 'A conversation',
      answers: oneConversation,
      handler: async (options, request) => toReply(await of(options, request).find(request.params.id)),
    },
    {
      ...ofConversation,
      method: 'POST',
      path: `${path}/:id`,
      id: 'updateConversation',
      summary: 'Change the metadata of a conversation',
      body: ConversationUpdate,
      answers: oneConversation,
      async handler(options, request) {
        const conversation = await of(options, request).find(request.params.id)
        const metadata = parseBody(ConversationUpdate, request.body).metadata ?? {}
        await options.conversations.updateConversation(conversation.id, metadata)
        return toReply({ ...conversation, metadata })
      },
    },
    {
      ...ofConversation,
      method: 'DELETE',
      path: `${path}/:id`,
      id: 'deleteConversation',
      summary: 'Delete a conversation',
      about: 'With its items. Responses that are stored are not deleted.',
      mayBeEmpty: true,
      answers: { 200: { about: 'Deleted.', json: 'OpenAIConversationDeleted' } },
      async handler(options, request): Promise<ConversationDeleted> {
        const { id } = await of(options, request).find(request.params.id)
        await options.conversations.deleteConversation(id)
        return { id, object: 'conversation.deleted', deleted: true }
      },
    },
    {
      ...ofConversation,
      method: 'POST',
      path: `${path}/:id/items`,
      id: 'createConversationItems',
      summary: 'Add items to a conversation',
      about: 'Not while a response is being made in it: the answer is 400 `conversation_locked` then.',
      body: ItemsRequest,
      answers: { 200: { about: 'The items that were added.', json: 'OpenAIConversationItemList' } },
      reportsIgnoredFields: true,
      async handler(options, request, reply) {
        const conversations = of(options, request)
        const { id } = await conversations.find(request.params.id)
        const { items } = parseBody(ItemsRequest, request.body)
        await check(items, options, request, reply)
        return toList(await conversations.add(id, items), false)
      },
    },
    {
      ...ofConversation,
      method: 'GET',
      path: `${path}/:id/items`,
      id: 'listConversationItems',
      summary: 'List the items of a conversation',
      query: ItemsQuery,
      answers: { 200: { about: 'A page.', json: 'OpenAIConversationItemList' } },
      handler: listItems,
    },
    {
      ...ofItem,
      method: 'GET',
      path: `${path}/:id/items/:item_id`,
      id: 'getConversationItem',
      summary: 'An item of a conversation',
      answers: { 200: { about: 'The item.', json: 'OpenAIConversationItem' } },
      async handler(options, request): Promise<ConversationItem> {
        const conversations = of(options, request)
        const { id } = await conversations.find(request.params.id)
        return (await conversations.item(id, request.params.item_id)).item as ConversationItem
      },
    },
    {
      ...ofItem,
      method: 'DELETE',
      path: `${path}/:id/items/:item_id`,
      id: 'deleteConversationItem',
      summary: 'Delete an item of a conversation',
      mayBeEmpty: true,
      answers: oneConversation,
      async handler(options, request) {
        const conversations = of(options, request)
        const conversation = await conversations.find(request.params.id)
        await conversations.removeItem(conversation.id, request.params.item_id)
        return toReply(conversation)
      },
    },
  ],
}

const of = (options: OpenaiOptions, { caller }: RouteRequest) => new Conversations(options, caller)

/** Later responses read the items: what they could not read is refused here, where it can be named. */
async function check(
  items: readonly InputItem[],
  options: OpenaiOptions,
  { caller }: RouteRequest,
  reply: FastifyReply,
): Promise<void> {
  const located = items.map((item, index) => ({ item, param: `items[${index}]` }))
  const reference = located.find(({ item }) => item.type === 'item_reference')
  if (reference !== undefined) throw invalidField(reference.param, 'must be the item itself, not a reference')
  const { ignored, tools } = checkItems(located, sealerOf(options, caller).open)
  await checkToolSchemas(tools)
  reportIgnoredFields(reply, ignored)
}

const toReply = ({ id, createdAtMs, metadata }: Conversation): ConversationReply => ({
  id,
  object: 'conversation',
  created_at: Math.floor(createdAtMs / 1000),
  metadata,
})

const toList = (items: readonly ListedItem[], hasMore: boolean): ConversationItemList => ({
  object: 'list',
  data: items as ConversationItem[],
  first_id: items[0]?.id ?? null,
  last_id: items.at(-1)?.id ?? null,
  has_more: hasMore,
})

async function listItems(options: OpenaiOptions, request: RouteRequest): Promise<ConversationItemList> {
  const { limit, order, after } = parseQuery(ItemsQuery, request.query)
  const { id } = await of(options, request).find(request.params.id)
  const last = after === undefined ? null : await options.conversations.item(id, after)
  if (after !== undefined && last === null)
    throw invalidField('after', 'must be the id of an item of this conversation')
  // One more than requested, to find out whether there is a next page.
  const found = await options.conversations.items(id, { after: last?.seq ?? null, limit: limit + 1, order })
  return toList(
    found.slice(0, limit).map(({ item }) => item as ListedItem),
    found.length > limit,
  )
}
