// Where the server of a data folder can be reached: a small file that it writes when it listens and removes when it ends, and that
// commands read. One folder has one server at a time (see store/folder-lock.ts).
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** `process` is the server's number and start time as one word, so that no other process is taken for it. */
export type ServerAddress = { url: string; pid: number; process: string; version: string; startedAt: string }

const fileOf = (dataDir: string) => join(dataDir, 'server.json')

export function writeServerAddress(dataDir: string, address: ServerAddress): void {
  const file = fileOf(dataDir)
  // Whole or not at all: it may be read at any moment.
  writeFileSync(`${file}.new`, JSON.stringify(address), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export function removeServerAddress(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true })
}

/** Null where no server has written one, or the last one removed it. A server that was killed leaves its own behind. */
export function readServerAddress(dataDir: string): ServerAddress | null {
  try {
    return JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as ServerAddress
  } catch {
    return null
  }
}
