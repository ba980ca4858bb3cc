// Stops a batch on signals: the first one cancels the running requests, the second one exits immediately.
import { processEnvironment } from '../../config/load.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Under npm, Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const npmEchoMs = 500

/** Returns a function that removes the listeners. */
export function onStopSignals(stop: () => void, forceExit: () => void): () => void {
  const echoMs = processEnvironment().npm_lifecycle_event === undefined ? 0 : npmEchoMs
  let firstAt: number | null = null
  const listener = () => {
    const now = performance.now()
    if (firstAt !== null && now - firstAt >= echoMs) {
      forceExit()
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
