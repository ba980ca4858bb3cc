// Sets up all three surfaces with one scripted agent and runs stored in SQLite, for the tests of the run routes.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { createRuns } from '../../../src/core/run-registry.ts'
import type { RunInput, Runs } from '../../../src/core/runs.ts'
import type { RunRecord, Store } from '../../../src/core/store.ts'
import type { createApp } from '../../../src/http/app.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { type ChatEvent, ErrorBody, eventSchemas } from '../../../src/surfaces/native/reply-schemas.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { input, read } from '../../core/runs-scene.ts'
import { batchOptions } from '../../helpers/batch-options.ts'
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

/** Forwards each call to runs that are created later. */
function deferRuns(get: () => Runs): Runs {
  return new Proxy({} as Runs, {
    get: (_target, name) => {
      const runs = get()
      const member: unknown = runs[name as keyof Runs]
      return typeof member === 'function' ? member.bind(runs) : member
    },
  })
}

type SceneOptions = { script?: Script; now?: () => number }

async function createParts(t: TestContext, { script, now }: SceneOptions) {
  const agent = new ScriptedAgent(script)
  let created: Runs | null = null
  // Close the runs before the store.
  t.after(() => created?.close(0))
  const store = await makeStoreFolder(t).open()
  const runs = createRuns({ agent, store, ...(now ? { now } : {}) })
  created = runs
  const shared = {
    runs: deferRuns(() => runs),
    models: async () => facts,
    modelMap: {},
    requestTimeoutMs: 60_000,
  }
  const prepare = (app: ReturnType<typeof createApp>['app']) => {
    void app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...shared }))
    void app.register(async (scope) => registerAnthropic(scope, { ...shared, ...batchOptions(), countTokens: () => 1 }))
  }
  // The native routes get the same runs.
  return { agent, store, runs, options: { agent, store, prepare, native: { runs, now: now ?? Date.now } as object } }
}

export async function setUp(t: TestContext, sceneOptions: SceneOptions = {}): Promise<RouteScene> {
  const { agent, store, runs, options } = await createParts(t, sceneOptions)
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

/** The same on a port, for tests that need a connection. */
export async function listen(
  t: TestContext,
  sceneOptions: SceneOptions = {},
): Promise<ListeningApp & { store: Store }> {
  const { runs, store, options } = await createParts(t, sceneOptions)
  return { ...(await listenApp(t, options)), runs, store }
}

/** Runs to the end and returns the id. */
export async function finishedRun({ runs }: { runs: Runs }, fields: Partial<RunInput> = {}): Promise<string> {
  const run = await runs.start(input(fields))
  await read(run.events)
  return run.id
}

/** Waits until the run has the status, which no event reports. */
export async function reach({ runs }: { runs: Runs }, id: string, status: RunRecord['status']): Promise<void> {
  for (let turns = 0; turns < 100_000; turns++) {
    if ((await runs.get(id))?.status === status) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail(`the run did not become ${status}`)
}

/** Checks an error answer against its schema and returns its status, its code and the field that it names. */
export function errorOf({ status, body }: Answer) {
  const { code, details } = ErrorBody.parse(body)
  return [status, code, details.field]
}

export type Frame = { id: number; event: ChatEvent }

/** The frames of a finished stream, with each event checked against its schema. */
export function framesOf(text: string): Frame[] {
  const frames = text.split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'))
  return frames.map((frame) => {
    const [, id, data] = /^id: (\d+)\ndata: ([^\n]*)$/.exec(frame) ?? []
    const event = JSON.parse(data ?? 'null') as ChatEvent
    eventSchemas[event.type].parse(event)
    return { id: Number(id), event }
  })
}
