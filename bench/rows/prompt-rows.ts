// Rows about the caller's own system prompt, in unrelated requests to the OpenAI route: one that is always the same, one of two in turn,
// one that is new each time, and a new one that ends in a newline. Each has a server of its own.

import type { JsonRecord } from '../json.ts'
import { complete } from '../openai-client.ts'
import { check, type Row } from '../result.ts'
import { quiet, type Served, type Systems } from '../systems.ts'
import { firstTextOf, systemFor } from './openai-contenders.ts'
import { checked, unrelatedWith } from './process-check.ts'
import { type Contender, type LatencyPlan, type Samples, sum, takeTurns } from './turns.ts'

type SystemFor = (prompt: string) => string

/** The system prompt for a prompt of the bench, which has the number of its round. */
const SYSTEMS: Record<'same' | 'recent' | 'new' | 'newline', SystemFor> = {
  same: () => systemFor('everything'),
  recent: (prompt) => systemFor(isEven(prompt) ? 'all even questions' : 'all odd questions'),
  new: systemFor,
  newline: (prompt) => `${systemFor(prompt)}\n`,
}

export async function promptRows(systems: Systems, plan: LatencyPlan): Promise<Row[]> {
  const servers: Served[] = []
  const contenders: Contender[] = []
  for (const [name, systemOf] of Object.entries(SYSTEMS)) {
    const server = await systems.startOurs()
    servers.push(server)
    contenders.push(checked(completion(name, server, systemOf), systems.model, unrelatedWith(systemOf)))
  }
  const samples = await takeTurns(contenders, plan, () => quiet(servers))
  const limit = 45
  return [
    check(row(samples, 'recent', 'one of two system prompts in turn'), [
      { against: 'warm', kind: 'at most', limit: 1.2 },
    ]),
    check(row(samples, 'new', 'a new system prompt each time'), [{ against: 'absolute', kind: 'at most', limit }]),
    check(row(samples, 'newline', 'a new one that ends in a newline'), [
      { against: 'absolute', kind: 'at most', limit },
    ]),
  ]
}

function completion(name: string, server: Served, systemOf: SystemFor): Contender {
  const messages = (prompt: string): JsonRecord[] => [
    { role: 'system', content: systemOf(prompt) },
    { role: 'user', content: prompt },
  ]
  const firstText = async (prompt: string) => firstTextOf(await complete(server.client, { messages: messages(prompt) }))
  return { name, firstText, stop: server.stop }
}

function row({ same = [], ...others }: Samples, name: string, which: string): Omit<Row, 'checks'> {
  const what = `OpenAI: first text, unrelated request with ${which} (warm: always the same)`
  return { id: `prompts-${name}`, what, unit: 'ms', figures: sum({ ours: others[name] ?? [], warm: same }) }
}

function isEven(prompt: string): boolean {
  return Number(/\d+/.exec(prompt)?.[0]) % 2 === 0
}
