// The command `logs`: prints the newest lines of the data folder's log, and new ones as they arrive. Not for how the log is written (see
// log/logger.ts and log/log-file.ts).
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { processEnvironment } from '../../config/load.ts'
import { logFileName } from '../../log/log-file.ts'
import { type ExitCode, type LocationFlags, notAccepted, note, runCommand, settingsFor } from '../command.ts'
import { isTerminal, write } from '../output.ts'
import { prettyLines, rawLine } from './lines.ts'
import { LogReader } from './reader.ts'

export type LogFlags = LocationFlags & { lines?: string; follow?: boolean }

export function showLogs(flags: LogFlags): Promise<ExitCode> {
  return runCommand('logs', async () => {
    const count = readCount(flags.lines)
    const file = join(settingsFor(flags).dataDir, logFileName)
    const reader = new LogReader(file)
    try {
      const canWrite = await show(await reader.last(count), flags)
      if (!reader.hasFound) note(`nothing is logged in ${file} yet${flags.follow === true ? ': waiting' : ''}`)
      if (flags.follow === true && canWrite) await follow(reader, flags)
    } finally {
      await reader.close()
    }
  })
}

function readCount(text = '100'): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw notAccepted('--lines', text, 'give a count such as 50, or all')
}

const pollMs = 250

/** Until Ctrl-C, which is the intended way to end this, or until the reader of our output is gone. */
async function follow(reader: LogReader, flags: LogFlags): Promise<void> {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  while (!interrupt.signal.aborted) {
    if (!(await show(await reader.more(), flags))) return
    await delay(pollMs, undefined, { signal: interrupt.signal }).catch(() => {})
  }
}

/** How many lines are written at a time. */
const batchLines = 500

/** False if nobody reads the output any more. */
async function show(lines: readonly string[], { json }: LogFlags): Promise<boolean> {
  const usesColors = process.stdout.isTTY === true && !processEnvironment().NO_COLOR
  const toText = json === true || !isTerminal() ? rawLine(isTerminal()) : prettyLines(usesColors)
  for (let start = 0; start < lines.length; start += batchLines) {
    const batch = lines.slice(start, start + batchLines)
    if (!(await write(batch.map(toText).join('')))) return false
  }
  return true
}
