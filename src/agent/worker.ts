// One live CLI process on the Agent SDK: its birth, the turns it is given one after the other, the emptying between
// unrelated conversations, and its end. Which request goes to which worker is the pool's business (pool.ts).
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Query, SDKControlInitializeResponse, SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { RunRequest } from '../core/agent.ts'
import { isContent, type RunEnd, type RunEvent } from '../core/events.ts'
import { AppError, toAppError } from '../errors.ts'
import { Child } from './child.ts'
import { childEnvironment, type Environment } from './environment.ts'
import { processFailure } from './failure.ts'
import { TurnTranslator } from './from-sdk.ts'
import { Mailbox } from './mailbox.ts'
import type { ProcessRecords } from './process-records.ts'
import { type Profile, profileKey, type Turn } from './profile.ts'
import { PromptSwitch } from './prompt-switch.ts'
import { sdk } from './sdk.ts'
import { type Birth, toSdkOptions } from './sdk-options.ts'
import { TranscriptWriter } from './transcript.ts'

/** Deadlines in milliseconds. `silence` starts anew with each message of the CLI; `toolSilence` holds while a tool works. */
export type WorkerLimits = {
  startMs: number
  firstMessageMs: number
  silenceMs: number
  toolSilenceMs: number
  interruptMs: number
}

export const workerLimits: WorkerLimits = {
  startMs: 30_000,
  firstMessageMs: 30_000,
  silenceMs: 180_000,
  toolSilenceMs: 900_000,
  interruptMs: 2_000,
}

export type WorkerContext = {
  claude: { path: string; version: string }
  /** The server's environment; what of it reaches the process is decided in environment.ts. */
  environment: Environment
  configDir: string
  records: ProcessRecords
  limits: WorkerLimits
  onWarning: (message: string, facts: Record<string, unknown>) => void
}

/** The conversation in a process. `turn` is what it was begun with; `firstMessage` is where it can be emptied from. */
export type HeldConversation = {
  sessionId: string
  turn: Pick<Turn, 'systemPrompt' | 'model'>
  turns: number
  firstMessage: string
  lastMessage: string
  transcript: TranscriptWriter | null
}

/** The process cannot go on, and nothing of the turn was told yet: another process may take it. */
export class WorkerLost extends Error {
  override readonly cause: AppError
  constructor(cause: AppError) {
    super(cause.message)
    this.cause = cause
  }
}

let workerCount = 0

export class Worker {
  readonly profile: Profile
  readonly key: string
  readonly birth: Birth
  /** What the settings files were when the process read them; see settings-files.ts. */
  readonly fingerprint: string
  /** Settles when the process can take a turn; rejects with an AppError where it cannot be started. */
  readonly ready: Promise<SDKControlInitializeResponse>
  /** Settles when the process is gone. */
  readonly gone: Promise<void>
  state: 'starting' | 'idle' | 'busy' | 'ending' | 'gone' = 'starting'
  held: HeldConversation | null = null
  lastUsedAt = performance.now()
  requests = 0
  readonly #context: WorkerContext
  readonly #child: Child
  readonly #query: Query
  readonly #mailbox: Mailbox<SDKMessage>
  readonly #promptSwitch: PromptSwitch | null
  #input: (message: SDKUserMessage | null) => void = () => {}
  #baseModel: string | null = null
  #model: string | null = null

  constructor(profile: Profile, birth: Birth, fingerprint: string, context: WorkerContext) {
    this.profile = profile
    this.key = profileKey(profile)
    this.birth = birth
    this.fingerprint = fingerprint
    this.#context = context
    const marker = context.records.marker(++workerCount)
    this.#child = new Child(marker, context.records)
    this.#mailbox = new Mailbox((isFull) => (isFull ? this.#child.gate.hold() : this.#child.gate.release()))
    this.#promptSwitch = profile.prompt.kind === 'by-turn' ? new PromptSwitch(context.records.privateDir) : null
    this.#query = sdk().query({ prompt: this.#prompts(), options: this.#options(marker) })
    this.gone = this.#pump()
    this.ready = this.#start()
    this.#child.gate.once('babble', (fault: Error) => this.#onBabble(fault))
  }

