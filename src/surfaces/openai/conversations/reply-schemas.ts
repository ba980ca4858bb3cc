// Schemas of what the routes of conversations return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'

export const ConversationReply = strict('OpenAIConversation', 'A conversation.', {
  id: z.string(),
  object: z.literal('conversation'),
  created_at: z.int(),
  metadata: z.record(z.string(), z.string()),
})
export type ConversationReply = z.output<typeof ConversationReply>

export const ConversationDeleted = strict('OpenAIConversationDeleted', 'Confirms that a conversation was deleted.', {
  id: z.string(),
  object: z.literal('conversation.deleted'),
  deleted: z.literal(true),
})
export type ConversationDeleted = z.output<typeof ConversationDeleted>

export const ConversationItem = z
  .looseObject({ id: z.string(), type: z.string() })
  .meta({ id: 'OpenAIConversationItem', description: 'An item, as it was added.' })
export type ConversationItem = z.output<typeof ConversationItem>

export const ConversationItemList = strict('OpenAIConversationItemList', 'A page of the items of a conversation.', {
  object: z.literal('list'),
  data: z.array(ConversationItem),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type ConversationItemList = z.output<typeof ConversationItemList>
