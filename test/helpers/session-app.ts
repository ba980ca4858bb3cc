// The native API's session routes with sessions that a test makes up: without files and without a CLI.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { z } from 'zod'
import {
  pageOfMessages,
  type SessionContent,
  type SessionFiles,
  type SessionInfo,
  type SessionMessage,
  sessionNotFound,
} from '../../src/core/sessions.ts'
import type { SessionFacts, UsageQuery, UsageSum } from '../../src/core/store.ts'
import { ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'
import { registerSessions, type SessionOptions } from '../../src/surfaces/native/session-routes.ts'
import { createInjectApp } from './inject-app.ts'

export const idOf = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`
export const [one, two, three] = [idOf('a'), idOf('b'), idOf('c')]
export const noCalls: string[] = []

export const info = (id: string, more: Partial<SessionInfo> = {}): SessionInfo => ({
  id,
  title: `title of ${id[0]}`,
  firstPrompt: `a secret prompt of ${id[0]}`,
  cwd: '/work',
  createdAtMs: 1_000,
  updatedAtMs: 2_000,
  ...more,
})

/** Sessions in memory, with a record of every call. */
class FakeFiles implements SessionFiles {
  readonly calls: string[] = []
  readonly sessions: Map<string, SessionInfo>
  talk: SessionMessage[] = []
  readonly contents = new Map<string, SessionContent>()

  constructor(sessions: readonly SessionInfo[]) {
    this.sessions = new Map(sessions.map((session) => [session.id, session]))
  }

  async list(query: { cwd: string | null; limit: number | null }) {
    this.calls.push(`list ${query.cwd} ${query.limit}`)
    return [...this.sessions.values()].slice(0, query.limit ?? undefined)
  }

  async get(id: string) {
    this.calls.push(`get ${id}`)
    return this.#of(id)
  }

  async models(sessions: readonly { id: string }[]) {
    return sessions.map(({ id }) => this.contents.get(id)?.model ?? null)
  }

  async content(id: string) {
    this.#of(id)
    return this.contents.get(id) ?? { model: null, compactions: 0, all: null, terminal: null }
  }

  async messages(id: string, query: { limit: number; cursor: string | null }) {
    this.#of(id)
    return pageOfMessages(this.talk, query)
  }

  async rename(id: string, title: string) {
    this.calls.push(`rename ${id}`)
    this.sessions.set(id, { ...this.#of(id), title })
  }

  async fork(id: string, title: string | null) {
    this.calls.push(`fork ${id} ${title}`)
    this.sessions.set(three, { ...this.#of(id), id: three, title: title ?? 'a copy' })
    return three
  }

  async remove(id: string) {
    this.calls.push(`remove ${id}`)
    this.#of(id)
    this.sessions.delete(id)
  }

  async close() {}

  #of(id: string): SessionInfo {
    const session = this.sessions.get(id)
    if (session === undefined) throw sessionNotFound(id)
    return session
  }
}

const factsOf = (id: string): SessionFacts => ({
  id,
  owner: null,
  cwd: '/work',
  model: 'claude-x',
  createdAtMs: 1,
  lastUsedAtMs: 2,
})

const usageOf = (group: string): UsageSum => ({
  group,
  runs: 2,
  inputTokens: 10,
  outputTokens: 20,
  cacheReadInputTokens: 30,
  cacheCreationInputTokens: 40,
  costUsd: 0.5,
})

/** Knows the first session only. */
function fakeStore() {
  const stored = new Map([[one, factsOf(one)]])
  return {
    stored,
    store: {
      sessions: async (ids: readonly string[]) => [...stored.values()].filter(({ id }) => ids.includes(id)),
      usage: async ({ sessionId }: UsageQuery) => (sessionId === one ? [usageOf(one)] : []),
      deleteSession: async (id: string) => void stored.delete(id),
      upsertSession: async (facts: SessionFacts) => void stored.set(facts.id, facts),
    },
  }
}

type Setup = { sessions?: SessionInfo[]; options?: Partial<SessionOptions> }

export async function setUp(t: TestContext, { sessions = [info(one), info(two)], options = {} }: Setup = {}) {
  const files = new FakeFiles(sessions)
  const { stored, store } = fakeStore()
  const sessionOptions: SessionOptions = {
    files,
    store,
    holder: () => null,
    release: async () => true,
    cwdRoots: () => null,
    executable: { command: 'claude' },
    ...options,
  }
  const app = await createInjectApp(t, { prepare: (app) => registerSessions(app, sessionOptions) })
  const send = async (method: 'GET' | 'PATCH' | 'POST' | 'DELETE', path: string, body?: unknown) => {
    const response = await app.inject({
      method,
      url: `/v1/sessions${path}`,
      headers: { host: 'localhost', ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.statusCode, headers: response.headers, body: response.body }
  }
  return { files, stored, send, logLines: app.logLines }
}

export type Answer = { status: number; body: string }

export function parse<Schema extends z.ZodType>(
  schema: Schema,
  { status, body }: Answer,
  expected = 200,
): z.output<Schema> {
  assert.equal(status, expected, body)
  return schema.parse(JSON.parse(body))
}

export function errorSummary({ status, body }: Answer): string {
  const { code, details } = ErrorBody.parse(JSON.parse(body))
  return [status, code, details.field].filter((part) => part !== undefined).join(' ')
}

/** Every request for one session. */
export const requestsOf = (id: string) =>
  [
    ['GET', `/${id}`],
    ['GET', `/${id}/messages`],
    ['PATCH', `/${id}`, { title: 'x' }],
    ['POST', `/${id}/fork`, {}],
    ['DELETE', `/${id}`],
  ] as const
