// A CLI process as the turn that runs on it sees it. Not for starting, reusing or ending processes (see worker.ts).
import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { AppError } from '../../errors.ts'
import type { MessageQueue } from './message-queue.ts'
import type { ApprovalNote, PermissionPrompts } from './permission-prompts.ts'
import type { TurnInit } from './verify-init.ts'

/** What a turn needs of its process. */
export type TurnProcess = {
  readonly messages: MessageQueue<SDKMessage | ApprovalNote>
  readonly permissionPrompts: Pick<PermissionPrompts, 'isWaiting' | 'withdraw'>
  send(message: SDKUserMessage): void
  interrupt(): void
  /** Whether it still takes commands. */
  isUsable(): boolean
  /** An error about the process: `what` happened, with its exit code and last words. */
  failure(what: string): AppError
  /** Throws `sandbox_mismatch` where the process is not what it was told to be. */
  check(begun: TurnInit): void
  close(graceMs?: number): Promise<void>
  onWarning(message: string, facts: Record<string, unknown>): void
}
