// Thinking that a client keeps and gives back, in the one text that the Responses API has for it. The signature in it is the model's
// API's own, which takes thinking back only so; what this server did not write is passed over.
import { z } from 'zod'
import type { ThinkingBlock } from '../../../core/conversation.ts'

const prefix = 'cs1.'

const Thoughts = z.array(
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
    z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  ]),
)

export const encodeThinking = (blocks: readonly ThinkingBlock[]): string =>
  `${prefix}${Buffer.from(JSON.stringify(blocks)).toString('base64url')}`

/** Nothing where the text is none of ours. */
export function decodeThinking(given: string): ThinkingBlock[] {
  if (!given.startsWith(prefix)) return []
  try {
    return Thoughts.parse(JSON.parse(Buffer.from(given.slice(prefix.length), 'base64url').toString('utf8')))
  } catch {
    return []
  }
}
