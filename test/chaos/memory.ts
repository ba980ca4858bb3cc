// The memory that a server holds, and whether it gives back what a flood has cost.
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Trial } from './trial.ts'

/** Of /proc/PID/statm, on the systems that these scenarios run on. */
const pageBytes = 4096

/** Resident memory of a process, in megabytes. */
export function memoryOf(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return Math.round((pages * pageBytes) / 1e6)
}

const factorMax = 1.3
/** Garbage is collected within some seconds without work. */
const settleMs = 60_000

/** An attempt: the memory of a server is back within 1.3 times of what it was before, now or once it is idle. */
export async function settledMemory(
  trial: Trial,
  what: string,
  { pid }: { pid: number },
  beforeMb: number,
): Promise<void> {
  await trial.check(`memory ${what}`, async () => {
    const deadline = performance.now() + settleMs
    let now = memoryOf(pid)
    const first = now
    while (now > beforeMb * factorMax && performance.now() < deadline) {
      await delay(500)
      now = memoryOf(pid)
    }
    trial.note(`memory ${what}: ${beforeMb} MB before, ${first} MB at once, ${now} MB later`)
    if (now > beforeMb * factorMax) throw new Error(`${now} MB, ${beforeMb} MB before`)
  })
}
