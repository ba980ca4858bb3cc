// Rows about the time to the first text. Each row starts its systems afresh, so that none inherits another row's
// processes, and asks them in turns.

import { check, type Row, type SystemName } from './result.ts'
import { median, summarize } from './stats.ts'
import { quiet, type Served, type Systems } from './systems.ts'

const WARM_UPS = 5

export interface LatencyPlan {
  rounds: number
  progress: (text: string) => void
}

interface Contender {
  name: SystemName
  /** One request; the milliseconds to its first text. What it does before its clock starts is not measured. */
  firstText(prompt: string): Promise<number>
  stop(): Promise<void>
}

type Samples = Partial<Record<SystemName, number[]>>

/** Unrelated requests without built-in tools. The bare process forgets the turn before, ahead of its clock. */
export async function plainRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const bare = await bareContender(systems, { noTools: true, unrelated: true })
  const contenders = [unrelated('ours', ours, { tools: [] }), unrelated('perProcess', yardstick, { tools: [] }), bare]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, yardstick]))
  return check(
    { id: 'plain', what: 'first text, unrelated request without built-in tools', unit: 'ms', figures: sum(samples) },
    [
      { against: 'perProcess', kind: 'at most', limit: 0.12 },
      { against: 'bare', kind: 'at most', limit: 1.25 },
    ],
  )
}

/** Unrelated agent requests: each takes a spare process, and the next waits (unmeasured) until there is one again. */
export async function agentRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const contenders = [unrelated('ours', ours, {}), unrelated('perProcess', yardstick, {})]
  const samples = await takeTurns(contenders, plan, (warm) => quiet([ours, yardstick], warm ? ours : undefined))
  return check({ id: 'agent', what: 'first text, unrelated agent request', unit: 'ms', figures: sum(samples) }, [
    { against: 'perProcess', kind: 'at most', limit: 0.4 },
  ])
}

/** The next turn of a session that goes on: ours and the bare CLI in a live process, the yardstick by resuming. */
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

/** What the server adds: the smallest turn there is, through it and without it, in pairs. */
export async function addedRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const ours = await systems.startOurs()
  const bare = await bareContender(systems, { noTools: true, unrelated: false })
  const samples = await takeTurns([nextTurn('ours', ours, { tools: [] }), bare], plan, () => quiet([ours]))
  const through = samples.ours ?? []
  const without = samples.bare ?? []
  const pairs = summarize(through.map((ms, at) => ms - (without[at] ?? Number.NaN)))
  const added = { ...pairs, median: median(through) - median(without) }
  return check({ id: 'added', what: 'what the server adds to a turn', unit: 'ms', figures: { ours: added } }, [
    { against: 'absolute', kind: 'at most', limit: 5 },
  ])
}

function unrelated(name: SystemName, server: Served, options: Record<string, unknown>): Contender {
  const firstText = async (prompt: string) => (await server.client.chat({ prompt, ...options })).firstTextMs
  return { name, firstText, stop: server.stop }
}

function nextTurn(name: SystemName, server: Served, options: Record<string, unknown>): Contender {
  let sessionId: string | undefined
  const firstText = async (prompt: string) => {
    const session = sessionId ? { session_id: sessionId } : {}
    const answer = await server.client.chat({ prompt, ...options, ...session })
    sessionId = answer.sessionId
    return answer.firstTextMs
  }
  return { name, firstText, stop: server.stop }
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

/** Round after round each contender once, in an order that changes, so that none always runs in another's wake. */
async function takeTurns(
  contenders: readonly Contender[],
  plan: LatencyPlan,
  rest: (warm: boolean) => Promise<void>,
): Promise<Samples> {
  const samples: Samples = {}
  const orders = permutations(contenders)
  for (let round = -WARM_UPS; round < plan.rounds; round += 1) {
    const step = round < 0 ? `warm-up ${round + WARM_UPS + 1}/${WARM_UPS}` : `round ${round + 1}/${plan.rounds}`
    plan.progress(step)
    for (const contender of orders[(round + WARM_UPS) % orders.length] ?? contenders) {
      await rest(round >= 0)
      const ms = await contender.firstText(`Question ${round + WARM_UPS + 1}: what comes next?`).catch((error) => {
        throw new Error(`${contender.name}, ${step}: ${error instanceof Error ? error.message : error}`)
      })
      if (round >= 0) samples[contender.name] = [...(samples[contender.name] ?? []), ms]
    }
  }
  for (const contender of contenders) await contender.stop()
  return samples
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((first, at) => permutations(items.toSpliced(at, 1)).map((rest) => [first, ...rest]))
}

function sum(samples: Samples): Row['figures'] {
  const figures: Row['figures'] = {}
  for (const name of ['ours', 'perProcess', 'bare'] as const) {
    const taken = samples[name]
    if (taken) figures[name] = summarize(taken)
  }
  return figures
}
