// One turn on a live process: the prompt goes in, and events come out until the turn ends, fails or is cancelled, or
// until the process is lost. The worker owns the process itself (claude/process/worker.ts).
import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { RunRequest } from '../../core/agent.ts'
import type { ConversationMessage } from '../../core/conversation.ts'
import { isContent, type RunEnd, type RunEvent } from '../../core/events.ts'
import { AppError, toAppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { AbilityFailed } from '../cli/abilities.ts'
import type { Turn } from '../cli/profile.ts'
import type { LoadedConversation } from '../process/loaded-conversation.ts'
import type { ApprovalNote } from '../process/permission-prompts.ts'
import type { TurnProcess } from '../process/turn-process.ts'
import { toPrompt } from '../process/user-message.ts'
import type { TranscriptMessage } from '../sessions/transcript.ts'
import { TurnTranslator } from './from-sdk.ts'
import { type IdleLimits, IdleTimeout } from './idle-timeout.ts'
import type { AnswerCheck } from './structured-answer.ts'
import { TurnProgress } from './turn-progress.ts'

/** The process cannot continue, and no content of the turn was emitted yet: another process may take it. */
export class WorkerLost extends Error {
  override readonly cause: AppError
  /** The ability that its executable turned out not to have, if that is why. */
  readonly failed: AbilityFailed | null

  constructor(cause: AppError, failed: AbilityFailed | null = null) {
    super(cause.message)
    this.cause = cause
    this.failed = failed
  }
}

/** `interruptMs`: how long an interrupted CLI may take to report, in milliseconds. */
export type TurnLimits = IdleLimits & { interruptMs: number }

export type TurnInput = {
  request: RunRequest
  turn: Turn
  conversation: LoadedConversation
  limits: TurnLimits
  clock: Clock
  /** See TurnContext. */
  answerCheck: AnswerCheck | null
}

export class TurnRun {
  readonly #process: TurnProcess
  readonly #input: TurnInput
  readonly #message: SDKUserMessage
  readonly #translator: TurnTranslator
  readonly #progress: TurnProgress
  #isSent = false
  #isChecked = false
  #hasEmittedStart = false
  #hasEmittedContent = false
  #hasEmittedEnd = false

  constructor(process: TurnProcess, input: TurnInput) {
    const { request, turn, conversation } = input
    this.#process = process
    this.#input = input
    this.#message = toPrompt(turn.prompt, request.commands)
    this.#progress = new TurnProgress(this.#message.uuid ?? '', process.sessionState)
    this.#translator = new TurnTranslator({
      runId: request.runId,
      sessionId: conversation.sessionId,
      streaming: request.streaming,
      answerCheck: input.answerCheck,
      plain: request.plain,
      planSecondsLeft: process.planSecondsLeft,
    })
  }

  /**
   * Events as in the contract of `Agent.run`, with one exception: throws WorkerLost if the process is lost before any
   * content was emitted.
   */
  async *events(signal: AbortSignal): AsyncGenerator<RunEvent> {
    const { messages } = this.#process
    const onAbort = () => messages.stop(signal.reason)
    const watch = this.#startIdleTimeout()
    messages.clear()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      yield* this.#converse(watch)
    } catch (error) {
      watch.stop()
      for (const event of await this.#giveUp(error)) yield this.#note(event)
    } finally {
      watch.stop()
      this.#process.permissionPrompts.withdraw()
      signal.removeEventListener('abort', onAbort)
      if (this.#isSent && !this.#hasEmittedEnd) await this.#interrupt()
    }
  }

  async *#converse(watch: IdleTimeout): AsyncGenerator<RunEvent> {
    this.#input.conversation.noteTurn(this.#message.uuid ?? '')
    this.#isSent = true
    this.#process.send(this.#message)
    while (!this.#hasEmittedEnd) {
      const next = await this.#process.messages.take()
      watch.refresh()
      if (isNote(next)) {
        yield this.#note(toEvent(next))
        continue
      }
      if (!this.#progress.accept(next)) continue
      this.#check(next)
      await this.#translator.prepare(next)
      for (const event of this.#translator.accept(next)) {
        if (event.type === 'run-end') this.#progress.addEnd(event)
        else yield this.#note(event)
      }
      const { reported, isOver } = this.#progress
      if (reported !== null && isOver) {
        this.#record(reported)
        yield this.#note(reported)
      }
      if (this.#translator.broken !== null && !this.#hasEmittedEnd) throw this.#translator.broken
      if (this.#translator.isFinished && !this.#hasEmittedEnd) return yield* this.#finish()
    }
  }

  /** Nothing that a process does is emitted before the process has reported what it is. */
  #check(message: SDKMessage): void {
    const isInit = message.type === 'system' && message.subtype === 'init'
    const isWork = message.type === 'stream_event' || message.type === 'assistant'
    if (isInit || (isWork && !this.#isChecked)) this.#process.check(isInit ? message : {})
    this.#isChecked ||= isInit
  }

  /** The answer has ended, although the CLI would continue: it is stopped, and its later output is not emitted. */
  async *#finish(): AsyncGenerator<RunEvent> {
    yield* this.#translator.closeBlocks()
    const result = await this.#interrupt()
    this.#input.conversation.invalidateFingerprint()
    yield this.#note(this.#translator.finishedEnd(result))
  }

  #note(event: RunEvent): RunEvent {
    if (event.type === 'run-start') this.#hasEmittedStart = true
    if (event.type === 'run-end') this.#hasEmittedEnd = true
    if (isContent(event)) this.#hasEmittedContent = true
    return event
  }

  #startIdleTimeout(): IdleTimeout {
    const { messages } = this.#process
    return new IdleTimeout({
      limits: this.#input.limits,
      clock: this.#input.clock,
      isToolRunning: () => this.#translator.toolIsRunning || this.#progress.hasTasks,
      isReaderSlow: () => messages.size > 0,
      isAwaitingApproval: () => this.#process.permissionPrompts.isWaiting,
      onSilence: (limitMs, isFirst) =>
        messages.stop(
          isFirst ? new WorkerLost(this.#process.failure('did not respond to the prompt')) : silent(limitMs),
        ),
    })
  }

  /**
   * After a failure: stops the CLI and returns the events that end the run, or throws WorkerLost if another process may
   * try.
   */
  async #giveUp(reason: unknown): Promise<RunEvent[]> {
    const failed = reason instanceof AbilityFailed ? reason : null
    const error =
      reason instanceof WorkerLost ? reason.cause : failed === null ? toAppError(reason) : this.#wrong(failed)
    if (error.code === 'sandbox_mismatch') return this.#refuse(error)
    const isLost = reason instanceof WorkerLost || failed !== null || !this.#process.isUsable()
    const end = isLost || !this.#isSent ? null : await this.#interrupt()
    if (isLost) void this.#process.close()
    if (isLost && !this.#hasEmittedContent) throw new WorkerLost(error, failed)
    if (this.#isSent) this.#record(null)
    const { runId, sessionId } = this.#translator.context
    const { model } = this.#translator
    const start: RunEvent[] = this.#hasEmittedStart ? [] : [{ type: 'run-start', runId, sessionId, model }]
    const failedEnd = this.#translator.endWithout(error)
    return [...start, { ...(end ?? failedEnd), outcome: failedEnd.outcome, error: failedEnd.error, model }]
  }

  #wrong({ message }: AbilityFailed): AppError {
    return this.#process.failure(`did not work as requested: ${message}`)
  }

  /** A process that did not start as requested is ended at once: its answer must not be emitted. */
  #refuse(error: AppError): RunEvent[] {
    this.#isSent = false
    void this.#process.close(0)
    if (!this.#hasEmittedStart) throw error
    return [this.#translator.endWithout(error)]
  }

  /**
   * Interrupts the turn and waits for its result, which contains its cost. If none comes, the process is ended: its
   * state is unknown.
   */
  async #interrupt(): Promise<RunEnd | null> {
    const { messages } = this.#process
    if (!this.#process.isUsable()) return null
    // The prompt was answered: only the process itself can end what is left.
    if (this.#progress.reported !== null) {
      void this.#process.close()
      return this.#progress.reported
    }
    const noResult = () => messages.stop(new Error('no result after the interrupt'))
    const timer = setTimeout(noResult, this.#input.limits.interruptMs)
    messages.resume()
    try {
      this.#process.interrupt()
      for (;;) {
        const next = await messages.take()
        if (isNote(next) || !this.#progress.accept(next)) continue
        const end = this.#translator.accept(next).find((event) => event.type === 'run-end')
        if (end !== undefined) return end
      }
    } catch {
      void this.#process.close()
      return null
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * What the client will send back as the model's answer: everything for a plain model, the text for an agent. Null if
   * the process holds something else: a structured answer is a tool call to the process and a text to the client.
   */
  #answerAsReturned(answer: readonly TranscriptMessage[]): ConversationMessage[] | null {
    const { request } = this.#input
    if (request.options.jsonSchema !== null) return null
    // A CLI that answers a call of the client's tool itself holds more than the client will know.
    const isWhole = answer.every(({ role }) => role === 'assistant')
    if (request.plain !== null) return isWhole ? (answer as unknown as ConversationMessage[]) : null
    return [{ role: 'assistant', content: [{ type: 'text', text: this.#translator.allText }] }]
  }

  /**
   * `end` is how the turn ended by itself; null if it was stopped and the process holds something other than what was
   * emitted.
   */
  #record(end: RunEnd | null): void {
    const { conversation, turn } = this.#input
    const answer = this.#translator.messages.splice(0)
    const returned = this.#answerAsReturned(answer)
    if (end?.outcome === 'succeeded' && returned !== null) conversation.addAnswer(turn, returned)
    else conversation.invalidateFingerprint()
    try {
      conversation.record(turn, answer)
    } catch (error) {
      const facts = { sessionId: conversation.sessionId, reason: String(error) }
      this.#process.onWarning('a conversation could not be written to disk', facts)
    }
  }
}

const isNote = (message: SDKMessage | ApprovalNote): message is ApprovalNote =>
  message.type === 'ask' || message.type === 'ask-answered'

const toEvent = (note: ApprovalNote): RunEvent => (note.type === 'ask' ? { type: 'ask', ...note.request } : note)

function silent(limitMs: number): AppError {
  const reason = `Claude sent nothing for ${Math.round(limitMs / 1000)} s`
  return new AppError('timeout', 'Request timed out', { reason })
}
