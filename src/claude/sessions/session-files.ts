// The CLI's conversations, through the Agent SDK's own functions in a separate thread (session-files-worker.ts): they
// read the environment of the thread that calls them, and the server's environment must not matter. Nothing here opens
// a file.

import { Worker } from 'node:worker_threads'
import type { SessionFiles } from '../../core/sessions.ts'
import { AppError } from '../../errors.ts'
import { threadFile } from '../../platform/thread-file.ts'
import { RpcError, WorkerRpc } from '../../platform/worker-rpc.ts'
import { configFolder, type Environment } from './config-folder.ts'
import type { SessionCalls } from './session-files-worker.ts'

const workerUrl = threadFile('session-files-worker', import.meta.url)

/** A call that needs more memory ends its thread, not the server. */
const defaults = { deadlineMs: 10_000, idleMs: 60_000, heapMbMax: 1024 }

export type SessionFilesOptions = {
  /** The server's environment, part of which CLI processes get. */
  environment: Environment
  deadlineMs?: number
  idleMs?: number
  heapMbMax?: number
  /** For tests: another file for the thread, and a callback for each thread that is started. */
  workerUrl?: URL
  onStart?: (worker: Worker) => void
}

/** The folder is always set explicitly: a thread's home folder is that of the whole program. */
function threadEnvironment(environment: Environment): Record<string, string> {
  const { PATH = '', HOME } = environment
  return { PATH, ...(HOME === undefined ? {} : { HOME }), CLAUDE_CONFIG_DIR: configFolder(environment) }
}

function startThread(options: SessionFilesOptions): Worker {
  const worker = new Worker(options.workerUrl ?? workerUrl, {
    name: 'session-files',
    env: threadEnvironment(options.environment),
    workerData: { configDir: configFolder(options.environment) },
    argv: [],
    execArgv: [],
    // Its output may quote a conversation: it is kept out of the server's output and is never read.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMbMax ?? defaults.heapMbMax },
  })
  options.onStart?.(worker)
  return worker
}

const reads: readonly string[] = ['list', 'get', 'models', 'content', 'messages'] satisfies (keyof SessionCalls)[]

export function createSessionFiles(options: SessionFilesOptions): SessionFiles {
  const { deadlineMs = defaults.deadlineMs, idleMs = defaults.idleMs } = options
  const start = () => startThread(options)
  const thread = new WorkerRpc({ start, deadlineMs, idleMs, isRepeatable: (name) => reads.includes(name) })
  const call = <Name extends keyof SessionCalls>(
    name: Name,
    ...args: Parameters<SessionCalls[Name]>
  ): ReturnType<SessionCalls[Name]> =>
    thread.call(name, args).catch((error) => {
      throw error instanceof RpcError ? toError(error, name, deadlineMs) : error
    }) as ReturnType<SessionCalls[Name]>
  return {
    list: (query) => call('list', query),
    get: (id) => call('get', id),
    models: (sessions) => call('models', sessions),
    content: (id) => call('content', id),
    messages: (id, query) => call('messages', id, query),
    rename: (id, title) => call('rename', id, title),
    fork: (id, title) => call('fork', id, title),
    remove: (id) => call('remove', id),
    close: () => thread.close(),
  }
}

const activities: Record<keyof SessionCalls, string> = {
  list: 'listing the sessions',
  get: 'reading the session',
  models: "reading the sessions' models",
  content: 'reading the session',
  messages: "reading the session's messages",
  rename: 'renaming the session',
  fork: 'copying the session',
  remove: 'deleting the session',
}

function toError({ kind }: RpcError, name: keyof SessionCalls, deadlineMs: number): AppError {
  const activity = activities[name]
  const caveat = reads.includes(name) ? '' : '; the change may have been made anyway'
  switch (kind) {
    case 'late':
      return new AppError('overloaded', `${activity} had to wait too long for other requests; try again`, {
        retryAfterS: 1,
      })
    case 'slow':
      return new AppError('timeout', `${activity} took longer than ${deadlineMs / 1000} s and was stopped${caveat}`)
    case 'memory':
      return new AppError('not_implemented', `${activity} takes more memory than this server allows${caveat}`)
    case 'died':
      return new AppError('internal', `${activity} failed${caveat}; look for the request id in the log`)
  }
}
