// Rows about the server as a program: how soon it answers after its start, and how much memory it uses.

import { relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf, privateMb, residentMb } from '../process-figures.ts'
import { check, type Row } from '../result.ts'
import { summarize } from '../stats.ts'
import { quiet, type Systems } from '../systems.ts'

const STARTS = 5
const REQUESTS_BEFORE_IDLE = 5
const IDLE_MS = 2_000

export interface ServerPlan {
  progress: (text: string) => void
}

/**
 * From the spawn to the first health answer, each time with new, empty folders. Compiled code may be cached by an earlier start, as it is
 * for a user.
 */
export async function startRow(systems: Systems, plan: ServerPlan): Promise<Row> {
  const command = systems.startCommand
  const samples: number[] = []
  for (let start = 0; start < STARTS; start += 1) {
    plan.progress(`${start + 1}/${STARTS}`)
    const began = performance.now()
    const server = await systems.startOurs(command, { waits: false })
    while (!(await server.client.health())) await sleep(2)
    samples.push(performance.now() - began)
    await server.stop()
  }
  const what = `start to first health answer (${nameOf(command)})`
  return check({ id: 'start', what, unit: 'ms', figures: { ours: summarize(samples) } }, [
    { against: 'absolute', kind: 'at most', limit: 500 },
  ])
}

/** The server's memory at rest after a few requests, and that of the CLI processes that it holds then. */
export async function memoryRows(systems: Systems, plan: ServerPlan): Promise<Row[]> {
  plan.progress('a few requests, then rest')
  const server = await systems.startOurs(systems.startCommand)
  for (let request = 1; request <= REQUESTS_BEFORE_IDLE; request += 1) {
    await server.client.chat({ prompt: `Question ${request}: what comes next?`, tools: [] })
  }
  await quiet([server])
  await sleep(IDLE_MS)

  const own = summarize([await residentMb(server.pid)])
  const rows = [
    check(
      {
        id: 'memory',
        what: `the server's own memory, idle (${nameOf(systems.startCommand)})`,
        unit: 'MB',
        figures: { ours: own },
      },
      [{ against: 'absolute', kind: 'at most', limit: 150 }],
    ),
  ]
  const children = await childrenOf(server.pid)
  const resident = await Promise.all(children.map(residentMb))
  const unshared = (await Promise.all(children.map(privateMb))).flatMap((mb) => mb ?? [])
  const each = `per CLI process (${children.length} alive)`
  if (resident.length > 0) rows.push(information('cli-resident', `memory ${each}, resident`, resident))
  if (unshared.length > 0) rows.push(information('cli-private', `memory ${each}, private`, unshared))
  await server.stop()
  return rows
}

const nameOf = (command: readonly string[]) => relative(process.cwd(), command.at(-1) ?? '')

function information(id: string, what: string, samples: readonly number[]): Row {
  return { id, what, unit: 'MB', figures: { ours: summarize(samples) }, checks: [] }
}
