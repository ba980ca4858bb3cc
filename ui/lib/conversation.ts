// One conversation on the screen: its messages, the run that goes on in it, and what a person does with both. It looks now and then
// whether somebody else, such as another tab, has gone on with it.
import { computed, signal } from '@preact/signals'
import type { RunList, RunReply } from '../../src/surfaces/native/run-schemas.ts'
import type { ChatRequest, ChatRequestInput } from '../../src/surfaces/native/schemas.ts'
import type { MessageList, SessionReply } from '../../src/surfaces/native/session-schemas.ts'
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

/** As many characters of a prompt as a run's `metadata` takes. */
const metadataChars = 500

export class Conversation {
  readonly turns = signal<readonly Turn[]>([])
  readonly sessionId = signal<string | null>(null)
  readonly session = signal<SessionReply | null>(null)
  readonly isLoading = signal(false)
  readonly isSending = signal(false)
  /** The run that goes on. */
  readonly runId = signal<string | null>(null)
  readonly isLost = signal(false)
  readonly fault = signal<ApiError | null>(null)
  readonly isBusy = computed(() => this.isSending.value || this.runId.value !== null)
  /** What was asked last, to ask it again. */
  lastBody: ChatBody | null = null
  /** Called when the first run of a new conversation was taken, which may be some time before there is an id. */
  onRun: (id: string) => void = () => {}
  /** Called when a new conversation has got its id. */
  onSession: (id: string) => void = () => {}
  readonly #known = new Set<string>()
  #isRunAlone = false
  /** The request of which it is not known whether it arrived: the same one again has the same key, and is run once. */
  #unsure: { text: string; key: string } | null = null
  readonly #ending = new AbortController()

  close(): void {
    this.#ending.abort()
  }

  /** Shows a conversation that is there, and what goes on in it. */
  async open(id: string): Promise<void> {
    this.sessionId.value = id
    this.isLoading.value = true
    await this.#guarded(async () => this.#show(await this.#newestRuns()))
    this.isLoading.value = false
  }

  /** Shows a conversation that has just begun, when all that is known is its run. */
  async takeUp(runId: string): Promise<void> {
    await this.#guarded(async () => {
      const run = await call<RunReply>(`/v1/runs/${runId}`, { signal: this.#ending.signal })
      if (run.session_id !== null) return this.onSession(run.session_id)
      this.onRun(runId)
      this.#known.add(runId)
      this.turns.value = askedIn(run)
      void this.#follow(runId)
    })
  }

  /** Shows one run alone, as it was or as it goes on. */
  async openRun(run: RunReply): Promise<void> {
    this.#isRunAlone = true
    this.turns.value = askedIn(run)
    await this.#follow(run.id)
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      this.fault.value = null
      await work()
    } catch (fault) {
      if (this.#ending.signal.aborted) return
      this.fault.value = toApiError(fault)
    }
  }

