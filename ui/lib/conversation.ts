// The conversation on the screen: its messages, its active run, and the actions of the user. It is checked regularly
// for runs started elsewhere, such as in another tab.
import { computed, signal } from '@preact/signals'
import type { RunList, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import type { ChatRequest, ChatRequestInput } from '../../src/surfaces/native/schemas.ts'
import type { MessageList, SessionReply } from '../../src/surfaces/native/session-reply-schemas.ts'
import { announce } from './announce.ts'
import { type ApiError, call, query, toApiError } from './api.ts'
import { randomId } from './random-id.ts'
import { followRun } from './run-events.ts'
import { Turn, TurnWriter, turnsOf, userTurn } from './turn.ts'

export type Prompt = ChatRequest['prompt']
export type ChatBody = Partial<ChatRequestInput>

/** Whether a run has not ended. */
export const isActive = ({ status }: Pick<RunReply, 'status'>): boolean =>
  status === 'queued' || status === 'running' || status === 'waiting'

/** The most characters of a prompt that fit into a run's `metadata`. */
const metadataCharsMax = 500

export class Conversation {
  readonly turns = signal<readonly Turn[]>([])
  readonly sessionId = signal<string | null>(null)
  readonly session = signal<SessionReply | null>(null)
  readonly isLoading = signal(false)
  readonly isSending = signal(false)
  /** The active run. */
  readonly runId = signal<string | null>(null)
  readonly isReconnecting = signal(false)
  readonly error = signal<ApiError | null>(null)
  readonly isBusy = computed(() => this.isSending.value || this.runId.value !== null)
  /** The last request, for trying again. */
  lastBody: ChatBody | null = null
  /**
   * Called when the first run of a new conversation is accepted, which may be some time before the conversation has an
   * id.
   */
  onRun: (id: string) => void = () => {}
  /** Called when a new conversation gets its id. */
  onSession: (id: string) => void = () => {}
  readonly #knownRunIds = new Set<string>()
  #isSingleRun = false
  /** A request that may or may not have arrived. Sending it again uses the same key, so that it runs only once. */
  #unconfirmed: { text: string; key: string } | null = null
  readonly #controller = new AbortController()

  close(): void {
    this.#controller.abort()
  }

  /** Shows an existing conversation and its active runs. */
  async open(id: string): Promise<void> {
    this.sessionId.value = id
    this.isLoading.value = true
    await this.#reportErrors(async () => this.#show(await this.#newestRuns()))
    this.isLoading.value = false
  }

  /** Shows a new conversation that has no id yet, from its first run. */
  async resumeFrom(runId: string): Promise<void> {
    await this.#reportErrors(async () => {
      const run = await call<RunReply>(`/v1/runs/${runId}`, { signal: this.#controller.signal })
      if (run.session_id !== null) return this.onSession(run.session_id)
      this.onRun(runId)
      this.#knownRunIds.add(runId)
      this.turns.value = promptTurns(run)
      void this.#follow(runId)
    })
  }

  /** Shows a single run, finished or active. */
  async openRun(run: RunReply): Promise<void> {
    this.#isSingleRun = true
    this.turns.value = promptTurns(run)
    await this.#follow(run.id)
  }

  async #reportErrors(work: () => Promise<void>): Promise<void> {
    try {
      this.error.value = null
      await work()
    } catch (error) {
      if (this.#controller.signal.aborted) return
      this.error.value = toApiError(error)
    }
  }

  /** Oldest first. */
  async #newestRuns(): Promise<RunReply[]> {
    const path = `/v1/runs${query({ session_id: this.sessionId.value, limit: 20 })}`
    const { runs } = await call<RunList>(path, { signal: this.#controller.signal })
    return runs.toReversed()
  }

  /** Shows the messages of the file, then the active runs, one after the other. */
  async #show(runs: readonly RunReply[]): Promise<void> {
    for (const { id } of runs) this.#knownRunIds.add(id)
    const [first, ...others] = runs.filter(isActive)
    await this.#load(first ?? null)
    this.isLoading.value = false
    if (first === undefined) return
    void this.#follow(first.id).then(async () => {
      for (const run of others) {
        this.turns.value = [...this.turns.value, ...promptTurns(run)]
        await this.#follow(run.id)
      }
    })
  }

  /** Loads the file. Messages that the active run has already added to it are left out: they come from its events. */
  async #load(running: RunReply | null): Promise<void> {
    const id = this.sessionId.value
    const options = { signal: this.#controller.signal }
    const session = call<SessionReply>(`/v1/sessions/${id}`, options)
    session.catch(() => {})
    const messages: Message[] = []
    const turns: Turn[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path = `/v1/sessions/${id}/messages${query({ limit: 200, cursor })}`
      const page: MessageList = await call<MessageList>(path, options)
      cursor = page.next_cursor
      messages.push(...page.messages)
      if (running !== null) continue
      turnsOf(page.messages, turns)
      this.turns.value = [...turns]
    }
    if (running !== null) {
      const index = firstMessageOf(running, messages)
      const prompt = messages[index] === undefined ? promptTurns(running) : turnsOf([messages[index]])
      this.turns.value = [...turnsOf(messages.slice(0, index)), ...prompt]
    }
    this.session.value = await session
  }

  /** Sends a prompt and streams the answer. Resolves to whether the server accepted it. */
  async send(body: ChatBody, promptTurn: Turn): Promise<boolean> {
    if (this.isBusy.value) return false
    const sessionId = this.sessionId.value
    this.lastBody = body
    this.isSending.value = true
    this.turns.value = [...this.turns.value, promptTurn]
    const request = { ...body, ...(sessionId === null ? {} : { session_id: sessionId }) }
    const text = JSON.stringify(request)
    const key = this.#unconfirmed?.text === text ? this.#unconfirmed.key : randomId()
    let runId: string | null = null
    await this.#reportErrors(async () => {
      const { id } = await call<RunReply>('/v1/chat', {
        method: 'POST',
        headers: { 'idempotency-key': key },
        body: request,
      })
      this.#knownRunIds.add(id)
      runId = id
      if (sessionId === null) this.onRun(id)
    })
    this.#unconfirmed = this.error.value?.code === 'offline' ? { text, key } : null
    this.isSending.value = false
    if (runId === null) this.turns.value = this.turns.value.filter((turn) => turn !== promptTurn)
    else void this.#follow(runId)
    return runId !== null
  }

  async #follow(runId: string): Promise<void> {
    const turn = new Turn(runId, 'assistant')
    const writer = new TurnWriter(turn)
    this.runId.value = runId
    turn.runId = runId
    this.turns.value = [...this.turns.value, turn]
    announce('Claude is answering.')
    let isDrawing = false
    const draw = () => {
      isDrawing = false
      writer.update()
    }
    await this.#reportErrors(async () => {
      const options = {
        signal: this.#controller.signal,
        onReconnecting: (isReconnecting: boolean) => {
          this.isReconnecting.value = isReconnecting
        },
      }
      for await (const event of followRun(runId, options)) {
        writer.write(event)
        if (event.type === 'start') this.#onStart(event.session_id)
        if (event.type === 'permission_request') announce(`Claude is asking for permission to use ${event.tool_name}.`)
        if (event.type === 'question') announce('Claude is asking a question.')
        if (!isDrawing) requestAnimationFrame(draw)
        isDrawing = true
      }
      announce(turn.end?.outcome === 'done' ? 'The answer is complete.' : 'The answer ended with an error.')
    })
    writer.update()
    this.isReconnecting.value = false
    if (this.runId.value === runId) this.runId.value = null
    await this.#refreshSession()
  }

  /** Title and cost may change with a run. If they cannot be loaded, the old ones stay. */
  async #refreshSession(): Promise<void> {
    const id = this.sessionId.value
    if (id === null || this.#controller.signal.aborted) return
    const session = await call<SessionReply>(`/v1/sessions/${id}`).catch(() => null)
    if (session !== null) this.session.value = session
  }

  #onStart(sessionId: string): void {
    if (this.#isSingleRun || this.sessionId.value !== null || sessionId === '') return
    this.sessionId.value = sessionId
    this.onSession(sessionId)
  }

  async stop(): Promise<void> {
    const runId = this.runId.value
    if (runId === null) return
    await this.#reportErrors(async () => void (await call(`/v1/runs/${runId}/cancel`, { method: 'POST' })))
  }

  /** Shows runs that were started elsewhere in the meantime. */
  async checkForNewRuns(): Promise<void> {
    const { value: id } = this.sessionId
    if (id === null || this.isBusy.value || this.isLoading.value) return
    if (this.error.value?.code === 'offline' && this.turns.value.length === 0) return this.open(id)
    const runs = await this.#newestRuns().catch(() => [])
    if (runs.every(({ id }) => this.#knownRunIds.has(id)) || this.isBusy.value) return
    await this.#reportErrors(() => this.#show(runs))
  }
}

type Message = MessageList['messages'][number]

/** The prompt of a run, if its metadata has it. */
function promptTurns({ id, metadata }: RunReply): Turn[] {
  return metadata.prompt === undefined ? [] : [userTurn(`${id}-prompt`, metadata.prompt)]
}

/** The index of the run's first message: found by its prompt if that is known, otherwise by its time. */
function firstMessageOf({ created_at: createdAt, metadata }: RunReply, messages: readonly Message[]): number {
  const prompt = metadata.prompt?.replace(/…$/, '')
  const isLater = ({ created_at: time }: Message) => time !== null && time >= createdAt
  const isPrompt = (message: Message) =>
    message.role === 'user' && prompt !== undefined && (textOf(message) ?? '').startsWith(prompt)
  const own = messages.findLastIndex((message) => isLater(message) && isPrompt(message))
  const index = own === -1 ? messages.findIndex((message) => isLater(message) && textOf(message) !== null) : own
  return index === -1 ? messages.length : index
}

/** The text of a user message. */
function textOf({ role, content }: Message): string | null {
  const text = content.find((block) => block.type === 'text')
  return role === 'user' && text?.type === 'text' ? text.text : null
}

/** Stored with the run, so that lists of runs can show its prompt. */
export function metadataOf(prompt: string): Record<string, string> {
  if (prompt.length <= metadataCharsMax) return { prompt }
  return { prompt: `${prompt.slice(0, metadataCharsMax).replace(/[\uD800-\uDBFF]$/, '')}…` }
}
