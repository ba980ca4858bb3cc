// A thread that replaces a folder by a link and puts the folder back again, as fast as it can, until it is stopped. At the end the
// folder is back in place.
import { renameSync } from 'node:fs'
import { parentPort, Worker, workerData } from 'node:worker_threads'

type Swapped = { folder: string; link: string; aside: string; stop: SharedArrayBuffer }

export type Swapper = { end(): Promise<number> }

/** `end` returns how often the link was in place. */
export function startSwapper(where: { folder: string; link: string; aside: string }): Swapper {
  const stop = new SharedArrayBuffer(4)
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...where, stop } satisfies Swapped })
  const ended = new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return {
    end() {
      Atomics.store(new Int32Array(stop), 0, 1)
      return ended
    },
  }
}

function swap({ folder, link, aside, stop }: Swapped): number {
  const flag = new Int32Array(stop)
  let count = 0
  while (Atomics.load(flag, 0) === 0) {
    renameSync(folder, aside)
    renameSync(link, folder)
    // Each state lasts a moment; without it the thread would occupy a core.
    Atomics.wait(flag, 0, 0, 0.2)
    renameSync(folder, link)
    renameSync(aside, folder)
    Atomics.wait(flag, 0, 0, 0.4)
    count++
  }
  return count
}

if (parentPort !== null && workerData !== null) parentPort.postMessage(swap(workerData as Swapped))