  /** The oldest of them first. */
  async #newestRuns(): Promise<RunReply[]> {
    const path = `/v1/runs${query({ session_id: this.sessionId.value, limit: 20 })}`
    const { runs } = await call<RunList>(path, { signal: this.#ending.signal })
    return runs.toReversed()
  }

  /** What is in the file, and after it the runs that go on, one after the other as they do. */
  async #show(runs: readonly RunReply[]): Promise<void> {
    for (const { id } of runs) this.#known.add(id)
    const [first, ...others] = runs.filter(isActive)
    await this.#load(first ?? null)
    this.isLoading.value = false
    if (first === undefined) return
    void this.#follow(first.id).then(async () => {
      for (const run of others) {
        this.turns.value = [...this.turns.value, ...askedIn(run)]
        await this.#follow(run.id)
      }
    })
  }

  /** What a run that goes on has added to the file is left to its events. */
  async #load(running: RunReply | null): Promise<void> {
    const id = this.sessionId.value
    const options = { signal: this.#ending.signal }
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
      const at = beginOf(running, messages)
      const asked = messages[at] === undefined ? askedIn(running) : turnsOf([messages[at]])
      this.turns.value = [...turnsOf(messages.slice(0, at)), ...asked]
    }
    this.session.value = await session
  }

  /** Asks, and shows the answer as it comes. Whether the server has taken it. */
  async send(body: ChatBody, shown: Turn): Promise<boolean> {
    if (this.isBusy.value) return false
    const sessionId = this.sessionId.value
    this.lastBody = body
    this.isSending.value = true
    this.turns.value = [...this.turns.value, shown]
    const whole = { ...body, ...(sessionId === null ? {} : { session_id: sessionId }) }
    const text = JSON.stringify(whole)
    const key = this.#unsure?.text === text ? this.#unsure.key : randomId()
    let runId: string | null = null
    await this.#guarded(async () => {
      const { id } = await call<RunReply>('/v1/chat', {
        method: 'POST',
        headers: { 'idempotency-key': key },
        body: whole,
      })
      this.#known.add(id)
      runId = id
      if (sessionId === null) this.onRun(id)
    })
    this.#unsure = this.fault.value?.code === 'offline' ? { text, key } : null
    this.isSending.value = false
    if (runId === null) this.turns.value = this.turns.value.filter((turn) => turn !== shown)
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
    await this.#guarded(async () => {
      const options = {
        signal: this.#ending.signal,
        onLost: (isLost: boolean) => {
          this.isLost.value = isLost
        },
      }
      for await (const event of followRun(runId, options)) {
        writer.write(event)
        if (event.type === 'start') this.#begun(event.session_id)
        if (event.type === 'permission_request') announce(`Claude asks for permission to use ${event.tool_name}.`)
        if (event.type === 'question') announce('Claude asks a question.')
        if (!isDrawing) requestAnimationFrame(draw)
        isDrawing = true
      }
      announce(turn.end?.outcome === 'done' ? 'The answer is complete.' : 'The answer has ended with an error.')
    })
    writer.update()
    this.isLost.value = false
    if (this.runId.value === runId) this.runId.value = null
    await this.#describe()
  }

  /** Title and cost may be new after a run; it does not matter where they cannot be had. */
  async #describe(): Promise<void> {
    const id = this.sessionId.value
    if (id === null || this.#ending.signal.aborted) return
    const session = await call<SessionReply>(`/v1/sessions/${id}`).catch(() => null)
    if (session !== null) this.session.value = session
  }

  #begun(sessionId: string): void {
    if (this.#isRunAlone || this.sessionId.value !== null || sessionId === '') return
    this.sessionId.value = sessionId
    this.onSession(sessionId)
  }

  async stop(): Promise<void> {
    const runId = this.runId.value
    if (runId === null) return
    await this.#guarded(async () => void (await call(`/v1/runs/${runId}/cancel`, { method: 'POST' })))
  }

  /** Whether somebody else has asked something since. */
  async look(): Promise<void> {
    const { value: id } = this.sessionId
    if (id === null || this.isBusy.value || this.isLoading.value) return
    if (this.fault.value?.code === 'offline' && this.turns.value.length === 0) return this.open(id)
    const runs = await this.#newestRuns().catch(() => [])
    if (runs.every(({ id }) => this.#known.has(id)) || this.isBusy.value) return
    await this.#guarded(() => this.#show(runs))
  }
}

type Message = MessageList['messages'][number]

/** The prompt of a run, as far as it is kept with it. */
function askedIn({ id, metadata }: RunReply): Turn[] {
  return metadata.prompt === undefined ? [] : [userTurn(`${id}-prompt`, metadata.prompt)]
}

/** Where the run's own messages begin: with its prompt, where that is known, and else with its time. */
function beginOf({ created_at: createdAt, metadata }: RunReply, messages: readonly Message[]): number {
  const prompt = metadata.prompt?.replace(/…$/, '')
  const isLater = ({ created_at: at }: Message) => at !== null && at >= createdAt
  const isPrompt = (message: Message) =>
    message.role === 'user' && prompt !== undefined && (textOf(message) ?? '').startsWith(prompt)
  const own = messages.findLastIndex((message) => isLater(message) && isPrompt(message))
  const at = own === -1 ? messages.findIndex((message) => isLater(message) && textOf(message) !== null) : own
  return at === -1 ? messages.length : at
}

/** Of what a person has said. */
function textOf({ role, content }: Message): string | null {
  const text = content.find((block) => block.type === 'text')
  return role === 'user' && text?.type === 'text' ? text.text : null
}

/** What is kept with the run, so that whoever looks at it knows what was asked. */
export function metadataOf(prompt: string): Record<string, string> {
  if (prompt.length <= metadataChars) return { prompt }
  return { prompt: `${prompt.slice(0, metadataChars).replace(/[\uD800-\uDBFF]$/, '')}…` }
}
