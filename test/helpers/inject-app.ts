// The HTTP application with the native API and a scripted agent: for `app.inject` without a port, or listening on a
// free one.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import type { Authenticator } from '../../src/auth/authenticate.ts'
import { createSealers } from '../../src/compat/sealed-text.ts'
import { noQuota } from '../../src/core/agent.ts'
import { createRuns } from '../../src/core/run-registry.ts'
import type { Runs } from '../../src/core/runs.ts'
import type { Store } from '../../src/core/store.ts'
import { type App, createApp, type HttpLimits } from '../../src/http/app.ts'
import { ReaderLimits } from '../../src/http/reader-limits.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { type NativeOptions, registerNative } from '../../src/surfaces/native/routes.ts'
import { ConversationLocks } from '../../src/surfaces/openai/conversations/conversation-locks.ts'
import { batchOptions } from './batch-options.ts'
import { ScriptedAgent } from './scripted-agent.ts'

/** A test's context, or `after` of a whole file. */
export type Cleanup = { after(close: () => Promise<void>): void }

export const testSealers = createSealers(randomBytes(32))
export const testSealer = testSealers.for(null)

/** Options that the OpenAI routes require and most tests do not care about. */
export const openaiRest = () => ({
  readers: new ReaderLimits(),
  countTokens: () => 7,
  sealers: testSealers,
  conversations: openMemoryStore(),
  locks: new ConversationLocks(),
  store: openMemoryStore(),
  chatItems: { answer: () => assert.fail('no batches of the native API'), toError: () => assert.fail() },
  ...batchOptions(),
})

export type InjectAppOptions = {
  agent?: ScriptedAgent
  /** Where runs are stored; in memory by default. */
  store?: Store
  native?: Partial<Omit<NativeOptions, 'runs'>>
  bodyBytesMax?: number
  allowHosts?: readonly string[]
  corsOrigins?: readonly string[]
  /** Authenticates callers; everybody may call by default. */
  callers?: Authenticator
  limits?: Partial<HttpLimits>
  /** Adds hooks before the routes are registered. */
  prepare?: (app: App, runs: Runs) => void
}

export type InjectApp = {
  app: App
  agent: ScriptedAgent
  runs: Runs
  logLines: Record<string, unknown>[]
  /** Like `app.inject`, with the parts of a request that the guard checks. */
  inject(options: InjectOptions): Promise<LightMyRequestResponse>
}

/** The part of Node's own requests that injected ones lack. */
class InjectedRequest extends Readable {
  declare rawHeaders: string[]

  get headersDistinct(): Record<string, string[]> {
    const distinct: Record<string, string[]> = {}
    for (let index = 0; index < this.rawHeaders.length; index += 2) {
      const name = (this.rawHeaders[index] ?? '').toLowerCase()
      distinct[name] = [...(distinct[name] ?? []), this.rawHeaders[index + 1] ?? '']
    }
    return distinct
  }
}

/** The app is closed after the test. */
export async function createInjectApp(t: Cleanup, options: InjectAppOptions = {}): Promise<InjectApp> {
  const agent = options.agent ?? new ScriptedAgent()
  const store = options.store ?? openMemoryStore()
  const runs = createRuns({ agent, store })
  const logLines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(JSON.parse(line)) })
  const { bodyBytesMax = 32 * 1024 ** 2, allowHosts = [], corsOrigins = [] } = options
  const { app } = createApp({
    log,
    bodyBytesMax,
    allowHosts,
    corsOrigins,
    ...(options.callers ? { callers: options.callers } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
  })
  options.prepare?.(app, runs)
  registerNative(app, {
    runs,
    readers: new ReaderLimits(),
    store,
    now: Date.now,
    permissionModes: ['default', 'acceptEdits', 'plan', 'dontAsk'],
    cwdRoots: () => null,
    requestTimeoutMs: 300_000,
    maxRequestTimeoutMs: 3_600_000,
    models: async () => [],
    modelMap: {},
    health: async () => ({ status: 'ok' }),
    readiness: async () => ({ ready: true, facts: {} }),
    quota: () => noQuota,
    metrics: async () => ({ type: 'text/plain', text: '' }),
    ...options.native,
  })
  t.after(async () => {
    await runs.close(0)
    await app.close()
  })
  await app.ready()
  const inject = (options: InjectOptions) => app.inject({ ...options, Request: InjectedRequest })
  return { app, agent, runs, logLines, inject }
}

export type ListeningApp = InjectApp & { url: string; port: number }

/** The same, listening on 127.0.0.1 and a free port. */
export async function listenApp(t: Cleanup, options: InjectAppOptions = {}): Promise<ListeningApp> {
  const made = await createInjectApp(t, options)
  const url = await made.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...made, url, port: (made.app.server.address() as AddressInfo).port }
}
