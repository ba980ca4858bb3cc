// The conversations of an examination: one after the other, as clients have them, each different from the usual one in a single thing.
// What one of them has is checked where it reaches the model, and that nothing of it is left in the next.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noOptions, noPlainOptions, type RunOptions, type RunRequest } from '../../core/agent.ts'
import type { ClientTool, ConversationMessage, UserBlock } from '../../core/conversation.ts'
import type { RunEnd } from '../../core/events.ts'
import type { Step, Upstream } from '../../demo/upstream.ts'
import { AppError, toAppError } from '../../errors.ts'
import type { Abilities } from '../cli/abilities.ts'
import { answerTool } from '../cli/profile.ts'
import type { Pool } from '../pool/pool.ts'
import { type Finding, findingsIn, type ModelRequest, markedOptions, type Received } from './findings.ts'

/** The CLI did not ask the scripted model, so that nothing can be said about it. */
export class NotExaminable extends Error {}

/** `failure`: a run failed, and there was no next one. */
export type Outcome = { findings: Finding[]; failure: AppError | null }

/** How long one request may take, in milliseconds; 0.1 to 1 s are usual. */
const requestMs = 30_000

/** So many past messages make a conversation a long one here. */
export const loadedMin = 8

const text = (words: string): { type: 'text'; text: string } => ({ type: 'text', text: words })

const lookUp = {
  name: 'look_up',
  description: 'Looks a word up.',
  inputSchema: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
}

const answerSchema = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
}

const usualModel = 'sonnet'
/** With what the CLI would trim or fill in, in a file. */
const usualPrompt = ' Be brief.\r\n\nAnswer in $'.concat('{CLAUDE_PLUGIN_ROOT}.\n')

/** How a conversation differs from the usual one. */
type Difference = { systemPrompt?: string; model?: string; isMarked?: boolean; isLong?: boolean; tools?: ClientTool[] }

type Exchange = { end: RunEnd; callId: string | null; received: Received[] }

export class Conversations {
  readonly #pool: Pool
  readonly #upstream: Upstream
  readonly #folder: string
  readonly #findings: Finding[] = []
  /** Abilities that failed in use: a request was repeated without them, so that nothing else is said about it. */
  readonly #lost: readonly Finding[]
  /** Words of the earlier conversations: none may be in a later one. */
  readonly #earlier: string[] = []
  /** Of the first request: the others must be like it, or different from it. */
  #first: ModelRequest | null = null

  readonly #opens: boolean
  readonly #loads: boolean

  /** `folder`: for a file that a prompt mentions. `abilities`: those that are used; `lost` gets those that the pool finds wrong. */
  constructor(
    pool: Pool,
    upstream: Upstream,
    { folder, abilities, lost }: { folder: string; abilities: Abilities; lost: readonly Finding[] },
  ) {
    this.#pool = pool
    this.#lost = lost
    this.#opens = abilities.opening
    this.#loads = abilities.loading && abilities.rewind
    this.#upstream = upstream
    this.#folder = folder
  }

