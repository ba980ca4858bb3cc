// Encodes thinking that a client stores and sends back into the one string that the Responses API has for it. It
// includes the signature of the model's API, which accepts thinking only with it. Strings that this server did not
// write are ignored.
import { z } from 'zod'
import type { ThinkingBlock } from '../../../core/conversation.ts'

const prefix = 'cs1.'

const ThinkingBlocks = z.array(
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
    z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  ]),
)

export const encodeThinking = (blocks: readonly ThinkingBlock[]): string =>
  `${prefix}${Buffer.from(JSON.stringify(blocks)).toString('base64url')}`

/** Empty if this server did not write the string. */
export function decodeThinking(encoded: string): ThinkingBlock[] {
  if (!encoded.startsWith(prefix)) return []
  try {
    return ThinkingBlocks.parse(JSON.parse(Buffer.from(encoded.slice(prefix.length), 'base64url').toString('utf8')))
  } catch {
    return []
  }
}
