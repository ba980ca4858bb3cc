// A worker without a process, for tests of the pool: it starts, answers and dies when the test says so. The suite in
// test/contract/worker-suite.ts runs on it and on real ones, so that both keep the same promises.
import { randomUUID } from 'node:crypto'
import type { ModelInfo, SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import { type Profile, profileKey, type Turn } from '../../src/claude/cli/profile.ts'
import type { SpawnMode } from '../../src/claude/cli/sdk-options.ts'
import type { PoolWorker, Spawn, SpawnSpec } from '../../src/claude/pool/pool-worker.ts'
import { LoadedConversation } from '../../src/claude/process/loaded-conversation.ts'
import { MessageQueue } from '../../src/claude/process/message-queue.ts'
import type { ApprovalNote } from '../../src/claude/process/permission-prompts.ts'
import type { TurnProcess } from '../../src/claude/process/turn-process.ts'
import { WorkerState } from '../../src/claude/process/worker-state.ts'
import { AppError } from '../../src/errors.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { readLines } from '../fixtures/record.ts'

/** An answer as the real CLI sent it; see test/fixtures/record.ts. */
const recordedAnswer = JSON.stringify(readLines<SDKMessage>('text'))
const recordedPromptId = '11111111-1111-4111-8111-111111111111'

const models = [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }] as ModelInfo[]

export class FakeWorker implements PoolWorker {
  readonly profile: Profile
  readonly claude: SpawnSpec['claude']
  readonly key: string
  readonly spawnMode: SpawnMode
  readonly fingerprint: string
  readonly ready: Promise<{ models: ModelInfo[] }>
  readonly gone: Promise<void>
  readonly knownTools = new Map<string, string>()
  /** The prompts that it was sent, as texts. */
  readonly prompts: string[] = []
  /** What it reports about its memory. */
  bytes: number | null = 1024
  isStopped = false
  hasTasks = false
  /** Whether it takes until `die` is called to end when it is retired. */
  isSlowToEnd = false
  /** Makes the next preparation for a turn fail. */
  refusal: Error | null = null
  readonly #state: WorkerState
  readonly #starting = Promise.withResolvers<{ models: ModelInfo[] }>()
  readonly #ending = Promise.withResolvers<void>()
  readonly #messages = new MessageQueue<SDKMessage | ApprovalNote>(() => {})
  #conversation: LoadedConversation | null = null
  #requests = 0
  #unanswered: string | null = null

  constructor({ profile, fingerprint, claude }: SpawnSpec, spawnMode: SpawnMode, clock: Pick<Clock, 'now'>) {
    this.profile = profile
    this.claude = claude
    this.key = profileKey(profile)
    this.spawnMode = spawnMode
    this.fingerprint = fingerprint
    this.#state = new WorkerState(clock)
    this.ready = this.#starting.promise
    this.gone = this.#ending.promise
    this.ready.catch(() => {})
  }

  get state() {
    return this.#state.phase
  }

  get lastUsedAt() {
    return this.#state.lastUsedAt
  }

  get conversation() {
    return this.#conversation
  }

  /** As if it had one prompt at a time. */
  promptDistance(text: string): 0 | 2 {
    return this.#conversation?.start.systemPrompt === text ? 0 : 2
  }

  get requests() {
    return this.#requests
  }

  /** The start succeeds. */
  start(): void {
    this.#state.ready()
    this.#starting.resolve({ models })
  }

  failStart(error: AppError): void {
    this.#starting.reject(error)
    this.die()
  }

  /** The process is gone, whatever it was doing. */
  die(): void {
    this.#state.end()
    this.#unanswered = null
    this.#starting.reject(new AppError('claude_failed', 'Claude Code ended while it was starting.'))
    this.#messages.end(new AppError('claude_failed', 'Claude Code ended unexpectedly while it was working.'))
    this.#ending.resolve()
  }

  /** Answers the prompt of the turn in progress. */
  reply(): void {
    if (this.#unanswered === null) throw new Error('no prompt is waiting for an answer')
    const messages = JSON.parse(recordedAnswer.replaceAll(recordedPromptId, this.#unanswered)) as SDKMessage[]
    this.#unanswered = null
    for (const message of messages) this.#messages.push(message)
  }

  get isWorking(): boolean {
    return this.#unanswered !== null
  }

  acquire(): void {
    this.#state.acquire()
  }

  release(): boolean {
    return this.#state.release()
  }

  async retire(): Promise<void> {
    this.#state.retire()
    // The pool sees the end of a process later than it requests it.
    await new Promise((resolve) => setImmediate(resolve))
    if (!this.isSlowToEnd) this.die()
    await this.gone
  }

  async startConversation(turn: Turn, sessionId: string): Promise<void> {
    this.#refuse()
    for (const tool of turn.clientTools) this.knownTools.set(tool.name, JSON.stringify(tool))
    this.#conversation = new LoadedConversation(sessionId, turn, null)
    for (const { role } of turn.history ?? []) if (role === 'user') this.#conversation.noteTurn(randomUUID())
    this.#conversation.setMessages(turn.history ?? [])
  }

  async continueConversation(): Promise<void> {
    this.#refuse()
  }

  turnProcess(): TurnProcess {
    if (this.#conversation === null || this.state !== 'busy')
      throw new Error('a turn on a worker that was not acquired')
    this.#requests++
    return {
      messages: this.#messages,
      permissionPrompts: { isWaiting: false, withdraw: () => {} },
      sessionState: null,
      planSecondsLeft: () => null,
      send: ({ uuid, message }) => {
        this.#unanswered = uuid ?? ''
        this.prompts.push(textOf(message.content))
      },
      interrupt: () => this.reply(),
      isUsable: () => this.state === 'busy',
      failure: (what) => new AppError('claude_failed', `Claude Code ${what}.`),
      check: () => {},
      close: () => this.retire(),
      onWarning: () => {},
    }
  }

  answer(): boolean {
    return false
  }

  async residentBytes(): Promise<number | null> {
    return this.bytes
  }

  #refuse(): void {
    const { refusal } = this
    this.refusal = null
    if (refusal !== null) throw refusal
  }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return (content as { text?: string }[]).map(({ text = '' }) => text).join('')
}

/** Collects what it spawns, in order. Unless `isManual`, each starts a moment later. */
export class FakeSpawner {
  readonly workers: FakeWorker[] = []
  /** Thrown by the next spawn. */
  refusal: Error | null = null
  readonly #clock: Pick<Clock, 'now'>
  readonly #isManual: boolean

  constructor(clock: Pick<Clock, 'now'>, { isManual = false } = {}) {
    this.#clock = clock
    this.#isManual = isManual
  }

  readonly spawn: Spawn = (spec, mode) => {
    const { refusal } = this
    this.refusal = null
    if (refusal !== null) throw refusal
    const worker = new FakeWorker(spec, mode, this.#clock)
    this.workers.push(worker)
    if (!this.#isManual) setImmediate(() => worker.start())
    return worker
  }

  /** Those that are not gone. */
  get live(): FakeWorker[] {
    return this.workers.filter(({ state }) => state !== 'gone')
  }

  /** The one that works on the prompt; throws if none does. */
  workingOn(prompt: string): FakeWorker {
    const worker = this.workers.find((each) => each.isWorking && each.prompts.at(-1) === prompt)
    if (worker === undefined) throw new Error(`nobody works on ${prompt}`)
    return worker
  }
}
