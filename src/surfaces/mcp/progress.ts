// Progress notifications of a call, for clients that want them: what Claude Code is doing, and a sign of life during silence, because
// many clients end a call that is silent for a minute. Not for the answer's text.
import type { RunEvent } from '../../core/events.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ToolCall } from './tool-call.ts'

const silenceMs = 10_000

/** Descriptions come from the model and may be long. */
const shorten = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** Null: nothing that a person would want to read. */
function wordsFor(event: RunEvent): string | null {
  switch (event.type) {
    case 'run-start':
      return 'Started'
    case 'text-start':
      return 'Writing'
    case 'thinking-start':
      return 'Thinking'
    case 'tool-start':
      return `Using ${shorten(event.name)}`
    case 'task-start':
      return `Began: ${shorten(event.description)}`
    case 'task-end':
      return `Finished: ${shorten(event.summary)}`
    case 'ask':
      return event.kind === 'question'
        ? 'Waiting for an answer'
        : `Waiting for permission to use ${shorten(event.toolName)}`
    case 'compact-start':
      return 'Compacting the conversation'
    case 'retry':
      return `The model did not respond; attempt ${event.attempt}`
    default:
      return null
  }
}

export class Progress {
  readonly #call: Pick<ToolCall, 'extra'>
  readonly #clock: Clock
  readonly #startedAt: number
  #count = 0
  #isStarted = false
  #cancelTimer: () => void = () => {}

  constructor(call: Pick<ToolCall, 'extra'>, clock: Clock) {
    this.#call = call
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#wait()
  }

  get #token() {
    return this.#call.extra._meta?.progressToken
  }

  accept(event: RunEvent): void {
    if (event.type === 'run-start') this.#isStarted = true
    const words = wordsFor(event)
    if (words !== null) this.#send(words)
  }

  stop(): void {
    this.#cancelTimer()
  }

  #wait(): void {
    this.#cancelTimer()
    if (this.#token === undefined) return
    this.#cancelTimer = this.#clock.schedule(() => {
      const seconds = Math.round((this.#clock.now() - this.#startedAt) / 1000)
      this.#send(`${this.#isStarted ? 'Working' : 'Waiting for a free process'}, for ${seconds} s`)
    }, silenceMs)
  }

  #send(message: string): void {
    const progressToken = this.#token
    if (progressToken === undefined) return
    this.#wait()
    const params = { progressToken, progress: ++this.#count, message }
    // A client that has left needs none.
    void this.#call.extra.sendNotification({ method: 'notifications/progress', params }).catch(() => {})
  }
}
