// Writes long output with backpressure, and tolerates a reader that stops early, as in `… | head`. Short results do not need this (see
// print in command.ts).
let isClosed = false
let isWatched = false

function watch(): void {
  if (isWatched) return
  isWatched = true
  process.stdout.on('error', () => {
    isClosed = true
  })
}

/** Resolves when the text has been handed over: to false once the reader is gone. */
export function write(text: string): Promise<boolean> {
  watch()
  if (isClosed || text === '') return Promise.resolve(!isClosed)
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => resolve(error === null || error === undefined))
  })
}

export const isTerminal = () => process.stdout.isTTY === true

/** The width of the terminal in columns; null if stdout is not a terminal. */
export const terminalColumns = () => (isTerminal() ? process.stdout.columns || null : null)
