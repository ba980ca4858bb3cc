// Signals that end a server or a batch: the first one asks it to stop, the second one ends the process. Not for stopping a server from
// another process (see stop/stop.ts).
import { processEnvironment } from '../config/load.ts'

/** Under npm, Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const npmEchoMs = 500

/** Returns a function that removes the listeners. */
export function onStopSignals(signals: readonly NodeJS.Signals[], stop: () => void, beforeExit = () => {}): () => void {
  const echoMs = processEnvironment().npm_lifecycle_event === undefined ? 0 : npmEchoMs
  let firstAt: number | null = null
  const listener = () => {
    const now = performance.now()
    if (firstAt !== null && now - firstAt >= echoMs) {
      beforeExit()
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
