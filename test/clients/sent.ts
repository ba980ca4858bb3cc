// Reads what the model was sent from the requests that reached the scripted upstream: the caller's own part of them,
// without what the CLI adds to every request. Independent of the surface that the caller used.
import assert from 'node:assert/strict'
import type { MessagesBody, RecordedRequest, Upstream } from '../../src/demo/upstream.ts'

export type Block = { type: string; text?: string; [field: string]: unknown }

/** Text is represented as a string, everything else as its block. */
export type SentMessage = { role: string; content: (string | Block)[] }

const blocksOf = (content: unknown): Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : ((content ?? []) as Block[])

const textOf = (content: unknown) =>
  blocksOf(content)
    .map((block) => block.text ?? '')
    .join('')

export function requestAt({ requests }: Upstream, index = -1): RecordedRequest & { body: MessagesBody } {
  const request = requests.at(index)
  assert.ok(request?.body, `request ${index} does not exist`)
  return { ...request, body: request.body }
}

/** The body of the last request that reached the model's API, or of the one at `index`. */
export const sent = (upstream: Upstream, index = -1) => requestAt(upstream, index).body

/** The system prompt without the two lines that the CLI puts before every one. */
export const systemOf = ({ system }: MessagesBody) =>
  blocksOf(system)
    .slice(2)
    .map((block) => block.text)

function simplify({ cache_control: _, ...block }: Block): string | Block {
  if (block.type === 'text') return block.text ?? ''
  // A result's text may be a string or blocks, which is the same to the model.
  const isText = block.type === 'tool_result' && blocksOf(block.content).every(({ type }) => type === 'text')
  return isText ? { ...block, content: textOf(block.content) } : block
}

const isReminder = (block: Block) => block.type === 'text' && /^<system-reminder>/.test(block.text ?? '')

/**
 * The conversation without the CLI's reminders and its description of the environment. Adjacent messages of one role
 * are merged, as the model's API does.
 */
export function conversationOf({ messages }: MessagesBody): SentMessage[] {
  const conversation: SentMessage[] = []
  for (const { role, content } of messages) {
    if (role === 'system') continue
    const own = blocksOf(content)
      .filter((block) => !isReminder(block))
      .map(simplify)
    const last = conversation.at(-1)
    if (last?.role === role) last.content.push(...own)
    else if (own.length > 0) conversation.push({ role, content: own })
  }
  return conversation
}

export const user = (...content: SentMessage['content']): SentMessage => ({ role: 'user', content })
export const assistant = (...content: SentMessage['content']): SentMessage => ({ role: 'assistant', content })

export const toolUse = (id: string, name: string, input: Record<string, unknown>): Block => ({
  type: 'tool_use',
  id,
  name,
  input,
})

export const toolResult = (id: string, content: string): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
})

/** The tools that the model was offered, by name. */
export const toolNames = ({ tools }: MessagesBody) => (tools ?? []).map((tool) => tool.name).sort()
