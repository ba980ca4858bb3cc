// Writes long output with backpressure, and tolerates a reader that stops early, as in `… | head`. Short results do not need this (see
// print in command.ts).
let isClosed = false
let isWatched = false

/** A reader that stops early is not an error. Any other loss, such as a full disk, is reported, and the exit code is 1. */
export function watchOutput(): void {
  if (isWatched) return
  isWatched = true
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const isFirst = !isClosed
    isClosed = true
    if (error.code === 'EPIPE' || !isFirst) return
    process.stderr.write(`claude-serve: the output cannot be written: ${error.message}\n`)
    // Whatever the command did, its result is lost.
    process.once('exit', () => {
      process.exitCode = 1
    })
  })
}

/** Resolves when the text has been handed over: to false once the reader is gone. */
export function write(text: string): Promise<boolean> {
  watchOutput()
  if (isClosed || text === '') return Promise.resolve(!isClosed)
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => resolve(error === null || error === undefined))
  })
}

export const isTerminal = () => process.stdout.isTTY === true

/** The width of the terminal in columns; null if stdout is not a terminal. */
export const terminalColumns = () => (isTerminal() ? process.stdout.columns || null : null)
