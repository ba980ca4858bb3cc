// The contract of every worker, as src/claude/pool/pool-worker.ts states it: one suite for workers on the real CLI and for the fake ones
// with which the pool's scheduling is tested.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { allAbilities } from '../../src/claude/cli/abilities.ts'
import { profileKey, toProfile, toTurn } from '../../src/claude/cli/profile.ts'
import { defaultProcessLimits } from '../../src/claude/pool/limits.ts'
import type { PoolWorker, SpawnSpec } from '../../src/claude/pool/pool-worker.ts'
import { TurnRun, WorkerLost } from '../../src/claude/turn/turn.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../src/core/agent.ts'
import type { RunEnd, RunEvent } from '../../src/core/events.ts'
import { AppError } from '../../src/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'

export type WorkerSubject = {
  worker: PoolWorker
  /** Lets the prompt of the turn in progress be answered, if nothing else does. */
  reply(): void
  /** Ends the process from outside. */
  kill(): void
}

/** `fails`: the process does not start. */
export type MakeWorker = (
  t: TestContext,
  spec: Omit<SpawnSpec, 'claude'>,
  behavior: 'works' | 'fails',
) => Promise<WorkerSubject>

const sessionId = '11111111-2222-4333-8444-555555555555'
const otherSessionId = '11111111-2222-4333-8444-666666666666'

function requestOf(prompt: string): RunRequest {
  return {
    runId: 'run_contract',
    prompt: [{ type: 'text', text: prompt }],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions, systemPrompt: 'You answer briefly.' },
    streaming: true,
    plain: noPlainOptions,
    approvals: false,
    isAuxiliary: false,
  }
}

/** A profile of plain models, whose processes are reused. */
const specIn = (cwd: string): Omit<SpawnSpec, 'claude'> => ({
  profile: toProfile(requestOf(''), { cwd, abilities: allAbilities, hasHooks: false }),
  fingerprint: 'print',
})

async function* eventsOf({ worker, reply }: WorkerSubject, prompt: string): AsyncGenerator<RunEvent> {
  const request = requestOf(prompt)
  const turn = toTurn(request)
  const process = worker.turnProcess(turn)
  const { conversation } = worker
  assert.ok(conversation)
  const run = new TurnRun(process, {
    request,
    turn,
    conversation,
    limits: defaultProcessLimits,
    clock: systemClock,
    answerCheck: null,
  })
  const events = run.events(new AbortController().signal)
  const first = events.next()
  reply()
  yield (await first).value as RunEvent
  yield* events
}

/** Acquires the worker, plays one whole turn of a conversation, and releases it. */
async function play(subject: WorkerSubject, prompt: string, session: string | 'same'): Promise<RunEnd> {
  const { worker } = subject
  worker.acquire()
  const turn = toTurn(requestOf(prompt))
  if (session === 'same') await worker.continueConversation(turn)
  else await worker.startConversation(turn, session)
  let end: RunEnd | null = null
  for await (const event of eventsOf(subject, prompt)) if (event.type === 'run-end') end = event
  assert.ok(worker.release())
  assert.ok(end)
  return end
}

export function testWorker(name: string, cwd: (t: TestContext) => string, make: MakeWorker): void {
  test(`${name}: the life of one that is reused, from its start to its end`, async (t) => {
    const spec = specIn(cwd(t))
    const subject = await make(t, spec, 'works')
    const { worker } = subject

    await t.test('it starts, becomes idle, and reports its models', async () => {
      assert.equal(worker.state, 'starting')
      assert.throws(() => worker.acquire())
      const { models } = await worker.ready
      assert.equal(worker.state, 'idle')
      assert.ok(models.length > 0 && models.every(({ value, displayName }) => value !== '' && displayName !== ''))
      assert.equal(worker.key, profileKey(spec.profile))
      assert.equal(worker.fingerprint, 'print')
      assert.equal(worker.conversation, null)
      assert.equal(worker.requests, 0)
    })

    await t.test('it is acquired by one run at a time', () => {
      const startedAt = worker.lastUsedAt
      assert.equal(worker.release(), false)
      worker.acquire()
      assert.equal(worker.state, 'busy')
      assert.throws(() => worker.acquire())
      assert.equal(worker.release(), true)
      assert.equal(worker.state, 'idle')
      assert.equal(worker.release(), false)
      assert.ok(worker.lastUsedAt >= startedAt)
    })

    await t.test('it reports what the pool asks about it', async () => {
      worker.acquire()
      assert.ok(Number(await worker.residentBytes()) > 0)
      assert.equal(worker.answer('ask_none', { behavior: 'deny', message: null }, 'caller'), false)
      assert.deepEqual([...worker.knownTools], [])
      worker.release()
    })

    await t.test('no turn runs on it without a conversation, or without its being acquired', async () => {
      const turn = toTurn(requestOf('hi'))
      assert.throws(() => worker.turnProcess(turn))
      worker.acquire()
      assert.throws(() => worker.turnProcess(turn))
      await worker.startConversation(turn, otherSessionId)
      worker.release()
      assert.throws(() => worker.turnProcess(turn))
    })

    await t.test('a turn runs, and the worker counts it and holds the conversation', async () => {
      const end = await play(subject, 'one', sessionId)
      assert.equal(end.outcome, 'succeeded')
      assert.equal(worker.requests, 1)
      assert.equal(worker.conversation?.sessionId, sessionId)
      assert.equal(worker.conversation?.turns, 1)
      assert.notEqual(worker.conversation?.contentFingerprint, null)
    })

    await t.test('it continues its conversation, and then takes another one', async () => {
      await play(subject, 'two', 'same')
      assert.equal(worker.conversation?.turns, 2)
      await play(subject, 'other', otherSessionId)
      assert.equal(worker.conversation?.sessionId, otherSessionId)
      assert.equal(worker.conversation?.turns, 1)
      assert.equal(worker.requests, 3)
    })

    await t.test('a retired one is not given back, and ends', async () => {
      worker.acquire()
      const retired = worker.retire()
      assert.equal(worker.state, 'ending')
      assert.equal(worker.release(), false)
      assert.throws(() => worker.acquire())
      await retired
      await worker.gone
      assert.equal(worker.state, 'gone')
      await worker.retire()
      assert.equal(worker.state, 'gone')
    })
  })

  test(`${name}: one that cannot start rejects with an AppError, and is gone`, async (t) => {
    const { worker } = await make(t, specIn(cwd(t)), 'fails')
    await assert.rejects(worker.ready, (error) => error instanceof AppError && error.code === 'claude_failed')
    await worker.gone
    assert.equal(worker.state, 'gone')
    assert.throws(() => worker.acquire())
  })

  test(`${name}: a turn whose process dies before its first word may run elsewhere`, async (t) => {
    const subject = await make(t, specIn(cwd(t)), 'works')
    const { worker } = subject
    await worker.ready
    const turn = toTurn(requestOf('one'))
    worker.acquire()
    await worker.startConversation(turn, sessionId)
    const { conversation } = worker
    assert.ok(conversation)
    const input = {
      request: requestOf('one'),
      turn,
      conversation,
      limits: defaultProcessLimits,
      clock: systemClock,
      answerCheck: null,
    }
    const process = worker.turnProcess(turn)
    // Killed before it could answer anything.
    const killed = { ...process, send: () => subject.kill() }
    const events = new TurnRun(killed, input).events(new AbortController().signal)
    await assert.rejects(events.next(), (error) => error instanceof WorkerLost && error.cause.code === 'claude_failed')
    await worker.gone
    assert.equal(worker.release(), false)
  })
}
