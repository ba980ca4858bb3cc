// The scripted model as the bench sees it: where it listens, how a prompt scripts its answer, and which requests it received, so that
// figures can be checked against what really happened.

import { fileURLToPath } from 'node:url'
import { startListening } from './child-process.ts'
import { isRecord, type JsonRecord, numberAt, parseRecord, stringAt } from './json.ts'

/** A request that reached the model. */
export interface ModelRequest {
  /** Identifies the CLI process: constant for its lifetime, whatever conversations it has, and different from all others. */
  process: string
  /** The body, byte for byte. */
  raw: string
  /** The parts of the system prompt, the CLI's own first. */
  system: string[]
  /** Without messages of the role `system`, in which the CLI describes its environment. */
  messages: { role: string; blocks: JsonRecord[] }[]
}

/** A directive for a prompt; see src/demo/step.ts. */
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

  /** Runs `act` and returns the requests that reached the model meanwhile. */
  async listenDuring<T>(act: () => Promise<T>): Promise<{ value: T; requests: ModelRequest[] }> {
    const before = numberAt(await readBook(this.#book), 'last')
    const value = await act()
    const received = (await readBook(`${this.#book}/?after=${before}`)).requests
    return { value, requests: (Array.isArray(received) ? received : []).filter(isRecord).map(toModelRequest) }
  }
}

async function readBook(url: string): Promise<JsonRecord> {
  const book: unknown = await (await fetch(url)).json()
  return isRecord(book) ? book : {}
}

function toModelRequest(request: JsonRecord): ModelRequest {
  const raw = stringAt(request, 'raw')
  const body = parseRecord(raw) ?? {}
  const messages = Array.isArray(body.messages) ? body.messages.filter(isRecord) : []
  return {
    process: stringAt(request, 'session'),
    raw,
    system: blocksOf(body.system).map((block) => stringAt(block, 'text')),
    messages: messages
      .map((message) => ({ role: stringAt(message, 'role'), blocks: blocksOf(message.content) }))
      .filter(({ role }) => role !== 'system'),
  }
}

function blocksOf(content: unknown): JsonRecord[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return Array.isArray(content) ? content.filter(isRecord) : []
}
