// The log as a file of the data folder, for `claude-serve logs`: JSON lines, older files put aside when they get large. A disk that
// is full or closed ends it with one complaint; the server goes on without.
import { dirname, join } from 'node:path'
import { createStream } from 'rotating-file-stream'
import { makePrivateFolder } from '../platform/private-files.ts'

/** Below the data folder; where it is put aside, `.1` to `.3` are added, the newest first. */
export const logFileName = join('logs', 'claude-serve.log')

export type LogFile = { write(line: string): void; close(): Promise<void> }

/** The folders are made where they are missing, and closed to others. Throws a StartupError where they cannot be. */
export function openLogFile(dataDir: string, complain: (text: string) => void): LogFile {
  for (const folder of [dataDir, dirname(join(dataDir, logFileName))]) makePrivateFolder(folder, complain)
  const stream = createStream(logFileName, { path: dataDir, size: '10M', rotate: 3, mode: 0o600, encoding: 'utf8' })
  let isOpen = true
  stream.on('error', (fault) => {
    if (isOpen) complain(`the log is no longer written to ${join(dataDir, logFileName)}: ${fault.message}`)
    isOpen = false
  })
  return {
    write(line) {
      if (isOpen) stream.write(line)
    },
    close: () => new Promise((resolve) => (isOpen ? stream.end(resolve) : resolve())),
  }
}
