// The CLI's conversations, by the Agent SDK's own functions in a thread of their own (session-files-worker.ts): they read
// the environment of the thread that calls them, and the server's must not matter. Nothing here opens a file.
import { Worker } from 'node:worker_threads'
import type { SessionFiles } from '../../core/sessions.ts'
import { AppError } from '../../errors.ts'
import { configFolder, type Environment } from './config-folder.ts'
import type { SessionCalls } from './session-files-worker.ts'
import { RpcError, WorkerRpc } from './worker-rpc.ts'

/** Where the program is compiled, so is the thread's file: nobody rewrites the name in a string. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const workerUrl = new URL(`./session-files-worker${extension}`, import.meta.url)

/** A reading that needs more memory ends its thread, not the server. */
const defaults = { deadlineMs: 10_000, idleMs: 60_000, heapMbMax: 1024 }

export type SessionFilesOptions = {
  /** The one that CLI processes get their part of. */
  environment: Environment
  deadlineMs?: number
  idleMs?: number
  heapMbMax?: number
  /** For tests: another file for the thread, and to hear of each that is started. */
  workerUrl?: URL
  onStart?: (worker: Worker) => void
}

/** The folder is always named: a thread's notion of the home folder is that of the whole program. */
function threadEnvironment(environment: Environment): Record<string, string> {
  const { PATH = '', HOME } = environment
  return { PATH, ...(HOME === undefined ? {} : { HOME }), CLAUDE_CONFIG_DIR: configFolder(environment) }
}

function startThread(options: SessionFilesOptions): Worker {
  const worker = new Worker(options.workerUrl ?? workerUrl, {
    name: 'session-files',
    env: threadEnvironment(options.environment),
    argv: [],
    execArgv: [],
    // What it prints may quote a conversation: it is kept from the server's output, and read by nobody.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMbMax ?? defaults.heapMbMax },
  })
  options.onStart?.(worker)
  return worker
}

const reads: readonly string[] = ['list', 'get', 'messages'] satisfies (keyof SessionCalls)[]

export function createSessionFiles(options: SessionFilesOptions): SessionFiles {
  const { deadlineMs = defaults.deadlineMs, idleMs = defaults.idleMs } = options
  const start = () => startThread(options)
  const thread = new WorkerRpc({ start, deadlineMs, idleMs, isRepeatable: (name) => reads.includes(name) })
  const call = <Name extends keyof SessionCalls>(
    name: Name,
    ...args: Parameters<SessionCalls[Name]>
  ): ReturnType<SessionCalls[Name]> =>
    thread.call(name, args).catch((fault) => {
      throw fault instanceof RpcError ? toError(fault, name, deadlineMs) : fault
    }) as ReturnType<SessionCalls[Name]>
  return {
    list: (query) => call('list', query),
    get: (id) => call('get', id),
    messages: (id, query) => call('messages', id, query),
    rename: (id, title) => call('rename', id, title),
    fork: (id, title) => call('fork', id, title),
    remove: (id) => call('remove', id),
    close: () => thread.close(),
  }
}

const doings: Record<keyof SessionCalls, string> = {
  list: 'listing the sessions',
  get: 'reading the session',
  messages: "reading the session's messages",
  rename: 'renaming the session',
  fork: 'copying the session',
  remove: 'deleting the session',
}

function toError({ kind }: RpcError, name: keyof SessionCalls, deadlineMs: number): AppError {
  const doing = doings[name]
  const unsure = reads.includes(name) ? '' : '; it may have been done all the same'
  switch (kind) {
    case 'late':
      return new AppError('overloaded', `${doing} had to wait too long for other requests; try again`, {
        retryAfterS: 1,
      })
    case 'slow':
      return new AppError('timeout', `${doing} took longer than ${deadlineMs / 1000} s and was given up${unsure}`)
    case 'memory':
      return new AppError('not_implemented', `${doing} takes more memory than this server gives it${unsure}`)
    case 'died':
      return new AppError('internal', `${doing} failed${unsure}; the request id is in the log`)
  }
}
