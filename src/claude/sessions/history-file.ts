// The past of a conversation as a file that the CLI begins a process with: as if the CLI itself had led the conversation. Not for the
// conversations that persons have (transcript.ts): nobody but the one process reads such a file.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConversationMessage } from '../../core/conversation.ts'
import { fieldsOf } from '../../platform/json.ts'
import { answerOfModel } from './answer-of-model.ts'
import { type TranscriptEntry, toEntries } from './transcript.ts'

export type HistoryFile = {
  path: string
  /** The id under which a process that has read the file reports. */
  sessionId: string
  /** The ids of the first and the last message of the user in it. */
  firstId: string
  lastId: string
  /** What comes after the file's messages, for the process to be handed one by one. */
  rest: ConversationMessage[]
}

/** What the CLI adds to the first message of a conversation, from a file that it has written itself. */
export function additionsIn(bytes: Buffer): TranscriptEntry[] {
  // A system prompt that is recorded would take precedence over the one of the request.
  const isAddition = ({ type, attachment }: TranscriptEntry) =>
    type === 'attachment' && fieldsOf(attachment).type !== 'prompt_snapshot'
  return [...toEntries(bytes)].filter(isAddition)
}

/** The CLI leaves such a message out if it is the first one. */
const isBlank = ({ content }: ConversationMessage & { role: 'user' }): boolean =>
  content.every((block) => block.type === 'text' && block.text.trim() === '')

/** The full id of the model that the CLI names in what it adds; null if it names none. */
export function modelIn(additions: readonly TranscriptEntry[]): string | null {
  const { identity } =
    additions.map(({ attachment }) => fieldsOf(attachment)).find(({ type }) => type === 'model') ?? {}
  const { modelId } = fieldsOf(identity)
  return typeof modelId === 'string' ? modelId : null
}

const isTyped = (message: ConversationMessage | undefined): boolean =>
  message === undefined || (message.role === 'user' && message.content.every(({ type }) => type !== 'tool_result'))

const isCall = ({ content }: ConversationMessage): boolean => content.some(({ type }) => type === 'tool_use')

/** What the CLI takes for no answer at all: at the end of a file it would add one of its own. */
const isNothing = ({ content }: ConversationMessage): boolean =>
  content.every((block) => block.type !== 'text' || ['', '(no content)'].includes(block.text.trim()))

/**
 * How many messages of a history a file can hold: it ends with an answer whose tools have all been answered. The CLI takes other files for
 * those of turns that were interrupted. 0 if it can hold none.
 */
export function messagesForFile(history: readonly ConversationMessage[]): number {
  const [first] = history
  if (first?.role !== 'user' || isBlank(first)) return 0
  for (let end = history.length; end > 0; end--) {
    const last = history[end - 1]
    if (last?.role === 'assistant' && !isCall(last) && !isNothing(last) && isTyped(history[end])) return end
  }
  return 0
}

export type HistoryFileParts = {
  folder: string
  /** Its first message is the user's. */
  messages: readonly ConversationMessage[]
  rest: ConversationMessage[]
  additions: readonly TranscriptEntry[]
  cwd: string
  version: string
  /** The full id of the model that answers next. */
  model: string
}

/** Throws what the system throws if it cannot be written. */
export function writeHistoryFile(parts: HistoryFileParts): HistoryFile {
  const { folder, messages, rest, additions, cwd, version, model } = parts
  const sessionId = randomUUID()
  const common = { isSidechain: false, userType: 'external', entrypoint: 'sdk-ts', cwd, sessionId, version }
  const ids: string[] = []
  const lines: string[] = []
  let parentUuid: string | null = null
  const add = (entry: TranscriptEntry): string => {
    const uuid = randomUUID()
    const timestamp = new Date().toISOString()
    lines.push(`${JSON.stringify({ ...entry, ...common, parentUuid, uuid, timestamp })}\n`)
    parentUuid = uuid
    return uuid
  }
  for (const [index, message] of messages.entries()) {
    if (message.role === 'user') ids.push(add({ type: 'user', message }))
    else add({ type: 'assistant', message: answerOfModel(message, model) })
    if (index === 0) for (const addition of additions) add(addition)
  }
  const path = join(folder, `${sessionId}.jsonl`)
  writeFileSync(path, lines.join(''), { mode: 0o600 })
  return { path, sessionId, firstId: ids[0] ?? '', lastId: ids.at(-1) ?? '', rest }
}
