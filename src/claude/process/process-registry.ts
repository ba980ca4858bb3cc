// A server's folder while it runs, with one small file for each CLI process it started: a server that was killed can
// neither end its processes nor clean up, so the next server does. Only the owner can read these files.
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isObject } from '../../platform/json.ts'
import {
  anyRunning,
  killAll,
  markedProcesses,
  type ProcessInfo,
  processInfo,
  processTree,
  signal,
} from './process-tree.ts'

/** Identifies a server: its process id and start time, as one word. */
export type ServerIdentity = string

export const identityOf = (info: { pid: number; started: string }) =>
  `${info.pid}-${info.started.replaceAll(/\W/g, '_')}`

export async function ownIdentity(): Promise<ServerIdentity> {
  const info = await processInfo(process.pid)
  return identityOf(info ?? { pid: process.pid, started: 'unknown' })
}

/** False for anything that is not the identity of a process, too. */
export async function isRunning(server: ServerIdentity): Promise<boolean> {
  const info = await processInfo(Number.parseInt(server, 10))
  return info !== null && identityOf(info) === server
}

type ProcessRecord = { pid: number; started: string }

export class ProcessRegistry {
  /** For files that exist only briefly. */
  readonly privateDir: string
  readonly #folder: string
  #scratch: string | null = null
  readonly #processes: string
  readonly #server: ServerIdentity
  /** Distinguishes servers with other data folders: this one must not end their processes. */
  readonly #scope: string
  #isClosed = false

