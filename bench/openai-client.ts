// A minimal client of the OpenAI route: it assembles the chunks of a stream into the message that the next request sends back verbatim,
// and records when they arrived.

import { isRecord, type JsonRecord, parseRecord, recordAt, stringAt } from './json.ts'
import type { FrameReader, SseClient } from './sse-client.ts'

export interface Completion {
  /** NaN if the answer has no text. */
  firstTextMs: number
  completeMs: number
  /** As the next request sends it back. */
  message: { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
}

export interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export function complete(client: SseClient, body: JsonRecord): Promise<Completion> {
  return client.post('/v1/chat/completions', { model: 'sonnet', stream: true, ...body }, new CompletionReader())
}

class CompletionReader implements FrameReader<Completion> {
  answer: Completion | null = null
  problem = 'nothing was sent'
  #firstTextMs = Number.NaN
  #text = ''
  readonly #calls: ToolCall[] = []

  read(data: string, ms: number): void {
    if (data === '[DONE]') return this.#end(ms)
    const chunk = parseRecord(data)
    if (!chunk) return
    this.problem = 'error' in chunk ? data : `it broke off after ${data}`
    const [choice] = Array.isArray(chunk.choices) ? chunk.choices : []
    const delta = isRecord(choice) ? recordAt(choice, 'delta') : {}
    const text = stringAt(delta, 'content')
    if (text !== '' && this.#text === '') this.#firstTextMs = ms
    this.#text += text
    for (const piece of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) if (isRecord(piece)) this.#call(piece)
  }

  #call(piece: JsonRecord): void {
    const made = recordAt(piece, 'function')
    const [id, name] = [stringAt(piece, 'id'), stringAt(made, 'name')]
    if (id !== '') this.#calls.push({ id, type: 'function', function: { name, arguments: '' } })
    const call = this.#calls.at(-1)
    if (call) call.function.arguments += stringAt(made, 'arguments')
  }

  #end(ms: number): void {
    this.answer = {
      firstTextMs: this.#firstTextMs,
      completeMs: ms,
      message: {
        role: 'assistant',
        content: this.#text === '' ? null : this.#text,
        ...(this.#calls.length > 0 ? { tool_calls: this.#calls } : {}),
      },
    }
  }
}
