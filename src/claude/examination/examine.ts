// Finds out what a CLI can do, by what reaches the model: a scripted one in this process, which gets a few requests through a pool of its
// own. Nothing of the operator's login, settings or provider is used. Not for when that is done, nor for who needs to know
// (examinations.ts).
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { noOptions, noPlainOptions, type RunOptions, type RunRequest } from '../../core/agent.ts'
import type { ConversationMessage, UserBlock } from '../../core/conversation.ts'
import type { RunEnd } from '../../core/events.ts'
import { demoEnvironment } from '../../demo/environment.ts'
import { type Step, startUpstream, type Upstream } from '../../demo/upstream.ts'
import { AppError, toAppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Abilities, type AbilityName, abilityNames } from '../cli/abilities.ts'
import { answerTool } from '../cli/profile.ts'
import { loadSdk } from '../cli/sdk.ts'
import { defaultPoolLimits, type ProcessLimits } from '../pool/limits.ts'
import { Pool } from '../pool/pool.ts'
import type { SpawnSpec } from '../pool/pool-worker.ts'
import { workerSpawner } from '../pool/spawn-worker.ts'
import { PlanLimits } from '../process/plan-limits.ts'
import type { ProcessRegistry } from '../process/process-registry.ts'
import { configFolder, type Environment } from '../sessions/config-folder.ts'
import { type Expected, type Finding, findingsIn, type ModelRequest, markedOptions, type Received } from './findings.ts'

export type ExamineParts = {
  environment: Environment
  registry: ProcessRegistry
  clock: Clock
  limits: ProcessLimits
  /** Ends the examination, and its processes. */
  signal: AbortSignal
}

/** What was found: why each missing ability is missing, and what is wrong that there is no other way for. */
export type Examined = {
  missing: Partial<Record<AbilityName, string>>
  defects: string[]
  /** Whether the answer may be another one next time: a process failed, which may have had other reasons. */
  isUncertain: boolean
}

/** The CLI did not connect to the scripted model, so that nothing can be said about it. */
export class NotExaminable extends Error {}

/** Its processes give way to those of requests. */
const nice = 10

/** How long one request may take, in milliseconds; 0.1 to 1 s are usual. */
const requestMs = 30_000

const text = (words: string): { type: 'text'; text: string } => ({ type: 'text', text: words })

/**
 * Examines with all abilities; whenever one fails, again without it: what it spoils must not be held against the others. Throws
 * NotExaminable, and the signal's reason. Takes 2 to 3 s of processor time if nothing is wrong.
 */
export async function examine(claude: SpawnSpec['claude'], parts: ExamineParts): Promise<Examined> {
  const missing: Examined['missing'] = {}
  for (;;) {
    parts.signal.throwIfAborted()
    const abilities = Object.fromEntries(abilityNames.map((name) => [name, missing[name] === undefined])) as Abilities
    const { findings, failure } = await once(claude, abilities, parts)
    parts.signal.throwIfAborted()
    const lost = lostIn(findings).filter(({ ability }) => missing[ability] === undefined)
    for (const { ability, reason } of lost) missing[ability] ??= reason
    if (lost.length > 0) continue
    const defects = [...new Set(findings.map(({ reason }) => reason)), ...(failure === null ? [] : [failure.message])]
    return { missing, defects, isUncertain: failure !== null && failure.code !== 'sandbox_mismatch' }
  }
}

/** What remains of an earlier conversation spoils the rest of the next one. */
function lostIn(findings: Finding[]): { ability: AbilityName; reason: string }[] {
  const lost = findings.flatMap(({ ability, reason }) => (ability === null ? [] : [{ ability, reason }]))
  const remains = lost.filter(({ ability }) => ability === 'rewind')
  return remains.length > 0 ? remains : lost
}

type Outcome = { findings: Finding[]; failure: AppError | null }

async function once(claude: SpawnSpec['claude'], abilities: Abilities, parts: ExamineParts): Promise<Outcome> {
  const folder = join(parts.registry.privateDir, `examination-${randomUUID()}`)
  mkdirSync(folder, { mode: 0o700 })
  const upstream = await startUpstream()
  const lost: Finding[] = []
  const pool = poolFor(claude, { ...parts, abilities, upstream, folder, onLost: (finding) => lost.push(finding) })
  const onAbort = () => void pool.close(0)
  parts.signal.addEventListener('abort', onAbort, { once: true })
  try {
    const { findings, failure } = await new Conversations(pool, upstream, folder).run()
    return { findings: [...lost, ...findings], failure }
  } finally {
    parts.signal.removeEventListener('abort', onAbort)
    await pool.close(0)
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  }
}

