// The conversation that a process holds: whose it is, how it was begun, and from which message it can be taken back.
import type { Turn } from './profile.ts'
import type { TranscriptMessage, TranscriptWriter } from './transcript.ts'

export class HeldConversation {
  readonly sessionId: string
  /** The system prompt and model that it was begun with. */
  readonly turn: Pick<Turn, 'systemPrompt' | 'model'>
  turns = 0
  firstMessage = ''
  lastMessage = ''
  readonly #transcript: TranscriptWriter | null

  /** `transcript` is null where the CLI writes the conversation's file itself. */
  constructor(sessionId: string, turn: Pick<Turn, 'systemPrompt' | 'model'>, transcript: TranscriptWriter | null) {
    this.sessionId = sessionId
    this.turn = turn
    this.#transcript = transcript
  }

  /** Notes the message that a turn begins with. */
  noteTurn(messageId: string): void {
    if (this.turns === 0) this.firstMessage = messageId
    this.lastMessage = messageId
    this.turns++
  }

  /** Adds a turn to the conversation's file. Throws where the disk refuses. */
  record(turn: Turn, answer: readonly TranscriptMessage[]): void {
    this.#transcript?.append([{ role: 'user', content: turn.prompt }, ...answer], turn.systemPrompt)
  }
}