  get pid(): number | null {
    return this.#child.pid
  }

  #options(marker: string) {
    const folder = this.#promptSwitch?.folder
    return {
      ...toSdkOptions(this.profile, this.birth),
      env: childEnvironment(this.#context.environment, marker),
      pathToClaudeCodeExecutable: this.#context.claude.path,
      spawnClaudeCodeProcess: this.#child.spawn,
      ...(folder === undefined ? {} : { plugins: [{ type: 'local' as const, path: folder }] }),
    }
  }

  async *#prompts(): AsyncGenerator<SDKUserMessage> {
    for (;;) {
      const message = await new Promise<SDKUserMessage | null>((resolve) => {
        this.#input = resolve
      })
      if (message === null) return
      yield message
    }
  }

  async #start(): Promise<SDKControlInitializeResponse> {
    const { startMs } = this.#context.limits
    const tooLate = delay(startMs, undefined, { ref: false }).then(() =>
      Promise.reject(this.#failed(`did not start within ${startMs / 1000} s`)),
    )
    const died = this.gone.then(() => Promise.reject(this.#failed('ended while it was starting')))
    tooLate.catch(() => {})
    died.catch(() => {})
    try {
      const facts = await Promise.race([this.#query.initializationResult().catch(() => died), tooLate, died])
      if (this.#promptSwitch !== null) this.#baseModel = this.#model = await this.#appliedModel()
      if (this.state === 'starting') this.state = 'idle'
      this.lastUsedAt = performance.now()
      return facts
    } catch (fault) {
      void this.close()
      throw toAppError(fault)
    }
  }

  /** The model that the process uses when it is told none, by the user's settings or the CLI's own choice. */
  async #appliedModel(): Promise<string | null> {
    const settings = await this.#control({ subtype: 'get_settings' })
    const applied = settings.applied as { model?: unknown } | undefined
    return typeof applied?.model === 'string' ? applied.model : null
  }

  /** A control request that the SDK has no method for. */
  async #control(request: { subtype: string; [field: string]: unknown }): Promise<Record<string, unknown>> {
    const raw = this.#query as Query & {
      request?: (request: unknown) => Promise<{ response?: Record<string, unknown> }>
    }
    if (raw.request === undefined) throw new Error('this SDK has no way to send control requests')
    const answer = await Promise.race([
      raw.request(request),
      this.gone.then(() => Promise.reject(new Error('the process ended'))),
    ])
    return answer.response ?? {}
  }

  async #pump(): Promise<void> {
    try {
      for await (const message of this.#query) if (this.state === 'busy') this.#mailbox.push(message)
    } catch {
      // The SDK throws when the process ends; how it ended is known from the process itself.
    }
    await Promise.race([this.#child.exited, this.#child.end()])
    this.state = 'gone'
    this.#mailbox.end(this.#failed('ended in the middle of its work'))
    this.#query.close()
    await this.#promptSwitch?.remove().catch(() => {})
  }

  #failed(what: string): AppError {
    return processFailure(what, { code: this.#child.exitCode, stderr: this.#child.stderrTail })
  }

  #onBabble(fault: Error): void {
    this.#context.onWarning('a CLI process was ended', { pid: this.pid, reason: fault.message })
    this.#mailbox.stop(this.#failed(`could not be understood: ${fault.message}`))
    void this.close()
  }

  /**
   * Makes the process ready for a new conversation: empties it, and gives it the turn's system prompt and model. Throws
   * where the CLI refuses any of it; the process must not be used then.
   */
  async begin(turn: Turn, sessionId: string): Promise<void> {
    if (this.held !== null) await this.#empty(this.held)
    if (this.#promptSwitch !== null) {
      if (turn.systemPrompt !== null) await this.#promptSwitch.use(this.#query, turn.systemPrompt)
      await this.#useModel(turn.model ?? this.#baseModel)
    }
    const transcript = this.profile.reusable ? this.#newTranscript(sessionId) : null
    this.held = { sessionId, turn, turns: 0, firstMessage: '', lastMessage: '', transcript }
  }

  #newTranscript(sessionId: string): TranscriptWriter {
    const { configDir, claude } = this.#context
    return new TranscriptWriter({ configDir, cwd: this.profile.cwd, sessionId, version: claude.version })
  }

  async #empty(held: HeldConversation): Promise<void> {
    if (held.turns === 0) return
    const { rewound, reason } = await this.#control({
      subtype: 'rewind_conversation',
      target_message_uuid: held.firstMessage,
      last_seen_user_message_uuid: held.lastMessage,
    })
    if (rewound !== true) throw new Error(`the CLI did not empty the conversation: ${String(reason)}`)
    this.held = null
  }

  async #useModel(model: string | null): Promise<void> {
    if (model === this.#model) return
    await this.#query.applyFlagSettings({ model })
    this.#model = model
  }

  /** Whether the CLI knows the command that empties a conversation. Costs no turn. */
  async knowsRewind(): Promise<boolean> {
    const nobody = randomUUID()
    const answer = await this.#control({
      subtype: 'rewind_conversation',
      target_message_uuid: nobody,
      last_seen_user_message_uuid: nobody,
    })
    return 'rewound' in answer
  }

  /** Whether another system prompt can be loaded. Costs no turn. */
  async canSwitchPrompt(): Promise<boolean> {
    const loaded = this.#promptSwitch?.use(this.#query, 'You answer briefly.').then(() => true)
    return (await loaded?.catch(() => false)) ?? false
  }

  /**
   * Gives the process a turn of the conversation it holds. Events as in the contract of `Agent.run`, but for one thing: a
   * process that is lost before anything was told throws WorkerLost.
   */
  async *run(request: RunRequest, turn: Turn, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const held = this.held
    if (held === null || this.state !== 'busy') throw new Error('a turn for a process that was not lent')
    this.requests++
    const translator = new TurnTranslator({
      runId: request.runId,
      sessionId: held.sessionId,
      live: request.live,
      wantsSchema: request.options.jsonSchema !== null,
      nowMs: Date.now,
    })
    const message = toUserMessage(turn)
    const watch = this.#watch(signal, translator)
    const told: Told = { sent: false, start: false, content: false, end: false }
    this.#mailbox.clear()
    try {
      signal.throwIfAborted()
      this.#remember(held, message)
      told.sent = true
      this.#input(message)
      while (!told.end) {
        const next = await this.#mailbox.take()
        watch.refresh()
        if (isOtherResult(next, message)) continue
        for (const event of translator.accept(next)) {
          if (event.type === 'run-end') this.#record(held, turn, translator)
          note(told, event)
          yield event
        }
        if (translator.broken !== null && !told.end) throw translator.broken
      }
    } catch (fault) {
      watch.stop()
      const events = await this.#giveUp(fault, told, translator, message)
      if (told.sent) this.#record(held, turn, translator)
      for (const event of events) {
        note(told, event)
        yield event
      }
    } finally {
      watch.stop()
      if (told.sent && !told.end) await this.#interrupt(translator, message)
    }
  }

  /** Ends a wait when the caller cancels, or when the CLI has been silent for too long. */
  #watch(signal: AbortSignal, translator: TurnTranslator): { refresh(): void; stop(): void } {
    const { firstMessageMs, silenceMs, toolSilenceMs } = this.#context.limits
    const begun = performance.now()
    let lastAt = 0
    let timer: NodeJS.Timeout
    const onAbort = () => this.#mailbox.stop(signal.reason)
    const look = () => {
      // A reader that takes its time is no fault of the CLI.
      if (this.#mailbox.size > 0) lastAt = performance.now()
      const limit = lastAt === 0 ? firstMessageMs : translator.toolIsRunning ? toolSilenceMs : silenceMs
      const left = (lastAt || begun) + limit - performance.now()
      if (left > 0) arm(left)
      else
        this.#mailbox.stop(lastAt === 0 ? new WorkerLost(this.#failed('did not react to the prompt')) : silent(limit))
    }
    const arm = (ms: number) => {
      timer = setTimeout(look, Math.max(ms, 10))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    arm(Math.min(firstMessageMs, silenceMs))
    return {
      refresh: () => {
        lastAt = performance.now()
      },
      stop: () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      },
    }
  }

  /** After a fault: stops the CLI, and says how the run ends, or that another process may try. */
  async #giveUp(fault: unknown, told: Told, translator: TurnTranslator, message: SDKUserMessage): Promise<RunEvent[]> {
    const isLost = this.state === 'gone' || this.state === 'ending' || fault instanceof WorkerLost
    const error = fault instanceof WorkerLost ? fault.cause : toAppError(fault)
    const end = isLost || !told.sent ? null : await this.#interrupt(translator, message)
    if (isLost) void this.close()
    if (isLost && !told.content) throw new WorkerLost(error)
    const start: RunEvent[] = told.start ? [] : [this.#lateStart(translator)]
    const outcome = translator.endWithout(error)
    return [...start, { ...(end ?? outcome), outcome: outcome.outcome, error: outcome.error, model: translator.model }]
  }

  /** A run that is cancelled before the CLI has said which model it uses. */
  #lateStart(translator: TurnTranslator): RunEvent {
    const { runId, sessionId } = translator.context
    return { type: 'run-start', runId, sessionId, model: translator.model }
  }

  /**
   * Interrupts the turn and waits for its result, which tells what it cost. Where none comes, the process is ended: its
   * state is not known.
   */
  async #interrupt(translator: TurnTranslator, message: SDKUserMessage): Promise<RunEnd | null> {
    if (this.state !== 'busy') return null
    const tooLate = setTimeout(
      () => this.#mailbox.stop(new Error('no result after the interrupt')),
      this.#context.limits.interruptMs,
    )
    this.#mailbox.resume()
    try {
      this.#query.interrupt().catch(() => {})
      for (;;) {
        const next = await this.#mailbox.take()
        if (isOtherResult(next, message)) continue
        const end = translator.accept(next).find((event) => event.type === 'run-end')
        if (end !== undefined) return end
      }
    } catch {
      void this.close()
      return null
    } finally {
      clearTimeout(tooLate)
    }
  }

  #remember(held: HeldConversation, message: SDKUserMessage): void {
    const id = message.uuid ?? ''
    if (held.turns === 0) held.firstMessage = id
    held.lastMessage = id
    held.turns++
  }

  /** Writes the turn to the conversation's file, where the CLI does not do it itself. */
  #record(held: HeldConversation, turn: Turn, translator: TurnTranslator): void {
    if (held.transcript === null) return
    const messages = [{ role: 'user' as const, content: turn.prompt }, ...translator.messages.splice(0)]
    try {
      held.transcript.append(messages, turn.systemPrompt)
    } catch (fault) {
      this.#context.onWarning('a conversation could not be written to disk', {
        sessionId: held.sessionId,
        reason: String(fault),
      })
    }
  }

  /** Ends the process: an idle one by SIGTERM; the system's own means follow where that is ignored. Safe to call twice. */
  async close(graceMs?: number): Promise<void> {
    if (this.state !== 'gone') this.state = 'ending'
    await this.#child.end(graceMs)
    this.#input(null)
    await this.gone
  }
}

type Told = { sent: boolean; start: boolean; content: boolean; end: boolean }

function note(told: Told, event: RunEvent): void {
  if (event.type === 'run-start') told.start = true
  if (event.type === 'run-end') told.end = true
  if (isContent(event)) told.content = true
}

function silent(limitMs: number): AppError {
  const reason = `no sign of life from Claude for ${Math.round(limitMs / 1000)} s`
  return new AppError('timeout', 'Request timed out', { reason })
}

function toUserMessage(turn: Turn): SDKUserMessage {
  return {
    type: 'user',
    message: { role: 'user', content: turn.prompt as Extract<SDKUserMessage['message']['content'], unknown[]> },
    parent_tool_use_id: null,
    uuid: randomUUID(),
    // The text is what a program sent, not what a person typed: no slash commands, no file mentions.
    client_composed: true,
  }
}

/** A result that belongs to something else than this turn, such as a task that went on in the background. */
function isOtherResult(message: SDKMessage, sent: SDKUserMessage): boolean {
  return message.type === 'result' && message.user_message_uuid !== undefined && message.user_message_uuid !== sent.uuid
}
