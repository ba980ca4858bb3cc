// What must be undone when the bench ends, however it ends: processes stopped, temporary folders removed.

type Undo = () => Promise<void>

const pending: Undo[] = []

/** Registers something to undo; the last registered is undone first. */
export function atEnd(undo: Undo): void {
  pending.push(undo)
}

let running: Promise<void> | null = null

/** Undoes everything, one after the other; further calls wait for the same end. */
export function cleanUp(): Promise<void> {
  running ??= undoAll()
  return running
}

/** A step that fails does not prevent the others. */
async function undoAll(): Promise<void> {
  for (let undo = pending.pop(); undo; undo = pending.pop()) {
    try {
      await undo()
    } catch (error) {
      process.stderr.write(`bench: could not clean up: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}