  /** Throws NotExaminable. */
  async run(): Promise<Outcome> {
    try {
      const conversations = [
        () => this.#converse({}),
        () => this.#converse({}),
        () => this.#converse({ systemPrompt: `Be ${randomUUID()}.` }),
        () => this.#converse({ model: 'haiku' }),
        () => this.#converse({ isMarked: true }),
        () => this.#callTool({ tools: [lookUp] }),
        () => this.#converse({}),
        () => this.#converse({ isLong: true }),
        () => this.#converse({}),
        () => this.#answerBySchema(),
      ]
      for (const conversation of conversations) {
        await conversation()
        // The others are for the next time, without that ability.
        if (this.#lost.length > 0) return { findings: [...this.#lost], failure: null }
        if (this.#findings.some(({ ability }) => ability !== null)) break
      }
      return { findings: this.#findings, failure: null }
    } catch (error) {
      if (error instanceof NotExaminable) throw error
      return { findings: [...this.#lost, ...this.#findings], failure: toAppError(error) }
    }
  }

  /** A conversation with a past, of two turns; a long one, for which a process is started each time, of one. */
  async #converse(difference: Difference): Promise<void> {
    const words = Array.from({ length: difference.isLong ? loadedMin : 4 }, () => randomUUID())
    const [prompt, next] = [randomUUID(), randomUUID()]
    const past: ConversationMessage[] = words.map((word, index) =>
      index % 2 === 0 ? { role: 'user', content: [text(word)] } : { role: 'assistant', content: [text(word)] },
    )
    await this.#turn(difference, past, prompt, 'Yes.')
    past.push({ role: 'user', content: [text(prompt)] }, { role: 'assistant', content: [text('Yes.')] })
    if (!difference.isLong) await this.#turn(difference, past, next, 'No.')
    this.#earlier.push(...words, prompt, next)
  }

  async #turn(difference: Difference, past: ConversationMessage[], prompt: string, answer: string): Promise<void> {
    const exchange = await this.#ask({ ...wantedFor(difference), prompt: [text(prompt)], past }, { text: answer })
    if (exchange.received.length === 0) {
      throw new NotExaminable('the answer came from elsewhere than the scripted model')
    }
    await this.#look(exchange, difference, [...past, { role: 'user', content: [text(prompt)] }])
  }

  /** A prompt with everything that the CLI itself could act on, a call of the client's tool, and its result. */
  async #callTool(difference: Difference): Promise<void> {
    const [word, secret, result] = [randomUUID(), randomUUID(), randomUUID()]
    const file = join(this.#folder, 'note.txt')
    writeFileSync(file, secret, { mode: 0o600 })
    this.#earlier.push(secret)
    const wanted = wantedFor(difference)
    const prompt = [text(`/cost @${file} ${word}`)]
    const first = await this.#ask({ ...wanted, prompt, past: [] }, { tool: lookUp.name, input: { word } })
    await this.#look(first, difference, [{ role: 'user', content: prompt }])
    const id = first.callId
    this.#check(first.end.stopReason === 'tool_use' && id !== null, "a call of the client's tool did not end the turn")
    this.#earlier.push(word, result)
    if (id === null) return
    const past: ConversationMessage[] = [
      { role: 'user', content: prompt },
      { role: 'assistant', content: [{ type: 'tool_use', id, name: lookUp.name, input: { word } }] },
    ]
    const answered: UserBlock[] = [{ type: 'tool_result', tool_use_id: id, content: [text(result)] }]
    const second = await this.#ask({ ...wanted, prompt: answered, past }, { text: 'Done.' })
    const sent = second.received[0]?.body.messages.at(-1)
    const inResult = JSON.stringify(sent?.content ?? '')
    this.#check(
      sent?.role === 'user' && inResult.includes(result) && inResult.includes(id),
      "the result of a client's tool did not reach the model",
    )
  }

  async #answerBySchema(): Promise<void> {
    const wanted = wantedFor({})
    const options = { ...wanted.options, jsonSchema: answerSchema }
    const answer = { answer: randomUUID() }
    const request = { ...wanted, options, prompt: [text('Answer.')], past: [] }
    const exchange = await this.#ask(request, { tool: answerTool, input: answer }).catch((error) =>
      this.#toNoAnswer(error),
    )
    const offered = exchange?.received[0]?.body.tools?.find(({ name }) => name === answerTool)
    this.#check(
      JSON.stringify(offered?.input_schema) === JSON.stringify(answerSchema) &&
        JSON.stringify(exchange?.end.structuredOutput) === JSON.stringify(answer),
      'an answer that follows a schema did not come back',
    )
  }

  /** The model was asked, and its answer did not come back; other failures are of the process. */
  #toNoAnswer(error: unknown): null {
    if (error instanceof AppError && error.code === 'claude_failed' && this.#received().length > 0) return null
    throw error
  }

  async #look({ received }: Exchange, difference: Difference, messages: ConversationMessage[]): Promise<void> {
    const [request] = received
    this.#check(received.length > 0, 'a prompt did not reach the model')
    const isOpened = this.#opens && messages.length > 1
    if (received.length > 1) {
      const reason = `the model was asked ${received.length} times instead of once`
      const ability = difference.isLong && this.#loads ? 'loading' : isOpened ? 'opening' : null
      this.#findings.push({ ability, reason })
    }
    if (request === undefined) return
    const { systemPrompt = usualPrompt, model = usualModel, isMarked = false, isLong = false, tools = [] } = difference
    const found = findingsIn(request, {
      systemPrompt,
      model: await this.#fullId(model),
      isMarked,
      isOpened,
      isLoaded: isLong && this.#loads,
      tools,
      messages: messages.map(({ role, content }) => [role, content as never]),
      earlier: this.#earlier,
      // Another model may think in another way.
      usual: model === usualModel ? this.#first : null,
      otherModel: model === usualModel ? null : (this.#first?.model ?? null),
    })
    this.#first ??= request.body
    this.#findings.push(...found)
  }

  #check(isRight: boolean, reason: string): void {
    if (!isRight) this.#findings.push({ ability: null, reason })
  }

  /** Null if the CLI does not report which one it is. */
  async #fullId(name: string): Promise<string | null> {
    const models = await this.#pool.models(requestOf({ ...wantedFor({}), prompt: [], past: [] }))
    return models.find(({ value }) => value === name)?.resolvedModel ?? null
  }

  async #ask(wanted: Wanted, step: Step): Promise<Exchange> {
    this.#upstream.reset()
    this.#upstream.enqueue(step)
    let end: RunEnd | null = null
    let callId: string | null = null
    try {
      for await (const event of this.#pool.run(requestOf(wanted), outOfTime())) {
        if (event.type === 'tool-start') callId = event.toolId
        if (event.type === 'run-end') end = event
      }
      if (end === null) throw new Error('a run without an end')
      if (end.error !== null) throw new AppError(end.error.code, end.error.message)
      return { end, callId, received: this.#received() }
    } catch (error) {
      const failure = toAppError(error)
      const isDeaf = this.#received().length === 0 && !isOfProcess(failure)
      throw isDeaf ? new NotExaminable(`it did not ask the scripted model: ${failure.message}`) : failure
    }
  }

  #received(): Received[] {
    return this.#upstream.requests.flatMap(({ body, raw, url }) =>
      body !== null && url.startsWith('/v1/messages') ? [{ body: body as ModelRequest, raw }] : [],
    )
  }
}

