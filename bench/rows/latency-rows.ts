// Rows about the time to the first text. Each row starts its systems anew, so that none inherits another row's processes, and measures
// them in turns.

import { check, type Row } from '../result.ts'
import { step } from '../scripted-model.ts'
import type { Answer } from '../sse-client.ts'
import { median, summarize } from '../stats.ts'
import { quiet, type Served, type Systems } from '../systems.ts'
import { type Contender, type LatencyPlan, nextTurn, sum, takeTurns, unrelated } from './turns.ts'

/** Unrelated requests without built-in tools. The bare process rewinds the turn before, ahead of its clock. */
export async function plainRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const bare = await bareContender(systems, { noTools: true, unrelated: true })
  const contenders = [
    unrelated('ours', ours, () => ({ tools: [] })),
    unrelated('perProcess', yardstick, () => ({ tools: [] })),
    bare,
  ]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, yardstick]))
  return check(
    { id: 'plain', what: 'first text, unrelated request without built-in tools', unit: 'ms', figures: sum(samples) },
    [
      { against: 'perProcess', kind: 'at most', limit: 0.12 },
      { against: 'bare', kind: 'at most', limit: 1.25 },
    ],
  )
}

/** Unrelated agent requests: each takes a spare process, and the next waits (unmeasured) until there is another one. */
export async function agentRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const contenders = [unrelated('ours', ours, () => ({})), unrelated('perProcess', yardstick, () => ({}))]
  const samples = await takeTurns(contenders, plan, (warm) => quiet([ours, yardstick], warm ? ours : undefined))
  return check({ id: 'agent', what: 'first text, unrelated agent request', unit: 'ms', figures: sum(samples) }, [
    { against: 'perProcess', kind: 'at most', limit: 0.4 },
  ])
}

/** The next turn of a session: ours and the bare CLI in a live process, the yardstick by resuming. */
export async function nextTurnRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const bare = await bareContender(systems, { noTools: false, unrelated: false })
  const contenders = [nextTurn('ours', ours, {}), nextTurn('perProcess', yardstick, {}), bare]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, yardstick]))
  return check({ id: 'next-turn', what: "first text of a session's next turn", unit: 'ms', figures: sum(samples) }, [
    { against: 'perProcess', kind: 'at most', limit: 0.1 },
    { against: 'bare', kind: 'at most', limit: 1.15 },
  ])
}

/** What the server adds: the smallest possible turn, through it and without it, in pairs. */
export async function addedRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const bare = await bareContender(systems, { noTools: true, unrelated: false })
  const samples = await takeTurns([nextTurn('ours', ours, { tools: [] }), bare], plan, () => quiet([ours]))
  const through = samples.ours ?? []
  const without = samples.bare ?? []
  const pairs = summarize(through.map((ms, index) => ms - (without[index] ?? Number.NaN)))
  const added = { ...pairs, median: median(through) - median(without) }
  return check({ id: 'added', what: 'what the server adds to a turn', unit: 'ms', figures: { ours: added } }, [
    { against: 'absolute', kind: 'at most', limit: 5 },
  ])
}

/** An answer that takes 0.4 s, with an idempotency key (`ours`: its end is on disk before it is sent) and without (`native`). */
export async function durableRows(systems: Systems, plan: LatencyPlan): Promise<Row[]> {
  const first = await durableSamples(systems, plan, ({ firstTextMs }) => firstTextMs)
  const whole = await durableSamples(systems, plan, ({ endMs }) => endMs)
  const against = [{ against: 'native', kind: 'at most', limit: 1.05 }] as const
  return [
    check(
      { id: 'durable-first', what: 'first text, with an idempotency key', unit: 'ms', figures: sum(first) },
      against,
    ),
    check(
      { id: 'durable-end', what: 'whole answer of 0.4 s, with an idempotency key', unit: 'ms', figures: sum(whole) },
      against,
    ),
  ]
}

async function durableSamples(systems: Systems, plan: LatencyPlan, pick: (answer: Answer) => number) {
  const [keyed, unkeyed] = [await systems.startOurs(), await systems.startOurs()]
  let count = 0
  const contender = (name: string, server: Served, headers: () => Record<string, string>): Contender => ({
    name,
    firstText: async (prompt) => {
      const body = { prompt: `${prompt} ${step({ tokens: 20, gap: 20 })}`, tools: [] }
      return pick(await server.client.chat(body, headers()))
    },
    stop: server.stop,
  })
  const contenders = [
    contender('ours', keyed, () => ({ 'idempotency-key': `bench-${++count}` })),
    contender('native', unkeyed, () => ({})),
  ]
  return takeTurns(contenders, plan, () => quiet([keyed, unkeyed]))
}

async function bareContender(
  systems: Systems,
  { noTools, unrelated }: { noTools: boolean; unrelated: boolean },
): Promise<Contender> {
  const bare = await systems.startBare(noTools)
  let turns = 0
  const firstText = async (prompt: string) => {
    if (unrelated && turns > 0) await bare.rewind()
    turns += 1
    return bare.turn(prompt)
  }
  return { name: 'bare', firstText, stop: () => bare.stop() }
}
