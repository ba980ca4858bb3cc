// The conversation that a process holds: whose it is, how it was begun, and from which message it can be taken back.
import type { ConversationMessage } from '../../core/conversation.ts'
import type { Turn } from '../cli/profile.ts'
import { conversationFingerprint } from '../sessions/conversation-fingerprint.ts'
import type { TranscriptMessage, TranscriptWriter } from '../sessions/transcript.ts'

/** The part of a turn that belongs to the whole conversation. */
export type BegunWith = Pick<Turn, 'systemPrompt' | 'model' | 'clientTools'>

export class LoadedConversation {
  readonly sessionId: string
  /** The system prompt and model that it was begun with. */
  readonly start: BegunWith
  turns = 0
  firstMessage = ''
  lastMessage = ''
  /** What has been said, where the conversation came with a request; null where that is not known for sure. */
  contentFingerprint: string | null = null
  #messages: ConversationMessage[] = []
  readonly #transcript: TranscriptWriter | null

  /** `transcript` is null where the CLI writes the conversation's file itself. */
  constructor(sessionId: string, turn: BegunWith, transcript: TranscriptWriter | null) {
    this.sessionId = sessionId
    this.start = turn
    this.#transcript = transcript
  }

  /** Notes the message that a turn begins with. */
  noteTurn(messageId: string): void {
    if (this.turns === 0) this.firstMessage = messageId
    this.lastMessage = messageId
    this.turns++
  }

  /**
   * Whether the process can be emptied of it: only messages of the user can be gone back to, so that an answer before the
   * first of them would stay.
   */
  get canBeRewound(): boolean {
    return this.#messages[0]?.role !== 'assistant'
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

  /** Adds a turn to the conversation's file. Throws where the disk refuses. */
  record(turn: Turn, answer: readonly TranscriptMessage[]): void {
    this.#transcript?.append([{ role: 'user', content: turn.prompt }, ...answer], turn.systemPrompt)
  }
}
