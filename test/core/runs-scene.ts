// Runs on a scripted agent, stored in memory or in a file, for the tests of core/run-registry.ts. Stores have tests of
// their own.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { noOptions } from '../../src/core/agent.ts'
import type { ApprovalRequest, RunEnd, RunEvent } from '../../src/core/events.ts'
import { createRuns } from '../../src/core/run-registry.ts'
import type { RunInput, Runs, RunsDependencies } from '../../src/core/runs.ts'
import type { Store } from '../../src/core/store.ts'
import type { AppError } from '../../src/errors.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import {
  aborted,
  failedEnd,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  textBlock,
  untilAborted,
} from '../helpers/scripted-agent.ts'
import { makeStoreFolder, type StoreFolder } from '../store/scene.ts'

export type Ended = { runId: string; end: RunEnd | null; error: AppError | null }
export type Warning = { message: string; facts: Record<string, unknown> }

export type Scene = {
  runs: Runs
  agent: ScriptedAgent
  store: Store
  database: StoreFolder
  ended: Ended[]
  warnings: Warning[]
  /** Another server on the same store. */
  next(script?: Script): { runs: Runs; agent: ScriptedAgent }
}

export type SceneOptions = Omit<Partial<RunsDependencies>, 'store' | 'agent'> & {
  script?: Script
  /** Where runs are stored; in memory by default. */
  storage?: 'memory' | 'file'
  /** Wraps the store that the runs use. */
  wrap?: (store: Store) => Store
}

export async function setUp(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const { script, storage = 'memory', wrap = (store) => store, ...others } = options
  const opened: Runs[] = []
  t.after(() => Promise.all(opened.map((runs) => runs.close(0))))
  const database = makeStoreFolder(t)
  const store = storage === 'file' ? await database.open() : openMemoryStore()
  const ended: Ended[] = []
  const warnings: Warning[] = []
  const next = (nextScript?: Script) => {
    const agent = new ScriptedAgent(nextScript)
    const runs = createRuns({
      agent,
      store: wrap(store),
      onEnd: (runId, end, error) => ended.push({ runId, end, error }),
      onWarning: (message, facts) => warnings.push({ message, facts }),
      ...others,
    })
    opened.push(runs)
    return { runs, agent }
  }
  return { ...next(script), store, database, ended, warnings, next }
}

/** A store with some of its methods replaced. */
export const withOverrides = (store: Store, others: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const own: unknown = others[name as keyof Store] ?? target[name as keyof Store]
      return typeof own === 'function' ? own.bind(target) : own
    },
  })

/** A run that emits one word and then nothing more. */
export const silent: Script = (_request, signal) => untilAborted(signal, ['Hello'])

/** A run that never starts. */
export const stuck: Script = (_request, signal) => ({
  [Symbol.asyncIterator]: () => ({ next: () => aborted(signal).then((reason) => Promise.reject(reason)) }),
})

export function input(fields: Partial<RunInput> = {}): RunInput {
  return {
    prompt: [{ type: 'text', text: 'hi' }],
    session: { kind: 'new' },
    options: noOptions,
    streaming: false,
    plain: null,
    approvals: false,
    isAuxiliary: false,
    timeoutMs: 60_000,
    surface: 'native',
    ...fields,
  }
}

export const withKey = (key: string, bodyHash = 'hash-1', fields: Partial<RunInput> = {}) =>
  input({ idempotency: { key, bodyHash }, ...fields })

/** All events of a run; checks their order. */
export async function read(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const checker = new OrderChecker()
  const all: RunEvent[] = []
  for await (const event of events) {
    checker.accept(event)
    all.push(event)
  }
  checker.finish()
  return all
}

/** The events of the run with this id; checks that their numbers have no gaps. */
export async function* follow(runs: Runs, id: string, afterSeq = 0): AsyncGenerator<RunEvent> {
  let last = afterSeq
  for await (const { seq, event } of runs.follow(id, afterSeq)) {
    assert.equal(seq, ++last)
    yield event
  }
}

export const endOf = (events: readonly RunEvent[]): RunEnd => {
  const last = events.at(-1)
  assert.ok(last?.type === 'run-end', `the last event is ${last?.type}`)
  return last
}

export const textOf = (events: readonly RunEvent[]) =>
  events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')

export const approvalEvent = (requestId: string, fields: Partial<ApprovalRequest> = {}): RunEvent => ({
  type: 'ask',
  requestId,
  kind: 'permission',
  toolName: 'Bash',
  toolId: 'toolu_1',
  input: { command: 'ls' },
  description: null,
  blockedPath: null,
  suggestions: [],
  ...fields,
})

/** A run that requests these approvals at once, continues when all are answered, and emits the answers as text. */
export function waitingForAnswers(getAgent: () => ScriptedAgent, ...ids: string[]): Script {
  return async function* (request, signal) {
    const agent = getAgent()
    yield runStart()
    for (const requestId of ids) {
      agent.open.add(requestId)
      yield approvalEvent(requestId)
    }
    const answers = () => agent.answers.filter(({ runId }) => runId === request.runId)
    for (let count = 1; count <= ids.length; count++) {
      const total = agent.answers.length - answers().length + count
      const abortReason = await Promise.race([agent.answered(total), aborted(signal)])
      if (abortReason !== undefined) return yield failedEnd(abortReason)
      const answer = answers()[count - 1]
      assert.ok(answer)
      const { requestId, by } = answer
      yield { type: 'ask-answered', requestId, behavior: answer.answer.behavior, by }
    }
    const behaviors = answers().map(({ answer }) => answer.behavior)
    yield* textBlock(0, behaviors)
    yield runEnd({ result: behaviors.join('') })
  }
}
