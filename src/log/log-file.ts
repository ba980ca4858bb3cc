// The log file in the data folder, for `claude-serve logs`: JSON lines, rotated by size. If it can no longer be
// written, one warning is reported and the server continues without it.
import { dirname, join } from 'node:path'
import { createStream } from 'rotating-file-stream'
import { makePrivateFolder } from '../platform/private-files.ts'

/** Below the data folder. Rotated files get `.1` to `.3`, the newest first. */
export const logFileName = join('logs', 'claude-serve.log')

export type LogFile = { write(line: string): void; close(): Promise<void> }

/** Creates missing folders and closes them to other users. Throws a StartupError if that fails. */
export function openLogFile(dataDir: string, warn: (text: string) => void): LogFile {
  for (const folder of [dataDir, dirname(join(dataDir, logFileName))]) makePrivateFolder(folder, warn)
  const stream = createStream(logFileName, { path: dataDir, size: '10M', rotate: 3, mode: 0o600, encoding: 'utf8' })
  let isOpen = true
  stream.on('error', (error) => {
    if (isOpen) warn(`the log is no longer written to ${join(dataDir, logFileName)}: ${error.message}`)
    isOpen = false
  })
  return {
    write(line) {
      if (isOpen) stream.write(line)
    },
    close: () => new Promise((resolve) => (isOpen ? stream.end(resolve) : resolve())),
  }
}