  constructor(dataDir: string, server: ServerIdentity) {
    this.#server = server
    this.#scope = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
    this.#folder = join(dataDir, 'servers', server)
    this.#processes = join(this.#folder, 'processes')
    this.privateDir = join(this.#folder, 'private')
    for (const folder of [dataDir, this.#processes, this.privateDir])
      mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /**
   * An empty folder whose name says nothing about the machine. It is part of what a model reads, so it has the same name after a restart:
   * another one would cost each conversation its prompt cache. Only if somebody else has taken that name, it is a random one. Creates
   * the folder again if it was removed or replaced.
   */
  scratchDir = (): string => {
    if (this.#scratch !== null && isOwnFolder(this.#scratch)) return this.#scratch
    this.#scratch = this.#usualScratch() ?? realpathSync(mkdtempSync(join(tmpdir(), scratchPrefix)))
    // For the server that cleans up if this one is killed.
    appendFileSync(join(this.#folder, scratchList), `${this.#scratch}\n`, { mode: 0o600 })
    return this.#scratch
  }

  get #usualPath(): string {
    return join(realpathSync(tmpdir()), `${scratchPrefix}${this.#scope}`)
  }

  #usualScratch(): string | null {
    const path = this.#usualPath
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      if (!isObject(error) || error.code !== 'EEXIST') throw error
    }
    return isOwnFolder(path) && readdirSync(path).length === 0 ? path : null
  }

  /** The marker for the n-th process of this server: which data folder, which server, which process. */
  marker(n: number): string {
    return `${this.#scope}.${this.#server}.${n}`
  }

  async add(pid: number): Promise<void> {
    const info = await processInfo(pid)
    if (info === null || this.#isClosed) return
    const record: ProcessRecord = { pid, started: info.started }
    try {
      mkdirSync(this.#processes, { recursive: true, mode: 0o700 })
      writeFileSync(join(this.#processes, String(pid)), JSON.stringify(record), { mode: 0o600 })
    } catch {
      // A full disk is no reason to refuse a request; only the cleanup after a killed server is lost.
    }
  }

  remove(pid: number): void {
    rmSync(join(this.#processes, String(pid)), { force: true })
  }

  /**
   * Ends processes left by servers that no longer run: SIGTERM, so that the CLI stops its own commands, then SIGKILL to
   * those still running after `graceMs`. Returns how many processes were found.
   */
  async sweep(graceMs = 2000): Promise<number> {
    const conversations: string[] = []
    const left = await this.#abandoned(conversations)
    for (const info of left) signal(info.pid, 'SIGTERM')
    for (let waited = 0; waited < graceMs && (await anyRunning(left)); waited += 50) await delay(50)
    await killAll(left)
    // A process that was still running may have written to one.
    for (const file of conversations) await rm(file, { force: true })
    return left.length
  }

  /** Removes this server's folder; its processes must be gone. */
  async close(): Promise<void> {
    this.#isClosed = true
    await removeScratch(this.#folder)
    // A file for a process that ended in the middle of its start may arrive while its folder is being removed.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  }

  /** Adds the files of conversations that nobody is to see to `conversations`. */
  async #abandoned(conversations: string[]): Promise<ProcessInfo[]> {
    const found = new Map<number, ProcessInfo>()
    const servers = join(this.#folder, '..')
    for (const server of await readdir(servers)) {
      if (server === basename(this.#folder) || (await isRunning(server))) continue
      for (const info of await this.#leftBy(join(servers, server))) found.set(info.pid, info)
      conversations.push(...(await notedConversations(join(servers, server, 'private'))))
      await removeScratch(join(servers, server), this.#usualPath)
      await rm(join(servers, server), { recursive: true, force: true })
    }
    for (const info of await this.#markedOrphans()) found.set(info.pid, info)
    return [...found.values()]
  }

  async #leftBy(folder: string): Promise<ProcessInfo[]> {
    const left: ProcessInfo[] = []
    for (const name of await readdir(join(folder, 'processes')).catch(() => [])) {
      const record = await readRecord(join(folder, 'processes', name))
      const now = record === null ? null : await processInfo(record.pid)
      if (now !== null && now.started === record?.started) left.push(...(await processTree(now.pid)))
    }
    return left
  }

  /** Commands that outlived their CLI are in no file, but still carry the marker of a server that no longer runs. */
  async #markedOrphans(): Promise<ProcessInfo[]> {
    const others = new Set<ServerIdentity>()
    await markedProcesses((marker) => {
      const [scope, server] = marker.split('.')
      if (scope === this.#scope && server !== undefined && server !== this.#server) others.add(server)
      return false
    })
    for (const server of [...others]) if (await isRunning(server)) others.delete(server)
    if (others.size === 0) return []
    return markedProcesses((marker) => marker.startsWith(`${this.#scope}.`) && others.has(marker.split('.')[1] ?? ''))
  }
}

const scratchPrefix = 'claude-serve-'
const scratchList = 'scratch'

const conversationList = 'conversations'

/** Notes that the file of a conversation is the server's own: if the server is killed, the next one removes it. */
export function noteOwnConversation(privateDir: string, file: string): void {
  appendFileSync(join(privateDir, conversationList), `${file}\n`, { mode: 0o600 })
}

async function notedConversations(privateDir: string): Promise<string[]> {
  const list = await readFile(join(privateDir, conversationList), 'utf8').catch(() => '')
  return list.split('\n').filter((path) => path.endsWith('.jsonl'))
}

/** Whether it is an existing folder, not a link, that belongs to this user alone. */
function isOwnFolder(path: string): boolean {
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (info === undefined || !info.isDirectory()) return false
  return process.platform === 'win32' || (info.uid === process.getuid?.() && (info.mode & 0o077) === 0)
}

/** Removes the empty folders that a server created, but for the one at `kept`. */
async function removeScratch(serverFolder: string, kept: string | null = null): Promise<void> {
  const list = await readFile(join(serverFolder, scratchList), 'utf8').catch(() => '')
  const isRemovable = (path: string) => path !== kept && basename(path).startsWith(scratchPrefix) && isOwnFolder(path)
  const folders = list.split('\n').filter(isRemovable)
  for (const path of folders) await rm(path, { recursive: true, force: true })
}

async function readRecord(file: string): Promise<ProcessRecord | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ProcessRecord
  } catch {
    return null
  }
}
