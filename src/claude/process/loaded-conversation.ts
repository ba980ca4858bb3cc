// The conversation that a process holds: its id, how it started, and the message to which it can be rewound.
import type { ConversationMessage } from '../../core/conversation.ts'
import type { Turn } from '../cli/profile.ts'
import { conversationFingerprint } from '../sessions/conversation-fingerprint.ts'
import type { TranscriptMessage, TranscriptWriter } from '../sessions/transcript.ts'

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

  /** `transcript` is null if the CLI writes the conversation's file itself. */
  constructor(sessionId: string, turn: ConversationStart, transcript: TranscriptWriter | null) {
    this.sessionId = sessionId
    this.start = turn
    this.#transcript = transcript
  }

  /** Notes the message that starts a turn. */
  noteTurn(messageId: string): void {
    if (this.turns === 0) this.firstMessage = messageId
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
