// Long output: written only as fast as it is read, and ended in peace where nobody reads on, as in `… | head`. Short results need
// none of this (see print in command.ts).
let isClosed = false
let isWatched = false

function watch(): void {
  if (isWatched) return
  isWatched = true
  process.stdout.on('error', () => {
    isClosed = true
  })
}

/** Resolves when the text is on its way: to false once nobody reads any more. */
export function write(text: string): Promise<boolean> {
  watch()
  if (isClosed || text === '') return Promise.resolve(!isClosed)
  return new Promise((resolve) => {
    process.stdout.write(text, (fault) => resolve(fault === null || fault === undefined))
  })
}

export const isTerminal = () => process.stdout.isTTY === true

/** How many columns the terminal has; null where the result goes elsewhere. */
export const terminalColumns = () => (isTerminal() ? process.stdout.columns || null : null)
