// A conversation's file that only this program has written (TranscriptWriter): its messages can be handed to any process, which then goes on
// writing. What the CLI itself has continued is not of that kind: only the CLI knows what else it holds.
import { readFile } from 'node:fs/promises'
import type { ConversationMessage } from '../../core/conversation.ts'
import { fieldsOf, isObject } from '../../platform/json.ts'
import { joinAnswers } from './join-answers.ts'
import { type TranscriptEntry, toEntries } from './transcript.ts'

export type WrittenConversation = {
  file: string
  /** The size of the file when it was read, in bytes. */
  bytes: number
  messages: ConversationMessage[]
  /** The id of the last message, to which the next one refers. */
  lastId: string
  /** The caller's own system prompt; null if there is none. */
  systemPrompt: string | null
}

/** What `TranscriptWriter` writes with a message, and nothing else. */
const ownFields = [
  'parentUuid', 'isSidechain', 'userType', 'entrypoint', 'cwd', 'sessionId', 'version', 'uuid', 'timestamp', 'type',
].sort() // biome-ignore format: a list reads better in lines than in a column

/** A name or a mark that somebody has given to the conversation: no part of what the model reads. */
const labels = new Set(['custom-title', 'ai-title', 'tag', 'summary'])

function isOwn(entry: TranscriptEntry, content: 'message' | 'attachment'): boolean {
  const fields = Object.keys(entry).filter((name) => name !== content)
  return fields.length === ownFields.length && fields.sort().every((name, index) => name === ownFields[index])
}

/** Null if it does not exist, or holds anything else. */
export async function readWrittenConversation(file: string): Promise<WrittenConversation | null> {
  const bytes = await readFile(file).catch(() => null)
  if (bytes === null || bytes.at(-1) !== 0x0a) return null
  const entries = [...toEntries(bytes)].filter(({ type }) => !labels.has(String(type)))
  const messages: ConversationMessage[] = []
  let systemPrompt: string | null = null
  let lastId: string | null = null
  for (const entry of entries) {
    if (entry.parentUuid !== lastId || typeof entry.uuid !== 'string') return null
    lastId = entry.uuid
    if (entry.type === 'attachment') {
      const prompt = isOwn(entry, 'attachment') ? promptIn(entry.attachment) : null
      if (prompt === null) return null
      systemPrompt = prompt
      continue
    }
    const message = isOwn(entry, 'message') ? messageIn(entry) : null
    if (message === null) return null
    messages.push(message)
  }
  if (lastId === null || messages[0]?.role !== 'user' || messages.at(-1)?.role !== 'assistant') return null
  return { file, bytes: bytes.length, messages: joinAnswers(messages), lastId, systemPrompt }
}

function promptIn(attachment: unknown): string | null {
  const { type, systemPrompt } = fieldsOf(attachment)
  const [prompt, ...more] = Array.isArray(systemPrompt) ? systemPrompt : []
  return type === 'prompt_snapshot' && typeof prompt === 'string' && more.length === 0 ? prompt : null
}

function messageIn({ type, message }: TranscriptEntry): ConversationMessage | null {
  const { role, content } = fieldsOf(message)
  if ((role !== 'user' && role !== 'assistant') || role !== type) return null
  if (!Array.isArray(content) || content.length === 0 || !content.every(isObject)) return null
  return { role, content } as unknown as ConversationMessage
}
