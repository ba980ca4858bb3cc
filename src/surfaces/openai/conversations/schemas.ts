// Schemas of what clients send to the routes of conversations.
import { z } from 'zod'
import { must, text } from '../../../core/schema.ts'
import { item } from '../responses/schemas.ts'

/** As OpenAI limits it. */
export const metadata = z
  .record(z.string(), text.max(512, { error: 'must have at most 512 characters' }), must('an object of strings'))
  .refine((value) => Object.keys(value).every((key) => key.length <= 64), {
    error: 'must have keys of at most 64 characters',
  })
  .refine((value) => Object.keys(value).length <= 16, { error: 'must have at most 16 pairs of a key and a value' })

const items = z.array(item, must('an array of items')).max(20, must('an array of at most 20 items'))

/** `POST /v1/conversations`. */
export const ConversationRequest = z
  .looseObject({ items: items.nullish(), metadata: metadata.nullish() })
  .meta({ id: 'OpenAIConversationRequest', description: 'A new conversation, with its first items.' })

/** `POST /v1/conversations/{id}`. */
export const ConversationUpdate = z
  .looseObject({ metadata: metadata.nullable() })
  .meta({ id: 'OpenAIConversationUpdate', description: 'What is changed of a conversation.' })

/** `POST /v1/conversations/{id}/items`. */
export const ItemsRequest = z
  .looseObject({ items })
  .meta({ id: 'OpenAIConversationItemsRequest', description: 'Items to add to a conversation.' })

export const ConversationParams = z.looseObject({
  id: text.meta({ description: 'The id of a conversation.', example: 'conv_5c1e9a7b3d2f4860b4a6d8e0f2c4a6b8' }),
})

export const ItemParams = ConversationParams.extend({
  item_id: text.meta({ description: 'The id of an item.', example: 'msg_9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a' }),
})
