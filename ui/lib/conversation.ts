// One conversation on the screen: its messages, the run that goes on in it, and what a person does with both. It looks now and then
// whether somebody else, such as another tab, has gone on with it.
import { computed, signal } from '@preact/signals'
import type { RunList, RunReply } from '../../src/surfaces/native/run-schemas.ts'
import type { ChatRequest, ChatRequestInput } from '../../src/surfaces/native/schemas.ts'
import type { MessageList, SessionReply } from '../../src/surfaces/native/session-schemas.ts'
import { announce } from './announce.ts'
import { ApiError, call, query } from './api.ts'
import { followRun } from './run-events.ts'
import { Turn, TurnWriter, turnsOf, userTurn } from './turn.ts'

export type Prompt = ChatRequest['prompt']
export type ChatBody = Partial<ChatRequestInput>

const isActive = ({ status }: Pick<RunReply, 'status'>) =>
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
  /** Called when a new conversation has got its id. */
  onSession: (id: string) => void = () => {}
  readonly #known = new Set<string>()
  readonly #ending = new AbortController()

  close(): void {
    this.#ending.abort()
  }

  /** Shows a conversation that is there, and what goes on in it. */
  async open(id: string): Promise<void> {
    this.sessionId.value = id
    this.isLoading.value = true
    await this.#guarded(async () => {
      const run = await this.#newestRun()
      await this.#load(run !== null && isActive(run) ? run : null)
      this.isLoading.value = false
      if (run !== null && isActive(run)) void this.#follow(run.id)
    })
    this.isLoading.value = false
  }

  /** Shows one run alone, as it was or as it goes on. */
  async openRun(run: RunReply): Promise<void> {
    this.turns.value = run.metadata.prompt === undefined ? [] : [userTurn(`${run.id}-prompt`, run.metadata.prompt)]
    await this.#follow(run.id)
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      this.fault.value = null
      await work()
    } catch (fault) {
      if (this.#ending.signal.aborted) return
      this.fault.value = fault instanceof ApiError ? fault : new ApiError(0, { error: String(fault), code: 'page' })
    }
  }

  async #newestRun(): Promise<RunReply | null> {
    const path = `/v1/runs${query({ session_id: this.sessionId.value, limit: 1 })}`
    const { runs } = await call<RunList>(path, { signal: this.#ending.signal })
    const [newest = null] = runs
    if (newest !== null) this.#known.add(newest.id)
    return newest
  }

  /** What a run that goes on has added to the file is left to its events. */
  async #load(running: RunReply | null): Promise<void> {
    const id = this.sessionId.value
    const options = { signal: this.#ending.signal }
    const session = call<SessionReply>(`/v1/sessions/${id}`, options)
    session.catch(() => {})
    const turns: Turn[] = []
    let asked: Turn | null = null
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path = `/v1/sessions/${id}/messages${query({ limit: 200, cursor })}`
      const page: MessageList = await call<MessageList>(path, options)
      const isEarlier = ({ created_at: at }: { created_at: string | null }) =>
        running === null || at === null || at < running.created_at
      turnsOf(page.messages.filter(isEarlier), turns)
      const later = page.messages.find((message) => !isEarlier(message) && message.role === 'user')
      if (later !== undefined) asked ??= turnsOf([later])[0] ?? null
      this.turns.value = [...turns]
      cursor = page.next_cursor
    }
    const prompt = running?.metadata.prompt
    if (asked === null && prompt !== undefined) asked = userTurn(`${running?.id}-prompt`, prompt)
    if (asked !== null) this.turns.value = [...turns, asked]
    this.session.value = await session
  }

  /** Asks, and shows the answer as it comes. */
  async send(body: ChatBody, shown: Turn): Promise<void> {
    if (this.isBusy.value) return
    const sessionId = this.sessionId.value
    this.lastBody = body
    this.isSending.value = true
    this.turns.value = [...this.turns.value, shown]
    let runId: string | null = null
    await this.#guarded(async () => {
      const { id } = await call<RunReply>('/v1/chat', {
        method: 'POST',
        // A request of which it is not known whether it arrived can be sent again.
        headers: { 'idempotency-key': crypto.randomUUID() },
        body: { ...body, ...(sessionId === null ? {} : { session_id: sessionId }) },
      })
      this.#known.add(id)
      runId = id
    })
    this.isSending.value = false
    if (runId === null) this.turns.value = this.turns.value.filter((turn) => turn !== shown)
    else await this.#follow(runId)
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
    if (this.sessionId.value !== null || sessionId === '') return
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
    if (this.sessionId.value === null || this.isBusy.value || this.isLoading.value) return
    const known = new Set(this.#known)
    const newest = await this.#newestRun().catch(() => null)
    if (newest === null || known.has(newest.id) || this.isBusy.value) return
    await this.#guarded(async () => {
      const running = isActive(newest) ? newest : null
      await this.#load(running)
      if (running !== null) void this.#follow(newest.id)
    })
  }
}

/** What is kept with the run, so that whoever looks at it knows what was asked. */
export function metadataOf(prompt: string): Record<string, string> {
  if (prompt.length <= metadataChars) return { prompt }
  return { prompt: `${prompt.slice(0, metadataChars).replace(/[\uD800-\uDBFF]$/, '')}…` }
}
