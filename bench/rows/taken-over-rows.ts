// Rows about a conversation that another process takes over: the only process had another conversation in between. Each round begins
// with a new conversation of the row's length, so that it is the same in all of them.

import { check, type Row } from '../result.ts'
import { quiet, type Served, type Systems } from '../systems.ts'
import { Conversation, pastOf, systemOf, user } from './conversation.ts'
import { checkConversation } from './process-check.ts'
import { type LatencyPlan, type Samples, sum } from './turns.ts'

/** In milliseconds, for conversations of so many messages. */
const LIMITS = new Map([
  [100, 150],
  [2000, 550],
])
const WARM_UPS = 1

export interface TakenOverPlan extends LatencyPlan {
  lengths: readonly number[]
}

export async function takenOverRows(systems: Systems, plan: TakenOverPlan): Promise<Row[]> {
  const server = await systems.startOurs(systems.command, { settings: ['--max-processes', '1'] })
  const rows: Row[] = []
  for (const length of plan.lengths) rows.push(await lengthRow(systems, server, length, plan))
  await server.stop()
  return rows
}

async function lengthRow(systems: Systems, server: Served, length: number, plan: LatencyPlan): Promise<Row> {
  const samples: Samples = { ours: [], warm: [] }
  for (let round = -WARM_UPS; round < plan.rounds; round += 1) {
    plan.progress(`${length} messages, round ${round + 1}/${plan.rounds}`)
    const name = `Conversation ${round} of ${length}`
    const conversation = new Conversation(pastOf(name, length))
    const measure = async (prompt: string) => {
      await quiet([server])
      const { value, requests } = await systems.model.listenDuring(() => conversation.firstText(server, prompt))
      checkConversation(requests, Math.floor(conversation.messages.length / 2), prompt)
      return value
    }
    await measure('What was first?')
    const warm = await measure('And then?')
    await new Conversation([systemOf(`${name}, between`)]).send(server, user('Something else: what comes next?'))
    const takenOver = await measure('What else?')
    if (round < 0) continue
    samples.ours?.push(takenOver)
    samples.warm?.push(warm)
  }
  const what = `OpenAI: first text of a conversation of ${length} messages that another process takes over (warm: its next turn)`
  const limit = LIMITS.get(length)
  const row: Omit<Row, 'checks'> = { id: `taken-over-${length}`, what, unit: 'ms', figures: sum(samples) }
  if (limit === undefined) return { ...row, checks: [], isCompared: true }
  return check(row, [{ against: 'absolute', kind: 'at most', limit }])
}
