// Builds the content blocks of an answer from its pieces: decides which piece opens, continues or closes a block. As in
// the API, indices count up from 0 without gaps, and only one block is open at a time.
import type { AnswerPiece } from '../../compat/answer-stream.ts'
import type { Block, MessageEvent } from './reply-schemas.ts'

type BlockEvent = Extract<MessageEvent, { index: number }>
type BlockType = Block['type']

export class BlockWriter {
  #next = 0
  #open: BlockType | null = null

  encode(piece: AnswerPiece): BlockEvent[] {
    switch (piece.type) {
      case 'text':
        return this.#write(
          'text',
          { type: 'text', text: '', citations: null },
          { type: 'text_delta', text: piece.text },
        )
      case 'thinking':
        return this.#think({ type: 'thinking_delta', thinking: piece.text })
      case 'signature':
        return [...this.#think({ type: 'signature_delta', signature: piece.text }), ...this.close()]
      case 'redacted':
        return [...this.#start('redacted_thinking', { type: 'redacted_thinking', data: piece.text }), ...this.close()]
      case 'call': {
        const { id, name } = piece
        return this.#start('tool_use', { type: 'tool_use', id, name, input: {}, caller: { type: 'direct' } })
      }
      case 'arguments':
        return [this.#delta({ type: 'input_json_delta', partial_json: piece.text })]
      case 'refusal':
        // The stop reason reports that the model declined; there is no text.
        return []
    }
  }

  /** Closes the open block, if any. */
  close(): BlockEvent[] {
    if (this.#open === null) return []
    this.#open = null
    return [{ type: 'content_block_stop', index: this.#next - 1 }]
  }

  #think(delta: Extract<BlockEvent, { type: 'content_block_delta' }>['delta']): BlockEvent[] {
    return this.#write('thinking', { type: 'thinking', thinking: '', signature: '' }, delta)
  }

  #write(
    type: BlockType,
    empty: Block,
    delta: Extract<BlockEvent, { type: 'content_block_delta' }>['delta'],
  ): BlockEvent[] {
    return [...(this.#open === type ? [] : this.#start(type, empty)), this.#delta(delta)]
  }

  #start(type: BlockType, block: Block): BlockEvent[] {
    const closed = this.close()
    this.#open = type
    return [...closed, { type: 'content_block_start', index: this.#next++, content_block: block }]
  }

  #delta(delta: Extract<BlockEvent, { type: 'content_block_delta' }>['delta']): BlockEvent {
    return { type: 'content_block_delta', index: this.#next - 1, delta }
  }
}

/** The input of a call that a limit cut short cannot be parsed. */
function parseInput(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json || '{}') as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The blocks of a whole answer. */
export function toBlocks(pieces: readonly AnswerPiece[]): Block[] {
  const writer = new BlockWriter()
  const blocks: Block[] = []
  let json = ''
  for (const event of [...pieces.flatMap((piece) => writer.encode(piece)), ...writer.close()]) {
    if (event.type === 'content_block_start') {
      blocks.push(structuredClone(event.content_block))
      json = ''
      continue
    }
    const block = blocks.at(-1)
    if (event.type === 'content_block_stop') {
      if (block?.type === 'tool_use') block.input = parseInput(json)
      continue
    }
    const { delta } = event
    if (delta.type === 'text_delta' && block?.type === 'text') block.text += delta.text
    if (delta.type === 'thinking_delta' && block?.type === 'thinking') block.thinking += delta.thinking
    if (delta.type === 'signature_delta' && block?.type === 'thinking') block.signature += delta.signature
    if (delta.type === 'input_json_delta') json += delta.partial_json
  }
  return blocks
}
