// The conversation that a process holds: its id, how it started, and the message to which it can be rewound.
import { statSync } from 'node:fs'
import type { ConversationMessage } from '../../core/conversation.ts'
import type { Turn } from '../cli/profile.ts'
import { conversationFingerprint } from '../sessions/conversation-fingerprint.ts'
import { type TranscriptMessage, TranscriptWriter } from '../sessions/transcript.ts'
import { TranscriptWatch } from '../sessions/transcript-watch.ts'

/** The part of a turn that belongs to the whole conversation. */
export type ConversationStart = Pick<Turn, 'systemPrompt' | 'model' | 'clientTools'>

export class LoadedConversation {
  readonly sessionId: string
  /** The system prompt, model and tools that it started with. */
  readonly start: ConversationStart
  turns = 0
  firstMessage = ''
  lastMessage = ''
  /**
   * The fingerprint of the conversation's content if it came with a request; null if the content is not known for sure.
   */
  contentFingerprint: string | null = null
  #messages: ConversationMessage[] = []
  readonly #transcript: TranscriptWriter | null
  readonly #watch: TranscriptWatch | null
  /** Whether it outlives its process: it has a file, or comes with each request. */
  readonly isKept: boolean

  /**
   * `transcript` is null if the CLI writes the conversation's file itself; `watch`, if there is no file that another program
   * could continue.
   */
  constructor(
    sessionId: string,
    turn: ConversationStart,
    transcript: TranscriptWriter | null,
    watch: TranscriptWatch | null = null,
    isKept = true,
  ) {
    this.isKept = isKept
    this.sessionId = sessionId
    this.start = turn
    this.#transcript = transcript
    this.#watch = watch
  }

  /** Whether another program has continued the conversation since its last turn here. */
  isOutdated(): boolean {
    return this.#watch?.hasForeignMessages() ?? false
  }

  /** Something that the process has emitted: it adds messages to the conversation's file, under the same ids. */
  noteMessage({ type, uuid }: { type: string; uuid?: string }): void {
    if ((type === 'user' || type === 'assistant') && uuid !== undefined) this.#watch?.noteOwn(uuid)
  }

  /** A turn has ended: the file is as the process knows it. */
  noteTurnEnd(): void {
    this.#watch?.mark()
  }

  /** Notes the message that starts a turn. */
  noteTurn(messageId: string): void {
    if (this.turns === 0) this.firstMessage = messageId
    this.#watch?.noteOwn(messageId)
    this.lastMessage = messageId
    this.turns++
  }

  /**
   * Whether the process can be rewound to before the conversation. A rewind needs a user message as its target, so an
   * answer before the first user message would remain.
   */
  get canBeRewound(): boolean {
    return this.#messages[0]?.role !== 'assistant'
  }

  get messages(): readonly ConversationMessage[] {
    return this.#messages
  }

  setMessages(messages: readonly ConversationMessage[]): void {
    this.#messages = [...messages]
    this.contentFingerprint = conversationFingerprint(this.#messages)
  }

  addAnswer(turn: Turn, answer: readonly ConversationMessage[]): void {
    if (turn.history === null) return
    this.setMessages([...this.#messages, { role: 'user', content: turn.prompt }, ...answer])
  }

  invalidateFingerprint(): void {
    this.contentFingerprint = null
  }

  /** Adds a turn to the conversation's file. Throws if writing fails. */
  record(turn: Turn, answer: readonly TranscriptMessage[]): void {
    this.#transcript?.append([{ role: 'user', content: turn.prompt }, ...answer], turn.systemPrompt)
  }
}

type Where = { configDir: string; cwd: string; version: string; writer: 'cli' | 'server' | 'nobody' }

/** The conversation of a turn that begins it here. One that came with the request has no file. */
export function newConversation(sessionId: string, turn: Turn, { writer, ...where }: Where): LoadedConversation {
  if (turn.history !== null) return new LoadedConversation(sessionId, turn, null)
  if (writer === 'nobody') return new LoadedConversation(sessionId, turn, null, null, false)
  const { written = null } = turn
  if (written !== null && statSync(written.file).size !== written.bytes)
    throw new Error('the conversation was continued elsewhere meanwhile')
  const lastId = written === null ? {} : { lastId: written.lastId }
  const transcript = writer === 'server' ? new TranscriptWriter({ ...where, sessionId, ...lastId }) : null
  return new LoadedConversation(sessionId, turn, transcript, new TranscriptWatch({ ...where, sessionId }))
}
