// The thread in which the Agent SDK reads and changes conversation files: the SDK's functions take their folder from
// the caller's environment and keep the processor busy with large files. Answers one call after the other;
// worker-rpc.ts makes the calls and sets their deadlines.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import {
  deleteSession,
  forkSession,
  getSessionInfo,
  getSessionMessages,
  listSessions,
  renameSession,
  type SDKSessionInfo,
  type SessionStore,
  type SessionStoreEntry,
} from '@anthropic-ai/claude-agent-sdk'
import {
  pageOfMessages,
  type SessionFiles,
  type SessionInfo,
  type SessionMessage,
  sessionNotFound,
} from '../../core/sessions.ts'
import { AppError } from '../../errors.ts'
import type { RpcAnswer, RpcCall } from '../../platform/worker-rpc.ts'
import { bridgeCompactions } from './compactions.ts'
import { readContent, readLastModel } from './session-content.ts'
import { toSessionMessages } from './session-messages.ts'
import { findTranscript, projectFolder, toEntries } from './transcript.ts'

export type SessionCalls = Omit<SessionFiles, 'close'>

const { configDir } = workerData as { configDir: string }

/** The CLI shortens longer folder names in its own way: for these, every folder is searched. */
const folderNameMax = 200

/**
 * With a limit the SDK opens the files in groups; without one, all at once, and those beyond the system's limit are
 * lost.
 */
const everything = Number.MAX_SAFE_INTEGER

/** Reading a file may need several times its size in memory. */
const fileBytesMax = 1024 ** 3

function toInfo(info: SDKSessionInfo): SessionInfo {
  return {
    id: info.sessionId,
    title: info.summary,
    firstPrompt: info.firstPrompt ?? null,
    cwd: info.cwd ?? null,
    createdAtMs: info.createdAt ?? null,
    updatedAtMs: info.lastModified,
  }
}

async function find(id: string): Promise<SDKSessionInfo> {
  const info = await getSessionInfo(id)
  if (info === undefined) throw sessionNotFound(id)
  return info
}

/** A file that disappears between the check and the change counts as missing. */
async function change<T>(id: string, act: () => Promise<T>): Promise<T> {
  await find(id)
  return act().catch(async (error) => {
    await find(id)
    throw error
  })
}

async function checkSize(id: string): Promise<void> {
  const { fileSize = 0 } = await find(id)
  if (fileSize <= fileBytesMax) return
  const text = `The file of session ${id} is larger than 1 GiB, so this server cannot read it.`
  throw new AppError('not_implemented', text, { sessionId: id })
}

async function fileOf(id: string): Promise<string> {
  const found = await findTranscript(configDir, id)
  if (found === null) throw sessionNotFound(id)
  return found.file
}

/** Nearly all files are in the folder of their conversation; only for others are all folders searched. */
async function lastModel({ id, cwd }: Pick<SessionInfo, 'id' | 'cwd'>): Promise<string | null> {
  const usual = cwd === null ? null : join(projectFolder(configDir, cwd), `${id}.jsonl`)
  const model = usual === null ? undefined : await readLastModel(usual).catch(() => undefined)
  return model === undefined ? fileOf(id).then(readLastModel, () => null) : model
}

async function readMessages(id: string): Promise<SessionMessage[]> {
  const bytes = await readFile(await fileOf(id))
  if (!bytes.includes('"compact_boundary"')) return toSessionMessages(await getSessionMessages(id))
  const { entries, compactions } = bridgeCompactions([...toEntries(bytes)])
  // The SDK reads its own way up to the latest boundary, but any entries that it is handed.
  const sessionStore: SessionStore = {
    load: async () => entries as SessionStoreEntry[],
    append: async () => {},
  }
  const lines = await getSessionMessages(id, { sessionStore, includeSystemMessages: true })
  return toSessionMessages(lines, compactions)
}

const calls: SessionCalls = {
  async list({ cwd, limit }) {
    const one = cwd !== null && cwd.length <= folderNameMax ? { dir: cwd, includeWorktrees: false } : {}
    const found = await listSessions({ ...one, limit: limit ?? everything })
    // A session whose id has capitals could not be requested: this server's ids are lower case.
    return found.map(toInfo).filter(({ id }) => id === id.toLowerCase())
  },
  get: async (id) => toInfo(await find(id)),
  models: (sessions) => Promise.all(sessions.map(lastModel)),
  async content(id) {
    await checkSize(id)
    return readContent(await fileOf(id))
  },
  async messages(id, query) {
    await checkSize(id)
    return pageOfMessages(await readMessages(id), query)
  },
  rename: (id, title) => change(id, () => renameSession(id, title)),
  async fork(id, title) {
    const copy = () => forkSession(id, title === null ? {} : { title })
    const { sessionId } = await change(id, copy).catch(async (error) => {
      if (error instanceof AppError || (await getSessionMessages(id)).length > 0) throw error
      throw new AppError('conflict', `Session ${id} has no messages to copy.`, { sessionId: id })
    })
    return sessionId
  },
  remove: (id) => change(id, () => deleteSession(id)),
}

/** For an unexpected error only its name and code are sent: its message could quote a file's content. */
function toAnswer(error: unknown): RpcAnswer {
  if (error instanceof AppError) {
    const { code, message, details } = error
    return { error: { code, message, details } }
  }
  const { name, code } = error as NodeJS.ErrnoException
  return { failed: `${name ?? 'Error'} ${code ?? ''}`.trim() }
}

parentPort?.on('message', async ({ name, args }: RpcCall) => {
  const call = calls[name as keyof SessionCalls] as (...args: unknown[]) => Promise<unknown>
  const answer = await call(...args).then((value): RpcAnswer => ({ value }), toAnswer)
  parentPort?.postMessage(answer)
})
