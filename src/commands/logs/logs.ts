// The command `logs`: the newest lines of the data folder's log, and those that come. Not for how the log is written (see ../log/logger.ts
// and ../log/log-file.ts).
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { processEnvironment } from '../../config/load.ts'
import { logFileName } from '../../log/log-file.ts'
import { answer, type ExitCode, type LocationFlags, note, settingsFor, UsageError } from '../command.ts'
import { isTerminal, write } from '../output.ts'
import { prettyLines, rawLine } from './lines.ts'
import { LogReader } from './reader.ts'

export type LogFlags = LocationFlags & { lines?: string; follow?: boolean }

export function showLogs(flags: LogFlags): Promise<ExitCode> {
  return answer('logs', async () => {
    const count = readCount(flags.lines)
    const file = join(settingsFor(flags).dataDir, logFileName)
    const reader = new LogReader(file)
    try {
      const isRead = await show(await reader.last(count), flags)
      if (!reader.hasFound) note(`nothing is logged in ${file} yet${flags.follow === true ? ': waiting' : ''}`)
      if (flags.follow === true && isRead) await follow(reader, flags)
    } finally {
      await reader.close()
    }
  })
}

function readCount(text = '100'): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`--lines: ${JSON.stringify(text)} is not accepted; give a count such as 50, or all`)
}

const pollMs = 250

/** Until Ctrl-C, which is how this is meant to end, or until nobody reads on. */
async function follow(reader: LogReader, flags: LogFlags): Promise<void> {
  const asked = new AbortController()
  process.once('SIGINT', () => asked.abort())
  while (!asked.signal.aborted) {
    if (!(await show(await reader.more(), flags))) return
    await delay(pollMs, undefined, { signal: asked.signal }).catch(() => {})
  }
}

/** How many lines are written at a time. */
const batchLines = 500

async function show(lines: readonly string[], { json }: LogFlags): Promise<boolean> {
  const hasColours = process.stdout.isTTY === true && !processEnvironment().NO_COLOR
  const toText = json === true || !isTerminal() ? rawLine(isTerminal()) : prettyLines(hasColours)
  for (let at = 0; at < lines.length; at += batchLines) {
    if (
      !(await write(
        lines
          .slice(at, at + batchLines)
          .map(toText)
          .join(''),
      ))
    )
      return false
  }
  return true
}
