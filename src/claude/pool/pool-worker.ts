// What the pool needs of a worker, and how it gets one. The real one is claude/process/worker.ts, on a CLI process; tests schedule with
// others.
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { AnsweredBy, ApprovalAnswer } from '../../core/events.ts'
import type { ExecutableId } from '../cli/abilities.ts'
import type { Profile, Turn } from '../cli/profile.ts'
import type { PromptDistance } from '../cli/prompt-switch.ts'
import type { SpawnMode } from '../cli/sdk-options.ts'
import type { LoadedConversation } from '../process/loaded-conversation.ts'
import type { TurnProcess } from '../process/turn-process.ts'
import type { WorkerPhase } from '../process/worker-state.ts'

export type PoolWorker = {
  readonly profile: Profile
  /** The executable. */
  readonly claude: ExecutableId
  /** The key of the profile. */
  readonly key: string
  readonly spawnMode: SpawnMode
  /** The state of the executable and of the settings files when the process was started; see claude/cli/settings-fingerprint.ts. */
  readonly fingerprint: string
  /** Resolves when the process can take a turn; rejects with an AppError if it cannot be started, or with ClaudeReplaced. */
  readonly ready: Promise<{ models: ModelInfo[] }>
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly state: WorkerPhase
  /** When it last became ready, was acquired or was released, on the pool's clock. */
  readonly lastUsedAt: number
  readonly conversation: LoadedConversation | null
  /** Whether something that a turn has started is at work in the background. */
  readonly hasTasks: boolean
  /** Whether the process was stopped by a signal: it cannot take a turn. */
  readonly isStopped: boolean
  /** How many turns it has taken. */
  readonly requests: number
  /**
   * Every tool that was ever offered here, by name: the CLI keeps a tool's first definition, whichever server offers it.
   */
  readonly knownTools: ReadonlyMap<string, string>
  /** How near it is to using the system prompt. */
  promptDistance(text: string): PromptDistance
  /** Reserves an idle worker for one run. */
  acquire(): void
  /** Ends the reservation. False if the process has ended, or is to end. */
  release(): boolean
  /** Ends the process: no run gets it any more. `graceMs`: how long it may take to end by itself. Safe to call twice. */
  retire(graceMs?: number): Promise<void>
  /** Makes an acquired worker ready for a new conversation. If it throws, the worker must not be used any more. */
  startConversation(turn: Turn, sessionId: string): Promise<void>
  /** Makes an acquired worker ready for the next turn of the conversation that it holds. */
  continueConversation(turn: Turn): Promise<void>
  turnProcess(turn: Turn): TurnProcess
  /** Answers an approval of the turn; false if none with that id is waiting. */
  answer(requestId: string, answer: ApprovalAnswer, by: AnsweredBy): boolean
  /** The memory that the process holds; null if it is not known. */
  residentBytes(): Promise<number | null>
}

/**
 * Everything needed to start a process. `fingerprint` stands for the settings files that it will read. `claude.state` is the stamp of
 * the executable whose version was read.
 */
export type SpawnSpec = {
  profile: Profile
  fingerprint: string
  claude: { path: string; version: string; state: string }
}

/**
 * Starts a process. Throws what the system refuses at once, an AppError if the caller can do something about it; what it refuses later
 * rejects the worker's `ready`.
 */
export type Spawn = (spec: SpawnSpec, mode: SpawnMode) => PoolWorker