type PoolParts = ExamineParts & {
  abilities: Abilities
  upstream: Upstream
  folder: string
  onLost: (finding: Finding) => void
}

function poolFor(claude: SpawnSpec['claude'], parts: PoolParts): Pool {
  const { abilities, upstream, folder, registry, clock, limits, onLost } = parts
  const environment = demoEnvironment(parts.environment, upstream.url, folder)
  const gone = new Set<AbilityName>()
  const context = {
    environment,
    configDir: configFolder(environment),
    clock,
    planLimits: new PlanLimits(Date.now),
    onWarning: () => {},
    abilities: {
      of: () => ({ ...abilities, ...Object.fromEntries([...gone].map((name) => [name, false])) }),
      lose: (_claude: unknown, { ability, message }: { ability: AbilityName; message: string }) => {
        gone.add(ability)
        onLost({ ability, reason: message })
      },
      addDefect: () => {},
      defectOf: () => null,
    },
  }
  return new Pool(
    { ...defaultPoolLimits, warm: 0, maxProcesses: 2, queueLimit: 9, keepAliveMs: 600_000 },
    {
      ...context,
      spawn: workerSpawner({ ...context, registry, limits, nice }),
      turnLimits: limits,
      claude: async () => {
        await loadSdk()
        return claude
      },
      defaultCwd: folder,
      scratchDir: registry.scratchDir,
    },
  )
}

type Exchange = { end: RunEnd; callId: string | null; received: Received[] }

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

/** A few conversations, one after the other, as clients have them. Each has words of its own, which no other may contain. */
class Conversations {
  readonly #pool: Pool
  readonly #upstream: Upstream
  readonly #folder: string
  readonly #findings: Finding[] = []

  constructor(pool: Pool, upstream: Upstream, folder: string) {
    this.#pool = pool
    this.#upstream = upstream
    this.#folder = folder
  }

