// Sets up the Responses API on a scripted agent, with runs stored in SQLite and as many keys as a test wants. Not for
// its pure parts.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { Authenticator } from '../../../../src/auth/authenticate.ts'
import { newSecret } from '../../../../src/auth/keys.ts'
import { noPolicy, type Scope } from '../../../../src/core/key-record.ts'
import { createRuns } from '../../../../src/core/run-registry.ts'
import type { Runs } from '../../../../src/core/runs.ts'
import type { RunRecord, Store } from '../../../../src/core/store.ts'
import type { createApp } from '../../../../src/http/app.ts'
import { ReaderLimits } from '../../../../src/http/reader-limits.ts'
import { ErrorBody } from '../../../../src/surfaces/openai/chat/reply-schemas.ts'
import { Response, ResponseEvent } from '../../../../src/surfaces/openai/responses/reply-schemas.ts'
import { registerOpenai } from '../../../../src/surfaces/openai/routes.ts'
import { createInjectApp, type InjectAppOptions, listenApp, openaiRest } from '../../../helpers/inject-app.ts'
import { type Script, ScriptedAgent } from '../../../helpers/scripted-agent.ts'
import { makeStoreFolder } from '../../../store/scene.ts'

const headers = { host: 'localhost:5005', 'content-type': 'application/json' }
const facts = [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

export const hello = { model: 'sonnet', input: 'hi' }

type Json = Record<string, unknown>
export type Answer = { status: number; headers: LightMyRequestResponse['headers']; body: unknown; text: string }
export type Ask = (url: string, body?: unknown, more?: Record<string, string>) => Promise<Answer>

export type Scene = {
  runs: Runs
  agent: ScriptedAgent
  store: Store
  get(url: string, more?: Record<string, string>): Promise<Answer>
  post: Ask
  remove(url: string, more?: Record<string, string>): Promise<Answer>
  /** Creates a response, not streamed. */
  make(body?: Json, more?: Record<string, string>): Promise<Response>
  /** The headers of a new key. */
  key(...scopes: Scope[]): Promise<Record<string, string>>
}

/** `requiresKey`: every request needs a key. */
export type SceneOptions = { now?: () => number; requiresKey?: boolean }

async function parts(t: TestContext, script: Script | undefined, sceneOptions: SceneOptions) {
  const { now = Date.now, requiresKey = false } = sceneOptions
  const agent = new ScriptedAgent(script)
  const readers = new ReaderLimits()
  let made: Runs | null = null
  // Closed before the store.
  t.after(() => made?.close(0))
  const store = await makeStoreFolder(t).open({ now })
  const runs = createRuns({ agent, store, now })
  made = runs
  const prepare = (app: ReturnType<typeof createApp>['app']) => {
    const rest = { models: async () => facts, modelMap: {}, requestTimeoutMs: 60_000 }
    void app.register(async (scope) =>
      registerOpenai(scope, { ...openaiRest(), conversations: store, readers, runs, ...rest }),
    )
  }
  const callers = requiresKey ? { callers: new Authenticator({ keys: store, isLoopback: true, now }) } : {}
  // `runs` is the native routes' own dependency, which their options type does not include.
  const native = { runs, now } as object
  return { agent, store, runs, readers, now, options: { agent, store, prepare, native, ...callers } }
}

/** The same on a port, for tests that need a connection. */
export async function listen(t: TestContext, script?: Script, sceneOptions: SceneOptions & InjectAppOptions = {}) {
  const { agent, runs, readers, store, options } = await parts(t, script, sceneOptions)
  return { ...(await listenApp(t, { ...sceneOptions, ...options })), agent, runs, readers, store }
}

export async function setUp(t: TestContext, script?: Script, sceneOptions: SceneOptions = {}): Promise<Scene> {
  const { agent, store, runs, now, options } = await parts(t, script, sceneOptions)
  const { inject } = await createInjectApp(t, options)
  const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, more: object, payload?: object) => {
    const answered = await inject({
      method,
      url,
      headers: { ...headers, ...more },
      ...(payload === undefined ? {} : { payload }),
    })
    const answer: Answer = {
      status: answered.statusCode,
      headers: answered.headers,
      text: answered.body,
      get body(): unknown {
        return answered.json()
      },
    }
    return answer
  }
  const post: Ask = (url, body = {}, more = {}) => ask('POST', url, more, body as object)
  let count = 0
  return {
    runs,
    agent,
    store,
    get: (url, more = {}) => ask('GET', url, more),
    post,
    remove: (url, more = {}) => ask('DELETE', url, more),
    async make(body = {}, more = {}) {
      return responseOf(await post('/v1/responses', { ...hello, ...body }, more))
    },
    key: (...scopes) => makeKey(store, now, ++count, scopes),
  }
}

/** The headers of a new key. */
export async function makeKey(store: Store, now: () => number, count: number, scopes: Scope[]) {
  const { secret, prefix, hash } = newSecret()
  const id = `key_${count}`
  const limits = {
    expiresAtMs: null,
    ratePerMinute: null,
    budgetUsd: null,
    policy: noPolicy,
    revokedAtMs: null,
    lastUsedAtMs: null,
  }
  await store.createKey({ id, name: id, prefix, hash, scopes, createdAtMs: now(), ...limits })
  return { authorization: `Bearer ${secret}` }
}

/** A response, checked against its schema. */
export function responseOf({ status, body, text }: Answer): Response {
  assert.equal(status, 200, text)
  return Response.parse(body)
}

/** An error, checked against its schema: its status, its code and the field it names. */
export function errorOf({ status, body }: Answer): [number, string | null, string | null] {
  const { error } = ErrorBody.parse(body)
  return [status, error.code, error.param]
}

/** The events of a finished stream, each checked against its schema and against the name of its frame. */
export function eventsIn({ status, text }: Pick<Answer, 'status' | 'text'>): ResponseEvent[] {
  assert.equal(status, 200, text)
  const frames = text.split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'))
  return frames.map((frame) => {
    const [, name, data] = /^event: ([\w.]+)\ndata: ([^\n]*)$/.exec(frame) ?? []
    assert.ok(data, frame)
    const event = ResponseEvent.parse(JSON.parse(data))
    assert.equal(event.type, name)
    return event
  })
}

export const runIdOf = (responseId: string) => responseId.replace(/^resp_/, 'run_')

/** Waits until a response's run reaches a status, which no event reports. */
export async function reach(
  { runs }: Pick<Scene, 'runs'>,
  responseId: string,
  status: RunRecord['status'],
): Promise<void> {
  for (let turns = 0; turns < 100_000; turns++) {
    if ((await runs.get(runIdOf(responseId)))?.status === status) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail(`the run did not reach the status ${status}`)
}

/** The text of all items of the type `message`. */
export const textIn = ({ output }: Pick<Response, 'output'>): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : part.refusal))
    .join('|')
