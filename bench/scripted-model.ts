// The scripted model as the bench sees it: where it listens, how a prompt scripts its answer, and what it was asked, so
// that a figure can be held against what really happened.

import { fileURLToPath } from 'node:url'
import { startListening } from './child.ts'
import { isRecord, type JsonRecord, numberAt, stringAt } from './json.ts'

/** A request that reached the model. */
export interface Asked {
  /** The same for as long as a CLI process lives, whatever conversations it holds, and no other's. */
  process: string
  /** The system prompt in its parts, those of the CLI first. */
  system: string[]
  /** Without those in the role `system`, in which the CLI describes its surroundings. */
  messages: { role: string; blocks: JsonRecord[] }[]
}

/** A directive to stand in a prompt; see src/demo/step.ts. */
export const step = (fields: JsonRecord) => `[[fake ${JSON.stringify(fields)}]]`

export class ScriptedModel {
  readonly url: string
  readonly #book: string

  private constructor(url: string, book: string) {
    this.url = url
    this.#book = book
  }

  static async start(env: Record<string, string>, cwd: string): Promise<ScriptedModel> {
    const file = fileURLToPath(new URL('upstream-process.ts', import.meta.url))
    const child = await startListening({ name: 'the scripted model', file: process.execPath, args: [file], env, cwd })
    return new ScriptedModel(stringAt(await readBook(child.url), 'url'), child.url)
  }

  /** Does something, and tells which requests reached the model meanwhile. */
  async listenDuring<T>(act: () => Promise<T>): Promise<{ value: T; asked: Asked[] }> {
    const before = numberAt(await readBook(this.#book), 'last')
    const value = await act()
    const { requests } = await readBook(`${this.#book}/?after=${before}`)
    return { value, asked: (Array.isArray(requests) ? requests : []).filter(isRecord).map(toAsked) }
  }
}

async function readBook(url: string): Promise<JsonRecord> {
  const book: unknown = await (await fetch(url)).json()
  return isRecord(book) ? book : {}
}

function toAsked(request: JsonRecord): Asked {
  const messages = Array.isArray(request.messages) ? request.messages.filter(isRecord) : []
  return {
    process: stringAt(request, 'session'),
    system: blocksOf(request.system).map((block) => stringAt(block, 'text')),
    messages: messages
      .map((message) => ({ role: stringAt(message, 'role'), blocks: blocksOf(message.content) }))
      .filter(({ role }) => role !== 'system'),
  }
}

function blocksOf(content: unknown): JsonRecord[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return Array.isArray(content) ? content.filter(isRecord) : []
}
