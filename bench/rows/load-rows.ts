// Rows about many requests at once: closed loops of unrelated requests without built-in tools, ours and the yardstick in alternating
// slices, and what each request costs in processor time.

import { residentMb, treeCpuSeconds } from '../process-figures.ts'
import { check, type Row } from '../result.ts'
import { type Summary, summarize } from '../stats.ts'
import { quiet, type Served, type Systems } from '../systems.ts'

const AT_ONCE = 8
const LEVELS = [1, 2, 4, 8, 16]
const ORDER = ['ours', 'perProcess'] as const

export interface LoadPlan {
  slices: number
  sliceSeconds: number
  warmUpSeconds: number
  progress: (text: string) => void
}

interface Slice {
  perSecond: number
  cpuPerRequest: number | null
}

/** The throughput row with its limit; then, for information, the other levels, the processor time per request and the memory. */
export async function throughputRows(systems: Systems, plan: LoadPlan): Promise<Row[]> {
  const ours = await systems.startOurs()
  const yardstick = await systems.startPerProcess()
  const slices: { ours: Slice[]; perProcess: Slice[] } = { ours: [], perProcess: [] }
  const servers = { ours, perProcess: yardstick }
  plan.progress('warming up')
  for (const server of [ours, yardstick]) await closedLoop(server, AT_ONCE, plan.warmUpSeconds)
  for (let slice = 0; slice < plan.slices; slice += 1) {
    plan.progress(`slice ${slice + 1}/${plan.slices}`)
    for (const name of slice % 2 === 0 ? ORDER : ORDER.toReversed()) {
      slices[name].push(await measure(servers[name], AT_ONCE, plan.sliceSeconds))
    }
  }
  const memory = await memoryRow(ours, yardstick)
  await yardstick.stop()

  const levels: Row[] = []
  for (const atOnce of LEVELS) {
    plan.progress(`${atOnce} at once`)
    await closedLoop(ours, atOnce, plan.warmUpSeconds)
    const { perSecond } = await measure(ours, atOnce, plan.sliceSeconds / 2)
    levels.push(
      information(`throughput-${atOnce}`, `unrelated requests without built-in tools, ${atOnce} at once`, '/s', [
        perSecond,
      ]),
    )
  }
  await ours.stop()

  const rates = { ours: summarize(slices.ours.map(rate)), perProcess: summarize(slices.perProcess.map(rate)) }
  const what = `unrelated requests without built-in tools, ${AT_ONCE} at once`
  const main = check({ id: 'throughput', what, unit: '/s', figures: rates }, [
    { against: 'perProcess', kind: 'at least', limit: 12 },
  ])
  return [main, ...levels, ...cpuRow(slices.ours, slices.perProcess), memory]
}

function cpuRow(ours: readonly Slice[], perProcess: readonly Slice[]): Row[] {
  const figures: Row['figures'] = {}
  const known = (slices: readonly Slice[]) => slices.flatMap((slice) => slice.cpuPerRequest ?? [])
  if (known(ours).length === 0) return []
  figures.ours = summarize(known(ours))
  figures.perProcess = summarize(known(perProcess))
  const what = `processor time per request, ${AT_ONCE} at once, server and CLI`
  return [{ id: 'cpu', what, unit: 'CPU s', figures, checks: [] }]
}

async function memoryRow(ours: Served, yardstick: Served): Promise<Row> {
  const figures = {
    ours: summarize([await residentMb(ours.pid)]),
    perProcess: summarize([await residentMb(yardstick.pid)]),
  }
  return { id: 'memory-after-load', what: "the server's own memory after that load", unit: 'MB', figures, checks: [] }
}

/** One slice; the processor time is read at rest, so that what a server puts off until later counts too. */
async function measure(server: Served, atOnce: number, seconds: number): Promise<Slice> {
  await quiet([server])
  const before = await treeCpuSeconds(server.pid)
  const { completed, perSecond } = await closedLoop(server, atOnce, seconds)
  await quiet([server])
  const after = await treeCpuSeconds(server.pid)
  return { perSecond, cpuPerRequest: before === null || after === null ? null : (after - before) / completed }
}

/**
 * Clients that each send the next request when the last is answered, until the time is up; requests in progress are then awaited and
 * counted, with the time that they took.
 */
async function closedLoop(
  server: Served,
  atOnce: number,
  seconds: number,
): Promise<{ completed: number; perSecond: number }> {
  const began = performance.now()
  let completed = 0
  const client = async (id: number) => {
    for (let turn = 1; performance.now() - began < seconds * 1000; turn += 1) {
      await server.client.chat({ prompt: `Client ${id}, question ${turn}: what comes next?`, tools: [] })
      completed += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, (_, id) => client(id)))
  return { completed, perSecond: completed / ((performance.now() - began) / 1000) }
}

function information(id: string, what: string, unit: Row['unit'], samples: readonly number[]): Row {
  const ours: Summary = summarize(samples)
  return { id, what, unit, figures: { ours }, checks: [] }
}

function rate(slice: Slice): number {
  return slice.perSecond
}