  async run(): Promise<Outcome> {
    try {
      const words = await this.#withTool()
      await this.#withHistory(words)
      await this.#withSchema()
      return { findings: this.#findings, failure: null }
    } catch (error) {
      if (error instanceof NotExaminable) throw error
      return { findings: this.#findings, failure: toAppError(error) }
    }
  }

  /** A prompt with everything that the CLI itself could act on, a tool of the client, and its result. Returns the words. */
  async #withTool(): Promise<string[]> {
    const [word, secret, systemPrompt, result] = [
      randomUUID(),
      randomUUID(),
      `Words: ${randomUUID()}\n\nBe brief.`,
      randomUUID(),
    ]
    const file = join(this.#folder, 'note.txt')
    writeFileSync(file, secret, { mode: 0o600 })
    const prompt = [text(`/cost @${file} ${word}`)]
    const options = { systemPrompt, model: 'sonnet', effort: 'low' as const }
    const plain = { ...noPlainOptions, tools: [lookUp], maxOutputTokens: markedOptions.maxOutputTokens }
    const expected = {
      systemPrompt,
      options: markedOptions,
      tools: [lookUp],
      foreign: { rewind: [], files: [secret] },
    }
    const first = await this.#ask({ prompt, options, plain }, { tool: lookUp.name, input: { word } })
    const model = await this.#fullId('sonnet')
    this.#look(first, { ...expected, model, messages: [['user', prompt]] })
    const id = first.callId
    this.#check(first.end.stopReason === 'tool_use' && id !== null, "a call of the client's tool did not end the turn")
    if (id === null) return [word, systemPrompt]
    const call = { type: 'tool_use' as const, id, name: lookUp.name, input: { word } }
    const history: ConversationMessage[] = [
      { role: 'user', content: prompt },
      { role: 'assistant', content: [call] },
    ]
    const answered: UserBlock[] = [{ type: 'tool_result', tool_use_id: id, content: [text(result)] }]
    const second = await this.#ask({ prompt: answered, options, plain, history }, { text: 'Done.' })
    const sent = second.received[0]?.body.messages.at(-1)
    this.#check(
      sent?.role === 'user' &&
        JSON.stringify(sent.content).includes(result) &&
        JSON.stringify(sent.content).includes(id),
      "the result of a client's tool did not reach the model",
    )
    return [word, systemPrompt, result]
  }

  /** Another conversation, with messages of its own and everything else different. */
  async #withHistory(earlier: string[]): Promise<void> {
    const systemPrompt = `Other words: ${randomUUID()}`
    const [question, answered, prompt] = [randomUUID(), randomUUID(), randomUUID()]
    const history: ConversationMessage[] = [
      { role: 'user', content: [text(question)] },
      { role: 'assistant', content: [text(answered)] },
    ]
    const options = { systemPrompt, model: 'haiku' }
    const request = await this.#ask({ prompt: [text(prompt)], options, history }, { text: 'Yes.' })
    if (request.received.length === 0) throw new NotExaminable('the answer came from elsewhere than the scripted model')
    this.#look(request, {
      systemPrompt,
      model: await this.#fullId('haiku'),
      options: null,
      tools: [],
      messages: [
        ['user', question],
        ['assistant', answered],
        ['user', prompt],
      ],
      foreign: { rewind: earlier, files: [] },
    })
  }

  async #withSchema(): Promise<void> {
    const options = { systemPrompt: `Schema: ${randomUUID()}`, model: 'haiku', jsonSchema: answerSchema }
    const answer = { answer: randomUUID() }
    const prompt = [text('Answer.')]
    const exchange = await this.#ask({ prompt, options }, { tool: answerTool, input: answer }).catch(toNoAnswer)
    const offered = exchange?.received[0]?.body.tools?.find(({ name }) => name === answerTool)
    this.#check(
      JSON.stringify(offered?.input_schema) === JSON.stringify(answerSchema) &&
        JSON.stringify(exchange?.end.structuredOutput) === JSON.stringify(answer),
      'an answer that follows a schema did not come back',
    )
  }

  #look({ received }: Exchange, expected: Expected): void {
    const [request] = received
    if (request !== undefined) this.#findings.push(...findingsIn(request, expected))
    this.#check(received.length > 0, 'a prompt did not reach the model')
    this.#check(received.length < 2, `the model was asked ${received.length} times instead of once`)
  }

  #check(isRight: boolean, reason: string): void {
    if (!isRight) this.#findings.push({ ability: null, reason })
  }

  async #fullId(name: string): Promise<string | null> {
    const models = await this.#pool.models(requestOf({ prompt: [] }))
    return models.find(({ value }) => value === name)?.resolvedModel ?? null
  }

  async #ask(wanted: Wanted, step: Step): Promise<Exchange> {
    this.#upstream.reset()
    this.#upstream.enqueue(step)
    let end: RunEnd | null = null
    let callId: string | null = null
    try {
      for await (const event of this.#pool.run(requestOf(wanted), AbortSignal.timeout(requestMs))) {
        if (event.type === 'tool-start') callId = event.toolId
        if (event.type === 'run-end') end = event
      }
      if (end === null) throw new Error('a run without an end')
      if (end.error !== null) throw new AppError(end.error.code, end.error.message)
    } catch (error) {
      const failure = toAppError(error)
      const isDeaf = failure.code !== 'sandbox_mismatch' && this.#received().length === 0
      throw isDeaf ? new NotExaminable(`it did not ask the scripted model: ${failure.message}`) : failure
    }
    return { end, callId, received: this.#received() }
  }

  #received(): Received[] {
    return this.#upstream.requests.flatMap(({ body, raw, url }) =>
      body !== null && url.startsWith('/v1/messages') ? [{ body: body as ModelRequest, raw }] : [],
    )
  }
}

/** The model was asked, and its answer did not come back; other failures are of the process. */
function toNoAnswer(error: unknown): null {
  if (error instanceof AppError && error.code === 'claude_failed') return null
  throw error
}

type Wanted = {
  prompt: UserBlock[]
  options?: Partial<RunOptions>
  plain?: RunRequest['plain']
  history?: ConversationMessage[]
}

const requestOf = ({ prompt, options = {}, plain = noPlainOptions, history = [] }: Wanted): RunRequest => ({
  runId: `run_${randomUUID()}`,
  prompt,
  session: { kind: 'history', messages: history },
  options: { ...noOptions, ...options },
  streaming: true,
  plain,
  approvals: false,
  isAuxiliary: false,
})
