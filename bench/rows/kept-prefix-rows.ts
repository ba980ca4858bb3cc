// Rows about the prompt cache: how much of a request to the model the next one of the same conversation repeats byte for byte, whichever
// process sends it. What is not repeated has to be paid for in full.

import { unitsOf } from '../../test/helpers/kept-prefix.ts'
import type { JsonRecord } from '../json.ts'
import { check, type Row } from '../result.ts'
import { type ModelRequest, step } from '../scripted-model.ts'
import { summarize } from '../stats.ts'
import type { Served, Systems } from '../systems.ts'
import { Conversation, systemOf, user } from './conversation.ts'

export interface KeptPrefixPlan {
  /** Turns of each conversation after its first. */
  turns: number
  progress: (text: string) => void
}

type Scenario = (systems: Systems, turns: number) => Promise<number[]>

const SCENARIOS: Record<string, { what: string; shares: Scenario }> = {
  warm: { what: 'a next turn in the same process', shares: warm },
  'taken-over': { what: 'a next turn that another process takes over', shares: takenOver },
  restart: {
    what: 'a next turn after a restart of the server',
    shares: (systems, turns) => restarted(systems, turns, new Conversation([systemOf('Restart')])),
  },
  tool: { what: "a tool's result after a restart of the server", shares: toolResult },
  agent: {
    what: 'a next turn of an agent after a restart of the server',
    shares: (systems, turns) => restarted(systems, turns, new Conversation([], { model: 'agent/sonnet' })),
  },
}

export async function keptPrefixRows(systems: Systems, plan: KeptPrefixPlan): Promise<Row[]> {
  const rows: Row[] = []
  for (const [name, { what, shares }] of Object.entries(SCENARIOS)) {
    plan.progress(what)
    const figures = { ours: summarize(await shares(systems, plan.turns)) }
    rows.push(
      check({ id: `kept-prefix-${name}`, what: `OpenAI: prompt prefix kept by ${what}`, unit: '%', figures }, [
        { against: 'absolute', kind: 'at least', limit: 100 },
      ]),
    )
  }
  return rows
}

async function warm(systems: Systems, turns: number): Promise<number[]> {
  const server = await systems.startOurs()
  const conversation = new Recorded(systems, new Conversation([systemOf('Warm')]))
  for (let turn = 0; turn <= turns; turn += 1) await conversation.send(server, user(`Warm turn ${turn}`))
  await server.stop()
  return conversation.shares
}

async function takenOver(systems: Systems, turns: number): Promise<number[]> {
  const server = await systems.startOurs(systems.command, { settings: ['--max-processes', '1'] })
  const conversation = new Recorded(systems, new Conversation([systemOf('Taken over')]))
  const other = new Conversation([systemOf('Other')])
  for (let turn = 0; turn <= turns; turn += 1) {
    await conversation.send(server, user(`Turn ${turn}, taken over`))
    await other.send(server, user(`Turn ${turn} of the other`))
  }
  await server.stop()
  return conversation.shares
}

async function restarted(systems: Systems, turns: number, inner: Conversation): Promise<number[]> {
  const conversation = new Recorded(systems, inner)
  const prompts = Array.from({ length: turns + 1 }, (_, turn) => user(`Turn ${turn} after a restart`))
  await sendEachAfterRestart(systems, conversation, prompts)
  return conversation.shares
}

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Tells the weather.', parameters } }]
const callWeather = step({ tool: 'get_weather', input: { city: 'Rome' } }) + step({ tokens: 20 })

async function toolResult(systems: Systems): Promise<number[]> {
  const conversation = new Recorded(systems, new Conversation([systemOf('Tools')], { tools }))
  const result = (): JsonRecord => ({ role: 'tool', tool_call_id: conversation.callId, content: 'It rains.' })
  await sendEachAfterRestart(systems, conversation, [user(`What is the weather? ${callWeather}`), result])
  return conversation.shares
}

/** Each message goes to a server of its own, which continues in the folders of the one before. */
async function sendEachAfterRestart(
  systems: Systems,
  conversation: Recorded,
  messages: readonly (JsonRecord | (() => JsonRecord))[],
): Promise<void> {
  const folders = await systems.folders()
  for (const message of messages) {
    const server = await systems.startOurs(systems.command, { folders })
    await conversation.send(server, typeof message === 'function' ? message() : message)
    await server.stop()
  }
}

/** A conversation, with the percentages of each of its requests to the model that the next one has repeated. */
class Recorded {
  readonly shares: number[] = []
  readonly #systems: Systems
  readonly #conversation: Conversation
  #previous: ModelRequest | null = null
  /** Of the latest call of a tool. */
  callId = ''

  constructor(systems: Systems, conversation: Conversation) {
    this.#systems = systems
    this.#conversation = conversation
  }

  async send(server: Served, message: JsonRecord): Promise<void> {
    const { value, requests } = await this.#systems.model.listenDuring(() => this.#conversation.send(server, message))
    const [request, ...others] = requests
    if (!request || others.length > 0) throw new Error(`the model got ${requests.length} requests, not one`)
    if (this.#previous) this.shares.push(keptPercent(this.#previous, request))
    this.#previous = request
    this.callId = value.message.tool_calls?.at(0)?.id ?? this.callId
  }
}

/** The share of the previous request's units, by their length, before the first that the next one does not repeat. */
function keptPercent(previous: ModelRequest, next: ModelRequest): number {
  const [before, after] = [unitsOf(previous), unitsOf(next)]
  const changed = before.findIndex((unit, index) => unit !== after[index])
  const lengthOf = (units: readonly string[]) => units.reduce((total, unit) => total + unit.length, 0)
  return (100 * lengthOf(changed < 0 ? before : before.slice(0, changed))) / lengthOf(before)
}
