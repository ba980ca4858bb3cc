// What a CLI process does besides answering prompts: the tasks that it has in the background, such as sub-agents and shells, and whether
// it is at work at all. A session state is only reported with `agentEnvironment`.
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'

/**
 * In addition to the list in claude/cli/environment.ts, for agents. The CLI reports its state: it is `idle` only once everything that it
 * does by itself after an answer is over. And it offers no tools that prompt it at a later time, when there is no run for that.
 */
export const agentEnvironment: Readonly<Record<string, string>> = {
  CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: '1',
  CLAUDE_CODE_DISABLE_CRON: '1',
}

export type SessionState = 'idle' | 'running' | 'requires_action'

export const beginsWork = (message: SDKMessage): boolean =>
  message.type === 'system' && message.subtype === 'session_state_changed' && message.state === 'running'

export class ProcessActivity {
  #state: SessionState | null = null
  #hasTasks = false

  /** Call this for each message of the process. */
  note(message: SDKMessage): void {
    if (message.type !== 'system') return
    if (message.subtype === 'session_state_changed') this.#state = message.state
    // Ambient tasks watch something for as long as the process lives; they are no work.
    if (message.subtype === 'background_tasks_changed') this.#hasTasks = message.tasks.some(({ ambient }) => !ambient)
  }

  /** Null if the CLI has not reported it. */
  get state(): SessionState | null {
    return this.#state
  }

  get hasTasks(): boolean {
    return this.#hasTasks
  }
}
