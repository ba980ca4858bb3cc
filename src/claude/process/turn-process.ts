// A CLI process from the point of view of the turn that runs on it. Not for starting, reusing or ending processes (see
// worker.ts).
import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { AppError } from '../../errors.ts'
import type { MessageQueue } from './message-queue.ts'
import type { ApprovalNote, PermissionPrompts } from './permission-prompts.ts'
import type { SessionState } from './process-activity.ts'
import type { TurnInit } from './verify-init.ts'

/** What a turn needs from its process. */
export type TurnProcess = {
  readonly messages: MessageQueue<SDKMessage | ApprovalNote>
  readonly permissionPrompts: Pick<PermissionPrompts, 'isWaiting' | 'withdraw'>
  /** What it was doing when it was given to the turn; null if the CLI does not report that. */
  readonly sessionState: SessionState | null
  /** Seconds until the plan can be used again; null if it is not used up. */
  planSecondsLeft(): number | null
  send(message: SDKUserMessage): void
  interrupt(): void
  /** Whether it still accepts commands. */
  isUsable(): boolean
  /** An error about the process: `what` happened, with its exit code and the end of its stderr. */
  failure(what: string): AppError
  /** Throws `sandbox_mismatch` if the process did not start as requested. */
  check(init: TurnInit): void
  close(graceMs?: number): Promise<void>
  onWarning(message: string, facts: Record<string, unknown>): void
}
