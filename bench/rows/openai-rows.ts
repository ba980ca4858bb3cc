// Rows about the OpenAI route: what it costs next to the native one, and next to a process per request. Each figure is checked against
// the requests that the model really got (process-check.ts).

import { check, type Row } from '../result.ts'
import { summarize } from '../stats.ts'
import { quiet, type Served, type Systems } from '../systems.ts'
import {
  alike,
  nextAlike,
  nextCompletion,
  systemFor,
  type Trip,
  toolTrips,
  twice,
  unrelatedCompletion,
} from './openai-contenders.ts'
import { checked, oneLiveProcess, oneToolRoundTrip, unrelatedWith, warm } from './process-check.ts'
import { type LatencyPlan, sum, takeTurns, unrelated } from './turns.ts'

/** Unrelated requests, next to the plain row's and to native ones that send a system prompt and a model as these do. */
export async function openaiFirstRows(systems: Systems, plan: LatencyPlan): Promise<Row[]> {
  const { model } = systems
  const [ours, native, yardstick] = await startAll(systems)
  const plain = unrelated('native', native, () => ({ tools: [] }))
  const contenders = [
    checked(unrelatedCompletion(ours), model, warm(ours, unrelatedWith(systemFor))),
    checked(plain, model, warm(native, unrelatedWith(null))),
    checked(unrelated('nativeAlike', native, alike), model, warm(native, unrelatedWith(systemFor))),
    unrelated('perProcess', yardstick, alike),
  ]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, native, yardstick]))
  const what = 'OpenAI: first text, unrelated request with its own system prompt (native: without one)'
  const whatAlike = 'the same request by the native route, system prompt and model included'
  return [
    { id: 'openai-first', what, unit: 'ms', figures: sum(samples), checks: [], isCompared: true },
    information('openai-first-native', whatAlike, samples.nativeAlike),
  ]
}

/** The next turn of a conversation that each request carries in full, next to equivalent sessions. */
export async function openaiNextRow(systems: Systems, plan: LatencyPlan): Promise<Row> {
  const { model } = systems
  const [ours, native, yardstick] = await startAll(systems)
  const contenders = [
    checked(nextCompletion(ours), model, oneLiveProcess()),
    checked(nextAlike('native', native), model, oneLiveProcess()),
    nextAlike('perProcess', yardstick),
  ]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, native, yardstick]))
  const what =
    'OpenAI: first text of a next turn, history in the body (native: a session without tools, same system prompt)'
  return check({ id: 'openai-next', what, unit: 'ms', figures: sum(samples) }, [
    { against: 'native', kind: 'at most', limit: 1.25 },
  ])
}

/** From sending the request that ends with a call to the first text after the request that carries the call's result. */
export async function openaiToolRows(systems: Systems, plan: LatencyPlan): Promise<Row[]> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const trips: Trip[] = []
  const contenders = [
    checked(toolTrips(ours, trips), systems.model, warm(ours, oneToolRoundTrip)),
    twice(unrelated('perProcess', yardstick, alike)),
  ]
  const samples = await takeTurns(contenders, plan, () => quiet([ours, yardstick]))
  const what = 'OpenAI: a tool round trip, two requests, to the first text (per process: 2 × one request)'
  return [
    { id: 'openai-tool', what, unit: 'ms', figures: sum(samples), checks: [], isCompared: true },
    ...partsOf(trips.slice(-plan.rounds)),
  ]
}

function partsOf(trips: readonly Trip[]): Row[] {
  const part = (id: string, what: string, of: (trip: Trip) => number) =>
    information(`openai-tool-${id}`, `of that round trip, ${what}`, trips.map(of))
  return [
    part('call', 'the request that gets the call, to its complete answer', (trip) => trip.callMs),
    part('result', 'the request with the result, to its first text', (trip) => trip.resultMs),
    part('sum', 'the sum of these two', (trip) => trip.callMs + trip.resultMs),
  ]
}

async function startAll(systems: Systems): Promise<[ours: Served, native: Served, yardstick: Served]> {
  return [await systems.startOurs(), await systems.startOurs(), await systems.startPerProcess()]
}

function information(id: string, what: string, samples: readonly number[] = []): Row {
  return { id, what: `OpenAI: ${what}`, unit: 'ms', figures: { ours: summarize(samples) }, checks: [] }
}
