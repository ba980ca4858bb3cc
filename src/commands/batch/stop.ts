// How a batch is stopped from outside: a first signal lets it end what runs, a second one ends it at once.
import { processEnvironment } from '../../config/load.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Under npm, Ctrl-C comes twice: from the terminal, and passed on by npm. */
const npmEchoMs = 500

/** Gives what takes the listeners away again. */
export function onStopSignals(stop: () => void, leave: () => void): () => void {
  const echoMs = processEnvironment().npm_lifecycle_event === undefined ? 0 : npmEchoMs
  let firstAt: number | null = null
  const listener = () => {
    const now = performance.now()
    if (firstAt !== null && now - firstAt >= echoMs) {
      leave()
      process.exit(1)
    }
    if (firstAt === null) stop()
    firstAt ??= now
  }
  for (const name of signals) process.on(name, listener)
  return () => {
    for (const name of signals) process.off(name, listener)
  }
}
