// One live CLI process on the Agent SDK: its start, its turns one after the other, the rewind between unrelated
// conversations, and its end. The pool decides which request goes to which worker (claude/pool/pool.ts).
import { setTimeout as delay } from 'node:timers/promises'
import type {
  ModelInfo,
  Options,
  Query,
  SDKControlInitializeResponse,
  SDKMessage,
  SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk'
import type { AnsweredBy, ApprovalAnswer } from '../../core/events.ts'
import { AppError, toAppError } from '../../errors.ts'
import { isObject } from '../../platform/json.ts'
import { secretValues } from '../../platform/redact.ts'
import { AbilityFailed, AbilityRefused, ClaudeReplaced } from '../cli/abilities.ts'
import { childEnvironment, markerName } from '../cli/environment.ts'
import { processFailure } from '../cli/errors-from-sdk.ts'
import { fixedEnvironment, plainEnvironment } from '../cli/plain-mode-options.ts'
import { planOptions } from '../cli/plan-mode-hook.ts'
import { type Profile, profileKey, type Turn, usesAbilities } from '../cli/profile.ts'
import { type PromptDistance, PromptSwitch } from '../cli/prompt-switch.ts'
import { sdk } from '../cli/sdk.ts'
import { type SpawnMode, toSdkOptions } from '../cli/sdk-options.ts'
import { CliProcess } from './cli-process.ts'
import { toMcpServer } from './client-tools-server.ts'
import { Control } from './control.ts'
import { replayHistory } from './history-replay.ts'
import { type LoadedConversation, newConversation } from './loaded-conversation.ts'
import { MessageQueue } from './message-queue.ts'
import { type ApprovalNote, PermissionPrompts } from './permission-prompts.ts'
import { agentEnvironment, beginsWork, ProcessActivity } from './process-activity.ts'
import { isStopped, residentBytes } from './process-tree.ts'
import type { TurnProcess } from './turn-process.ts'
import { TurnSettings } from './turn-settings.ts'
import { usingAbility } from './using-ability.ts'
import { startMismatch, type TurnInit, turnMismatch } from './verify-init.ts'
import type { WorkerContext } from './worker-context.ts'
import { type WorkerPhase, WorkerState } from './worker-state.ts'

/** How long the last words of a process that has ended are waited for, in milliseconds. */
const lastWordsMs = 500

let workerCount = 0

/** Another CLI's list may have another form, or none. */
function usableModels(models: unknown): SDKControlInitializeResponse['models'] {
  if (!Array.isArray(models)) return []
  return models.flatMap((model: unknown) => {
    if (!isObject(model) || typeof model.value !== 'string') return []
    const { value, displayName } = model
    return [{ ...model, value, displayName: typeof displayName === 'string' ? displayName : value } as ModelInfo]
  })
}

/** The client's tools, of a process that cannot be given others later. */
function fixedTools({ fixed: { clientTools } }: Profile): Options {
  return clientTools.length === 0 ? {} : { mcpServers: { tools0: toMcpServer('tools0', clientTools) } }
}

export class Worker {
  readonly profile: Profile
  readonly claude: WorkerContext['claude']
  readonly key: string
  readonly spawnMode: SpawnMode
  /** The state of the settings files when the process read them; see claude/cli/settings-fingerprint.ts. */
  readonly fingerprint: string
  /** Resolves when the process can take a turn; rejects with an AppError if it cannot be started, or with ClaudeReplaced. */
  readonly ready: Promise<SDKControlInitializeResponse>
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly #state: WorkerState
  #conversation: LoadedConversation | null = null
  #requests = 0
  readonly #context: WorkerContext
  readonly #process: CliProcess
  readonly #query: Query
  readonly #control: Control
  readonly #messages: MessageQueue<SDKMessage | ApprovalNote>
  readonly #permissionPrompts: PermissionPrompts
  readonly #promptSwitch: PromptSwitch | null
  readonly #activity = new ProcessActivity()
  readonly #using = usingAbility(() => this.#requests === 0)
  readonly #input = new MessageQueue<SDKUserMessage>(() => {})
  #models: SDKControlInitializeResponse['models'] = []
  readonly #settings: TurnSettings

  constructor(profile: Profile, spawnMode: SpawnMode, fingerprint: string, context: WorkerContext) {
    this.profile = profile
    this.claude = context.claude
    this.key = profileKey(profile)
    this.spawnMode = spawnMode
    this.fingerprint = fingerprint
    this.#context = context
    this.#state = new WorkerState(context.clock)
    const marker = context.registry.marker(++workerCount)
    this.#process = new CliProcess(marker, context.registry, secretValues(context.environment), context.nice)
    this.#messages = new MessageQueue((isFull) => (isFull ? this.#process.gate.hold() : this.#process.gate.release()))
    this.#permissionPrompts = new PermissionPrompts((note) => this.#messages.push(note), context.permissionModes ?? [])
    this.#promptSwitch = profile.prompt.kind === 'by-turn' ? new PromptSwitch(context.registry.privateDir) : null
    this.#query = sdk().query({ prompt: this.#prompts(), options: this.#options(marker) })
    this.gone = this.#pump()
    this.#control = new Control(this.#query, {
      clock: context.clock,
      controlMs: context.limits.controlMs,
      gone: this.gone,
      onSilence: (request) => this.#onFrozen(request),
    })
    this.#settings = new TurnSettings(profile, this.#control, this.#using)
    this.ready = this.#start()
    this.#process.gate.once('babble', (error: Error) => this.#onUnparseableOutput(error))
  }

  get state(): WorkerPhase {
    return this.#state.phase
  }

  get lastUsedAt(): number {
    return this.#state.lastUsedAt
  }

  get conversation(): LoadedConversation | null {
    return this.#conversation
  }

  get requests(): number {
    return this.#requests
  }

  get knownTools(): ReadonlyMap<string, string> {
    return this.#settings.knownTools
  }

  promptDistance(text: string): PromptDistance {
    return this.#promptSwitch?.distanceTo(text) ?? 0
  }

  get hasTasks(): boolean {
    return this.#activity.hasTasks
  }

  get isStopped(): boolean {
    return this.#process.pid !== null && isStopped(this.#process.pid)
  }

  acquire(): void {
    this.#state.acquire()
  }

  release(): boolean {
    this.#conversation?.noteTurnEnd()
    return this.#state.release()
  }

  async residentBytes(): Promise<number | null> {
    return this.#process.pid === null ? null : residentBytes(this.#process.pid)
  }

  #options(marker: string) {
    const folder = this.#promptSwitch?.folder
    return {
      ...toSdkOptions(this.profile, this.spawnMode),
      ...planOptions(this.profile, this.#context.configDir),
      ...fixedTools(this.profile),
      env: childEnvironment(this.#context.environment, {
        ...(this.profile.plain ? plainEnvironment : agentEnvironment),
        ...fixedEnvironment(this.profile),
        [markerName]: marker,
      }),
      pathToClaudeCodeExecutable: this.#context.claude.path,
      spawnClaudeCodeProcess: this.#process.spawn,
      ...(this.profile.approvals ? { canUseTool: this.#permissionPrompts.canUseTool } : {}),
      ...(folder === undefined ? {} : { plugins: [{ type: 'local' as const, path: folder }] }),
    }
  }

  async *#prompts(): AsyncGenerator<SDKUserMessage> {
    try {
      for (;;) yield await this.#input.take()
    } catch {
      // There are no more: the process is to end.
    }
  }

  async #start(): Promise<SDKControlInitializeResponse> {
    const { startMs } = this.#context.limits
    const tooLate = delay(startMs, undefined, { ref: false }).then(() =>
      Promise.reject(this.#failed(`did not start within ${startMs / 1000} s`)),
    )
    const died = this.gone.then(() => this.#diedAtStart())
    tooLate.catch(() => {})
    died.catch(() => {})
    try {
      const reported = await Promise.race([this.#query.initializationResult().catch(() => died), tooLate, died])
      this.#checkVersion(reported.claude_code_version)
      const facts = { ...reported, models: usableModels(reported.models) }
      const mismatch = startMismatch(this.profile, facts)
      if (mismatch !== null) throw this.#mismatch(mismatch)
      await this.#settings.readModel()
      this.#models = facts.models
      this.#state.ready()
      return facts
    } catch (error) {
      void this.retire()
      throw error instanceof ClaudeReplaced ? error : toAppError(error)
    }
  }

  /** Where `claude` is a wrapper, its file says nothing about the program: nobody has examined what another version can do. */
  #checkVersion(reported: unknown): void {
    const { path, version } = this.#context.claude
    if (typeof reported !== 'string' || reported === version) return
    this.#context.onVersion(reported)
    if (this.spawnMode.kind === 'load' || usesAbilities(this.profile))
      throw new ClaudeReplaced(`${path} starts ${reported} instead of ${version}`)
  }

  /** It would answer nothing else either, and does not hear a request to end. */
  #onFrozen(request: string): void {
    this.#context.onWarning('a CLI process did not answer and was ended', { pid: this.#process.pid, request })
    void this.retire(0)
  }

  async #pump(): Promise<void> {
    try {
      for await (const message of this.#query) {
        this.#activity.note(message)
        this.#conversation?.noteMessage(message)
        if (message.type === 'rate_limit_event') this.#context.planLimits.note(message.rate_limit_info)
        if (this.state === 'busy') this.#messages.push(message)
        else if (beginsWork(message)) this.#stopOwnWork()
      }
    } catch {
      // The SDK throws when the process ends; the process itself shows how it ended.
    }
    await Promise.race([this.#process.exited, this.#process.end()])
    this.#state.end()
    this.#messages.end(this.#failed('ended unexpectedly while it was working'))
    this.#query.close()
    await this.#promptSwitch?.remove().catch(() => {})
  }

  /** Ends a process that works for no run. Before its first turn, a resumed one may report on earlier work. */
  #stopOwnWork(): void {
    if (this.state !== 'idle' || this.#requests === 0) return
    this.#context.onWarning('a CLI process began to work by itself and was ended', { pid: this.#process.pid })
    void this.retire(0)
  }

  /** What it wrote last says why it has not started; it has seen no prompt yet that this could quote. */
  async #diedAtStart(): Promise<never> {
    await Promise.race([this.#process.closed, delay(lastWordsMs, undefined, { ref: false })])
    const line = this.#process.stderrTail.split('\n').findLast((each) => each.trim() !== '')
    const why = line === undefined ? '' : `: ${line.trim().slice(0, 300).replace(/\.$/, '')}`
    throw this.#failed(`ended while it was starting${why}`)
  }

  #failed(what: string): AppError {
    return processFailure(what, { code: this.#process.exitCode, stderr: this.#process.stderrTail })
  }

  #mismatch(reason: string): AppError {
    this.#context.onWarning('a CLI process did not start as requested and was ended', {
      pid: this.#process.pid,
      reason,
    })
    if (this.profile.plain) this.#context.onDefect(reason)
    const text = `The CLI did not start as requested: ${reason}. Its version may be too new or too old for this server.`
    return new AppError('sandbox_mismatch', text)
  }

  #onUnparseableOutput(error: Error): void {
    this.#context.onWarning('a CLI process was ended', { pid: this.#process.pid, reason: error.message })
    this.#messages.stop(this.#failed(`sent output that could not be parsed: ${error.message}`))
    void this.retire()
  }

  /**
   * Makes the process ready for a new conversation: rewinds it, sets the turn's system prompt, model and tools, and
   * replays the earlier messages. Throws if the CLI refuses any of this; the process must not be used then.
   */
  async startConversation(turn: Turn, sessionId: string): Promise<void> {
    if (this.#conversation !== null) await this.#rewind(this.#conversation)
    else await this.#checkAlive()
    if (this.#promptSwitch !== null && turn.systemPrompt !== null) {
      await this.#using('promptSwitch', this.#promptSwitch.use(this.#control, turn.systemPrompt))
    }
    await this.#settings.apply(turn)
    const { configDir, claude } = this.#context
    const where = { configDir, cwd: this.profile.cwd, version: claude.version }
    this.#conversation = newConversation(sessionId, turn, { ...where, writer: this.#writerFor(turn) })
    const loaded = this.spawnMode.kind === 'load' && this.#requests === 0 ? (turn.loaded ?? null) : null
    if (loaded !== null) for (const id of [loaded.firstId, loaded.lastId]) this.#conversation.noteTurn(id)
    await replayHistory(this.#conversation, loaded?.rest ?? turn.history ?? turn.written?.messages ?? [], {
      control: this.#control,
      using: this.#using,
      input: this.#input,
      messages: this.#messages,
      model: this.#fullModelId(turn),
      opens: this.profile.opensHistory && loaded === null,
      plain: this.profile.plain,
    })
    if (turn.history !== null) this.#conversation.setMessages(turn.history)
  }

  /** Who writes the conversation's file. */
  #writerFor({ persist }: Turn): 'cli' | 'server' | 'nobody' {
    if (this.profile.persist) return 'cli'
    return this.profile.reusable && persist ? 'server' : 'nobody'
  }

  /** Makes the process ready for the next turn of the conversation that it holds. */
  async continueConversation(turn: Turn): Promise<void> {
    await this.#checkAlive()
    await this.#settings.apply(turn)
  }

  /** A prompt that a frozen process never reads could not be taken back from it. */
  async #checkAlive(): Promise<void> {
    if (this.#state.idleMs >= this.#context.limits.pingAfterMs) await this.#control.ping()
  }

  #fullModelId(turn: Turn): string {
    return this.#resolveModel(turn.model ?? this.#settings.baseModel ?? 'default')
  }

  #resolveModel(name: string): string {
    return this.#models.find(({ value }) => value === name)?.resolvedModel ?? name
  }

  async #rewind(conversation: LoadedConversation): Promise<void> {
    if (!conversation.canBeRewound) throw new Error('the conversation starts with an answer and cannot be rewound')
    if (conversation.turns === 0) return
    const { firstMessage: first, lastMessage: last } = conversation
    const target = { first, last }
    // Sent together: the second is answered in about a millisecond, and can only succeed if the first one did nothing.
    const answers = Promise.all([this.#control.rewind(target), this.#control.rewind(target)])
    const [{ rewound, reason }, again] = await this.#using('rewind', answers)
    if (rewound !== true)
      throw new AbilityRefused('rewind', `the CLI did not rewind the conversation: ${String(reason)}`)
    if (again.rewound !== false)
      throw new AbilityFailed('rewind', 'the CLI says that it rewound the conversation, and did not')
    this.#conversation = null
  }

  /** The process for a turn of the conversation that it holds. Throws if the process was not acquired for one. */
  turnProcess(turn: Turn): TurnProcess {
    if (this.#conversation === null || this.state !== 'busy')
      throw new Error('a turn on a process that was not acquired')
    this.#requests++
    return {
      messages: this.#messages,
      permissionPrompts: this.#permissionPrompts,
      sessionState: this.#activity.state,
      planSecondsLeft: () => this.#context.planLimits.secondsLeft(),
      send: (message) => this.#input.push(message),
      interrupt: () => void this.#query.interrupt().catch(() => {}),
      isUsable: () => this.state === 'busy',
      check: (init) => this.#checkTurn(turn, init),
      failure: (what) => this.#failed(what),
      close: (graceMs) => this.retire(graceMs),
      onWarning: this.#context.onWarning,
    }
  }

  #checkTurn(turn: Turn, init: TurnInit): void {
    const mismatch = turnMismatch(this.profile, turn, init)
    if (mismatch !== null) throw this.#mismatch(mismatch)
    this.#checkLoaded(init)
    this.#settings.checkModel(init.model, (name) => this.#resolveModel(name))
  }

  /** A process that has read a file reports under the id in it. */
  #checkLoaded({ session_id: reported }: TurnInit): void {
    const { kind, sessionId } = this.spawnMode
    if (kind !== 'load' || this.#requests > 1 || reported === undefined || reported === sessionId) return
    throw new AbilityFailed('loading', 'the CLI did not begin with the conversation in the file')
  }

  /** Answers an approval of the turn; false if none with that id is waiting. */
  answer(requestId: string, answer: ApprovalAnswer, by: AnsweredBy): boolean {
    return this.#permissionPrompts.answer(requestId, answer, by)
  }

  /** Ends the process with SIGTERM, then with SIGKILL if it ignores that. Safe to call twice. */
  async retire(graceMs?: number): Promise<void> {
    this.#state.retire()
    await this.#process.end(graceMs)
    this.#input.end(null)
    await this.gone
  }
}
