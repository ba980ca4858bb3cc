// All three surfaces on one scripted agent, with runs kept in SQLite: for the tests of the routes for runs.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { createRuns } from '../../../src/core/run-registry.ts'
import type { RunInput, Runs } from '../../../src/core/runs.ts'
import type { RunRecord, Store } from '../../../src/core/store.ts'
import type { createApp } from '../../../src/http/app.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { type ChatEvent, ErrorBody, eventSchemas } from '../../../src/surfaces/native/schemas.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { input, read } from '../../core/runs-scene.ts'
import { createInjectApp, type ListeningApp, listenApp, openaiRest } from '../../helpers/inject-app.ts'
import { type Script, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { makeStoreFolder } from '../../store/scene.ts'

export const headers = { host: 'localhost:5005', 'content-type': 'application/json' }

type Answer = { status: number; headers: LightMyRequestResponse['headers']; body: unknown; text: string }

export type RouteScene = {
  runs: Runs
  agent: ScriptedAgent
  store: Store
  get(url: string, more?: Record<string, string>): Promise<Answer>
  post(url: string, body?: unknown, more?: Record<string, string>): Promise<Answer>
}

const facts = [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** Passes each call on to runs that are made later. */
function later(get: () => Runs): Runs {
  return new Proxy({} as Runs, {
    get: (_target, name) => {
      const runs = get()
      const own: unknown = runs[name as keyof Runs]
      return typeof own === 'function' ? own.bind(runs) : own
    },
  })
}

type Given = { script?: Script; now?: () => number }

async function parts(t: TestContext, { script, now }: Given) {
  const agent = new ScriptedAgent(script)
  let made: Runs | null = null
  // Closed before the store is.
  t.after(() => made?.close(0))
  const store = await makeStoreFolder(t).open()
  const runs = createRuns({ agent, store, ...(now ? { now } : {}) })
  made = runs
  const face = {
    runs: later(() => runs),
    models: async () => facts,
    modelMap: {},
    requestTimeoutMs: 60_000,
  }
  const prepare = (app: ReturnType<typeof createApp>['app']) => {
    void app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...face }))
    void app.register(async (scope) => registerAnthropic(scope, { ...face, countTokens: () => 1 }))
  }
  // The native routes get the same runs.
  return { agent, store, runs, options: { agent, store, prepare, native: { runs, now: now ?? Date.now } as object } }
}

export async function setUp(t: TestContext, given: Given = {}): Promise<RouteScene> {
  const { agent, store, runs, options } = await parts(t, given)
  const { inject } = await createInjectApp(t, options)
  const toAnswer = (answer: LightMyRequestResponse): Answer => ({
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    get body(): unknown {
      return answer.json()
    },
  })
  const get: RouteScene['get'] = async (url, more = {}) =>
    toAnswer(await inject({ method: 'GET', url, headers: { ...headers, ...more } }))
  const post: RouteScene['post'] = async (url, body = {}, more = {}) =>
    toAnswer(await inject({ method: 'POST', url, headers: { ...headers, ...more }, payload: body as object }))
  return { runs, agent, store, get, post }
}

/** The same on a port, for what needs a connection. */
export async function listen(t: TestContext, given: Given = {}): Promise<ListeningApp & { store: Store }> {
  const { runs, store, options } = await parts(t, given)
  return { ...(await listenApp(t, options)), runs, store }
}

/** A run that has ended, and its id. */
export async function done({ runs }: { runs: Runs }, fields: Partial<RunInput> = {}): Promise<string> {
  const run = await runs.start(input(fields))
  await read(run.events)
  return run.id
}

/** Waits for a run's status, which no event tells. */
export async function reach({ runs }: { runs: Runs }, id: string, status: RunRecord['status']): Promise<void> {
  for (let turns = 0; turns < 100_000; turns++) {
    if ((await runs.get(id))?.status === status) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail(`the run did not come to be ${status}`)
}

/** An error answer, held against its schema: its status, code and the field that it names. */
export function faultOf({ status, body }: Answer) {
  const { code, details } = ErrorBody.parse(body)
  return [status, code, details.field]
}

export type Frame = { id: number; event: ChatEvent }

/** The frames of a stream that is over, each event held against its schema. */
export function framesOf(text: string): Frame[] {
  const frames = text.split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'))
  return frames.map((frame) => {
    const [, id, data] = /^id: (\d+)\ndata: ([^\n]*)$/.exec(frame) ?? []
    const event = JSON.parse(data ?? 'null') as ChatEvent
    eventSchemas[event.type].parse(event)
    return { id: Number(id), event }
  })
}