/** Failures that say something about the executable; others may be of its surroundings, such as a login that is required. */
const isOfProcess = ({ code }: AppError) => ['claude_failed', 'sandbox_mismatch', 'internal'].includes(code)

function outOfTime(): AbortSignal {
  const controller = new AbortController()
  const late = new AppError('timeout', `a request took longer than ${requestMs / 1000} s`)
  setTimeout(() => controller.abort(late), requestMs).unref()
  return controller.signal
}

type Wanted = {
  prompt: UserBlock[]
  past: ConversationMessage[]
  options: Partial<RunOptions>
  plain: NonNullable<RunRequest['plain']>
}

function wantedFor(difference: Difference): Pick<Wanted, 'options' | 'plain'> {
  const { systemPrompt = usualPrompt, model = usualModel, isMarked = false, tools = [] } = difference
  const { effort, maxOutputTokens } = markedOptions
  const thinking = { ...noPlainOptions.thinking, isOff: true }
  return {
    options: { systemPrompt, model, ...(isMarked ? { effort } : {}) },
    plain: { ...noPlainOptions, tools, ...(isMarked ? { maxOutputTokens, thinking } : {}) },
  }
}

const requestOf = ({ prompt, options, plain, past }: Wanted): RunRequest => ({
  runId: `run_${randomUUID()}`,
  prompt,
  session: { kind: 'history', messages: past },
  options: { ...noOptions, ...options },
  streaming: true,
  plain,
  approvals: false,
  isAuxiliary: false,
})
