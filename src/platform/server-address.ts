// The address of a data folder's server: a small file that the server writes when it starts listening and removes when
// it ends, and that commands read. A folder has one server at a time (see store/folder-lock.ts).
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replacePrivateFile } from './private-files.ts'

/** `process` combines the server's pid and start time, so that no other process is mistaken for it. */
export type ServerAddress = { url: string; pid: number; process: string; version: string; startedAt: string }

const fileOf = (dataDir: string) => join(dataDir, 'server.json')

export function writeServerAddress(dataDir: string, address: ServerAddress): void {
  replacePrivateFile(fileOf(dataDir), JSON.stringify(address))
}

export function removeServerAddress(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true })
}

/** Null if there is no such file. A server that was killed leaves its file behind. */
export function readServerAddress(dataDir: string): ServerAddress | null {
  try {
    return JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as ServerAddress
  } catch {
    return null
  }
}
