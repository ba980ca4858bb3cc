// Rows about more conversations than processes, continued in an order that is random but the same in every run: next to a server that
// resumes a session with a process for each request, and to a conversation that has a process of its own.

import type { Row } from '../result.ts'
import { type Summary, summarize } from '../stats.ts'
import { quiet, type Served, type Systems } from '../systems.ts'
import { Conversation, systemOf } from './conversation.ts'
import { nextAlike } from './openai-contenders.ts'
import { sum } from './turns.ts'

const CONVERSATIONS = 12
const PROCESSES = 4
const SEED = 20_261_130

export interface ManyConversationsPlan {
  /** Prompts in each conversation. */
  prompts: number
  progress: (text: string) => void
}

/** One of the conversations, on each system. */
interface Continued {
  prompts: number
  ours: (prompt: string) => Promise<number>
  perProcess: (prompt: string) => Promise<number>
}

export async function manyConversationsRows(systems: Systems, plan: ManyConversationsPlan): Promise<Row[]> {
  const ours = await systems.startOurs(systems.command, { settings: ['--max-processes', `${PROCESSES}`] })
  const roomy = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const servers = [ours, roomy, yardstick]
  const conversations = Array.from({ length: CONVERSATIONS }, (_, index) => continued(index, ours, yardstick))
  const warm = alwaysWarm(roomy, plan.prompts)
  const samples = { ours: [] as number[], perProcess: [] as number[], warm: [] as number[] }

  const turns = conversations.flatMap((conversation) => Array<Continued>(plan.prompts).fill(conversation))
  for (const [turn, conversation] of shuffled(turns, SEED).entries()) {
    plan.progress(`turn ${turn + 1}/${turns.length}`)
    conversation.prompts += 1
    const prompt = `Question ${conversation.prompts}: what comes next?`
    await quiet(servers)
    const oursMs = await conversation.ours(prompt)
    await quiet(servers)
    const perProcessMs = await conversation.perProcess(prompt)
    await quiet(servers)
    samples.warm.push(await warm(prompt))
    // The first turn continues nothing.
    if (conversation.prompts === 1) continue
    samples.ours.push(oursMs)
    samples.perProcess.push(perProcessMs)
  }
  for (const server of servers) await server.stop()

  const figures = sum(samples)
  const what = `OpenAI: first text of a next turn, ${CONVERSATIONS} conversations on ${PROCESSES} processes, in random order`
  const compared: Pick<Row, 'unit' | 'checks' | 'isCompared'> = { unit: 'ms', checks: [], isCompared: true }
  return [
    { id: 'many-conversations', what, figures, ...compared },
    { id: 'many-conversations-p90', what: 'that, at the 90th percentile', figures: slowest(figures), ...compared },
  ]
}

function continued(index: number, server: Served, yardstick: Served): Continued {
  const name = `Conversation ${index + 1}`
  const conversation = new Conversation([systemOf(name)])
  return {
    prompts: 0,
    ours: (prompt) => conversation.firstText(server, `${name}: ${prompt}`),
    perProcess: nextAlike('perProcess', yardstick).firstText,
  }
}

/** Next turns in a process that holds the conversation; a new one begins, unmeasured, when the old one has as many prompts as the others. */
function alwaysWarm(server: Served, promptsMax: number): (prompt: string) => Promise<number> {
  let count = 0
  let conversation = new Conversation([])
  return async (prompt) => {
    if (count % promptsMax === 0) {
      conversation = new Conversation([systemOf(`Warm conversation ${count}`)])
      await conversation.firstText(server, `Warm conversation ${count}: ${prompt}`)
      await quiet([server])
    }
    count += 1
    return conversation.firstText(server, `Warm, turn ${count}: ${prompt}`)
  }
}

/** The 90th percentiles, where a table shows medians. */
function slowest(figures: Row['figures']): Row['figures'] {
  const entries = Object.entries(figures).map(([name, { p90 }]): [string, Summary] => [name, summarize([p90])])
  return Object.fromEntries(entries)
}

/** Fisher and Yates's shuffle. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = randomNumbers(seed)
  const order = [...items]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [one, two] = [order[last], order[other]]
    if (one === undefined || two === undefined) continue
    order[last] = two
    order[other] = one
  }
  return order
}

/** From 0 to below 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
