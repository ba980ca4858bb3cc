// Where a turn stands in what its process does. The CLI may report on earlier work before it takes up the prompt, and goes on by itself
// after the answer when background work has something to tell: that belongs to the turn, which is over when the CLI is idle again. Pure.
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import { figuresOfBoth, type RunEnd } from '../../core/events.ts'
import { ProcessActivity, type SessionState } from '../process/process-activity.ts'

/** A message of the CLI that the SDK's types leave out: what becomes of a prompt. */
type CommandLifecycle = { type: 'command_lifecycle'; command_uuid: string; state: string }

export class TurnProgress {
  readonly #promptId: string
  readonly #activity = new ProcessActivity()
  #stateBefore: SessionState | null
  #isQueued = false
  #end: RunEnd | null = null

  /** `stateBefore`: what the process did when the prompt was sent. */
  constructor(promptId: string, stateBefore: SessionState | null) {
    this.#promptId = promptId
    this.#stateBefore = stateBefore
  }

  /** Notes the next message of the process. False if it is not about this turn but about something before it. */
  accept(message: SDKMessage): boolean {
    this.#activity.note(message)
    this.#noteLifecycle(message as SDKMessage | CommandLifecycle)
    if (this.#isQueued) return false
    return message.type !== 'result' || this.#isOwn(message)
  }

  #noteLifecycle(message: SDKMessage | CommandLifecycle): void {
    if (message.type === 'command_lifecycle' && message.command_uuid === this.#promptId)
      this.#isQueued = message.state === 'queued'
  }

  /** Later results are those of turns that the CLI started by itself: they carry no id of a prompt. */
  #isOwn(result: Extract<SDKMessage, { type: 'result' }>): boolean {
    const { user_message_uuid: id } = result
    if (id !== undefined) return id === this.#promptId
    return this.#end !== null || result.origin?.kind !== 'task-notification'
  }

  /** Whether something that the turn started is at work in the background. */
  get hasTasks(): boolean {
    return this.#activity.hasTasks
  }

  /** Adds the end that a result reports. */
  addEnd(end: RunEnd): void {
    this.#end = this.#end === null ? end : joinEnds(this.#end, end)
  }

  /** The ends that were reported so far, as one; null if there is none. */
  get reported(): RunEnd | null {
    return this.#end
  }

  /** Whether an end was reported and nothing is left to wait for. */
  get isOver(): boolean {
    const state = this.#activity.state ?? this.#stateBefore
    return this.#end !== null && (state === null || state === 'idle')
  }
}

/** As `claude -p` has it, the answer is that of the last turn; the figures are those of all. */
function joinEnds(first: RunEnd, later: RunEnd): RunEnd {
  return {
    ...later,
    result: later.result === '' ? first.result : later.result,
    structuredOutput: later.structuredOutput ?? first.structuredOutput,
    ...figuresOfBoth(first, later),
    permissionDenials: [...first.permissionDenials, ...later.permissionDenials],
  }
}
