// Turns a step into the content of a reply: blocks, usage and stop reason. Sends nothing.
import { randomBytes } from 'node:crypto'
import type { ContentBlock, MessagesBody, OfferedTool } from './messages-body.ts'
import type { Step, ToolCall, Usage } from './step.ts'

export type Delta = { type: string; [field: string]: unknown }

/** A content block in the two forms of the API: start and deltas for a stream, whole for an answer in one piece. */
type ReplyBlock = {
  start: ContentBlock
  /** Generated one by one as they are sent, so that an answer of many megabytes is never in memory as a whole. */
  deltas: () => Iterable<Delta>
  /** A delta that belongs to the block but is not counted (the signature of a thought). */
  closing?: Delta
  whole: () => ContentBlock
}

export type Reply = {
  id: string
  model: string
  blocks: ReplyBlock[]
  usage: Usage
  stopReason: string
  stopSequence: string | null
}

const SIGNATURE = Buffer.from('demo-signature').toString('base64')

export function newId(prefix: string): string {
  return prefix + randomBytes(12).toString('hex')
}

export function composeReply(step: Step, body: MessagesBody): Reply {
  const tokens = step.tokens ?? 0
  const calls = matchCalls(step, body.tools ?? [])
  const blocks: ReplyBlock[] = []
  if (step.thinking) blocks.push(thinkingBlock(step.thinking))
  if (calls.length === 0 || step.text !== undefined) blocks.push(textBlock(step.text, tokens))
  blocks.push(...calls.map(toolBlock))
  return {
    id: newId('msg_'),
    model: step.model ?? body.model ?? 'claude-fake-1',
    blocks,
    usage: {
      input_tokens: 10,
      output_tokens: tokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      ...step.usage,
    },
    stopReason: step.stop_reason ?? (calls.length > 0 ? 'tool_use' : 'end_turn'),
    stopSequence: step.stop_sequence ?? null,
  }
}

/** The message as `message_start` contains it: without content. */
export function openingMessage(reply: Reply): Record<string, unknown> {
  return {
    id: reply.id,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...reply.usage, output_tokens: 1 },
  }
}

export function wholeMessage(reply: Reply): Record<string, unknown> {
  return {
    ...openingMessage(reply),
    content: reply.blocks.map((block) => block.whole()),
    stop_reason: reply.stopReason,
    stop_sequence: reply.stopSequence,
    usage: reply.usage,
  }
}

/** The calls of a step, with the names that the request offers; tools that it does not offer are left out. */
function matchCalls(step: Step, offered: OfferedTool[]): Required<ToolCall>[] {
  const single = step.tool === undefined ? [] : [{ name: step.tool, ...(step.input && { input: step.input }) }]
  return (step.tools ?? single).flatMap((call: ToolCall) => {
    const found =
      offered.find((tool) => tool.name === call.name) ?? offered.find((tool) => tool.name.endsWith(call.name))
    const name = found?.name ?? (step.force_tool ? call.name : undefined)
    return name === undefined ? [] : [{ name, input: call.input ?? {} }]
  })
}

function* counted(word: string, count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `${word}${i} `
}

/** Cuts a text into at most `count` pieces of about equal length, never through a surrogate pair. */
function* cutText(text: string, count: number): Generator<string> {
  const size = Math.max(1, Math.ceil(text.length / Math.max(1, count)))
  let from = 0
  do {
    let to = from + size
    const unit = text.charCodeAt(to - 1)
    if (unit >= 0xd800 && unit <= 0xdbff) to++
    yield text.slice(from, to)
    from = to
  } while (from < text.length)
}

function* deltasOf(type: string, field: string, pieces: Iterable<string>): Generator<Delta> {
  for (const piece of pieces) yield { type, [field]: piece }
}

function thinkingBlock(count: number): ReplyBlock {
  return {
    start: { type: 'thinking', thinking: '', signature: '' },
    deltas: () => deltasOf('thinking_delta', 'thinking', counted('think', count)),
    closing: { type: 'signature_delta', signature: SIGNATURE },
    whole: () => ({ type: 'thinking', thinking: [...counted('think', count)].join(''), signature: SIGNATURE }),
  }
}

function textBlock(text: string | undefined, tokens: number): ReplyBlock {
  const pieces = () => (text === undefined ? counted('tok', tokens) : cutText(text, tokens))
  return {
    start: { type: 'text', text: '' },
    deltas: () => deltasOf('text_delta', 'text', pieces()),
    whole: () => ({ type: 'text', text: [...pieces()].join('') }),
  }
}

function toolBlock(call: Required<ToolCall>): ReplyBlock {
  const start = { type: 'tool_use', id: newId('toolu_'), name: call.name, input: {} }
  return {
    start,
    deltas: () => deltasOf('input_json_delta', 'partial_json', cutText(JSON.stringify(call.input), 3)),
    whole: () => ({ ...start, input: call.input }),
  }
}
