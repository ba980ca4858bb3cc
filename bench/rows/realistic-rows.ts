// Rows about many requests at once to a model that takes as long as a real one: 0.8 s to its first token, then 100 tokens in 2 s. What a
// server adds shows in the time until all are done, next to that of one request alone.

import { setTimeout as delay } from 'node:timers/promises'
import { ownCpuSeconds } from '../process-figures.ts'
import { check, type Row, type SystemName } from '../result.ts'
import { step } from '../scripted-model.ts'
import { median, summarize } from '../stats.ts'
import { idleOf, quiet, type Served, type Systems } from '../systems.ts'

const realisticAnswer = step({ ttft: 800, tokens: 100, gap: 20 })
/** The burst whose growth and processor time have limits. */
const MAIN = 32

export interface RealisticPlan {
  /** Requests at once. Those that the process-per-request server gets too: at most `MAIN`. */
  sizes: readonly number[]
  bursts: number
  progress: (text: string) => void
}

interface Burst {
  allDoneMs: number
  /** Processor time of the server alone, for each answer. */
  cpuSeconds: number | null
}

type Bursts = Map<number, Burst[]>

/** The time until all requests of a burst are done, and how much longer `MAIN` of them take than one. */
export async function realisticRows(systems: Systems, plan: RealisticPlan): Promise<Row[]> {
  const ours = await measure('ours', await systems.startOurs(), plan.sizes, plan)
  const compared = plan.sizes.filter((size) => size <= MAIN)
  const perProcess = await measure('perProcess', await systems.startPerProcess(), compared, plan)
  const sizes = plan.sizes.map((size) => sizeRow(size, ours, perProcess))
  return [...sizes, growthRow(ours, perProcess), ...cpuRow(ours, perProcess)]
}

/**
 * A first burst of each size is not counted. After it, the server starts as many processes as the burst needed; they are waited for. A server
 * that starts a process for each request gains nothing by it and gets a single request instead.
 */
async function measure(
  name: SystemName,
  server: Served,
  sizes: readonly number[],
  plan: RealisticPlan,
): Promise<Bursts> {
  const bursts: Bursts = new Map()
  for (const size of sizes) {
    const taken: Burst[] = []
    const isWarmedUp = name === 'perProcess' && size > 1
    for (let number = isWarmedUp ? 1 : 0; number <= plan.bursts; number += 1) {
      plan.progress(`${name}, ${size} at once, ${number === 0 ? 'warm-up' : `${number}/${plan.bursts}`}`)
      const burst = await sendBurst(server, size, number)
      if (number > 0) taken.push(burst)
      else if (name === 'ours') await grown(server, size)
    }
    bursts.set(size, taken)
  }
  await server.stop()
  return bursts
}

/** How long the server may take to start its processes, in milliseconds. */
const grownMs = 90_000

async function grown(server: Served, size: number): Promise<void> {
  const deadline = performance.now() + grownMs
  for (;;) {
    const { idle, max } = await idleOf(server)
    if (idle >= Math.min(size, max) || performance.now() > deadline) return
    await delay(100)
  }
}

async function sendBurst(server: Served, size: number, number: number): Promise<Burst> {
  await quiet([server])
  const before = await ownCpuSeconds(server.pid)
  const began = performance.now()
  const requests = Array.from({ length: size }, (_, index) => {
    const prompt = `Question ${index + 1} of ${size}, ${number}: what comes next? ${realisticAnswer}`
    return server.client.chat({ prompt, tools: [] })
  })
  await Promise.all(requests)
  const allDoneMs = performance.now() - began
  const after = await ownCpuSeconds(server.pid)
  return { allDoneMs, cpuSeconds: before === null || after === null ? null : (after - before) / size }
}

function sizeRow(size: number, ours: Bursts, perProcess: Bursts): Row {
  const figures: Row['figures'] = { ours: summarize(timesOf(ours, size)) }
  if (perProcess.has(size)) figures.perProcess = summarize(timesOf(perProcess, size))
  const what = `a realistic answer (0.8 s to the first of 100 tokens, 2.8 s in all), ${size} at once, until all are done`
  return { id: `realistic-${size}`, what, unit: 'ms', figures, checks: [], isCompared: true }
}

function growthRow(ours: Bursts, perProcess: Bursts): Row {
  const growth = (bursts: Bursts) => {
    const one = median(timesOf(bursts, 1))
    return summarize(timesOf(bursts, MAIN).map((ms) => ms / one))
  }
  const what = `${MAIN} realistic answers at once, as a multiple of the time of one`
  const figures = { ours: growth(ours), perProcess: growth(perProcess) }
  return check({ id: 'realistic-growth', what, unit: '×', figures }, [
    { against: 'absolute', kind: 'at most', limit: 2.5 },
  ])
}

function cpuRow(ours: Bursts, perProcess: Bursts): Row[] {
  const known = (bursts: Bursts) => (bursts.get(MAIN) ?? []).flatMap(({ cpuSeconds }) => cpuSeconds ?? [])
  if (known(ours).length === 0) return []
  const figures = { ours: summarize(known(ours)), perProcess: summarize(known(perProcess)) }
  const what = `processor time of the server alone for each of ${MAIN} realistic answers at once`
  return [
    check({ id: 'realistic-cpu', what, unit: 'CPU s', figures }, [
      { against: 'absolute', kind: 'at most', limit: 0.07 },
    ]),
  ]
}

const timesOf = (bursts: Bursts, size: number) => (bursts.get(size) ?? []).map(({ allDoneMs }) => allDoneMs)
