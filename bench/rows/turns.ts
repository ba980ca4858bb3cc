// Contenders that are measured in turns, round after round, and the resulting samples.

import type { JsonRecord } from '../json.ts'
import { type Row, systemNames } from '../result.ts'
import { summarize } from '../stats.ts'
import type { Served } from '../systems.ts'

const WARM_UPS = 5
/** The step through the possible orders of contenders; it shares no factor with their number for two to four contenders. */
const ORDER_STRIDE = 5

export interface LatencyPlan {
  rounds: number
  progress: (text: string) => void
}

export interface Contender {
  /** The name of a system, unless one system is measured in several ways. */
  name: string
  /** Sends one request; returns the milliseconds to its first text. Preparation before the clock starts is not measured. */
  firstText(prompt: string): Promise<number>
  stop(): Promise<void>
}

export type Samples = Record<string, number[]>

/** `options` may differ from prompt to prompt. */
export function unrelated(name: string, server: Served, options: (prompt: string) => JsonRecord): Contender {
  const firstText = async (prompt: string) => (await server.client.chat({ prompt, ...options(prompt) })).firstTextMs
  return { name, firstText, stop: server.stop }
}

export function nextTurn(name: string, server: Served, options: JsonRecord): Contender {
  let sessionId: string | undefined
  const firstText = async (prompt: string) => {
    const session = sessionId ? { session_id: sessionId } : {}
    const answer = await server.client.chat({ prompt, ...options, ...session })
    sessionId = answer.sessionId
    return answer.firstTextMs
  }
  return { name, firstText, stop: server.stop }
}

/** In each round every contender once, in a changing order, so that none always follows the same other. */
export async function takeTurns(
  contenders: readonly Contender[],
  plan: LatencyPlan,
  rest: (warm: boolean) => Promise<void>,
): Promise<Samples> {
  const samples: Samples = {}
  const orders = permutations(contenders)
  for (let round = -WARM_UPS; round < plan.rounds; round += 1) {
    const step = round < 0 ? `warm-up ${round + WARM_UPS + 1}/${WARM_UPS}` : `round ${round + 1}/${plan.rounds}`
    plan.progress(step)
    for (const contender of orders[((round + WARM_UPS) * ORDER_STRIDE) % orders.length] ?? contenders) {
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
  return items.flatMap((first, index) => permutations(items.toSpliced(index, 1)).map((rest) => [first, ...rest]))
}

export function sum(samples: Samples): Row['figures'] {
  const figures: Row['figures'] = {}
  for (const name of systemNames) {
    const taken = samples[name]
    if (taken) figures[name] = summarize(taken)
  }
  return figures
}
