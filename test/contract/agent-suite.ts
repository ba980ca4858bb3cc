// The contract of every Agent, as the doc comment in src/core/agent.ts states it: one suite for all implementations. A
// factory creates each of them; a case that one cannot meet is named with the reason.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Agent, RunRequest } from '../../src/core/agent.ts'
import type { RunEnd, RunEvent } from '../../src/core/events.ts'
import { AppError } from '../../src/errors.ts'
import { OrderChecker } from '../helpers/order-checker.ts'

/**
 * What a run of the subject does: it succeeds; it fails; it emits some text and then nothing; it emits nothing at all;
 * it is refused.
 */
export type Behavior = 'succeeds' | 'fails' | 'stalls' | 'says nothing' | 'is refused'

export type Subject = { agent: Agent; request: RunRequest }

/** Creates an agent and a request whose runs behave this way. The agent must end with the test. */
export type MakeSubject = (t: TestContext, behavior: Behavior) => Promise<Subject>

export type CaseName =
  | 'close ends the runs'
  | 'close refuses later runs'
  | 'a run that says nothing'
  | 'a finished run can be cancelled'

const never = new AbortController().signal
const disconnected = () => new AppError('cancelled', 'The client disconnected.')

/** Reads events until the run is over, or up to `count`, and checks their order. */
async function take(events: AsyncIterator<RunEvent>, checker: OrderChecker, count = Number.POSITIVE_INFINITY) {
  const taken: RunEvent[] = []
  while (taken.length < count) {
    const { done, value } = await events.next()
    if (done) break
    checker.accept(value)
    taken.push(value)
  }
  return taken
}

function start({ agent, request }: Subject, signal: AbortSignal): AsyncIterator<RunEvent> {
  return agent.run(request, signal)[Symbol.asyncIterator]()
}

/** A whole run: `run-start` first, `run-end` last, exactly once each. */
async function play(subject: Subject, signal = never): Promise<{ events: RunEvent[]; end: RunEnd }> {
  const checker = new OrderChecker()
  const events = await take(start(subject, signal), checker)
  return { events, end: endOf(events, checker) }
}

function endOf(events: readonly RunEvent[], checker: OrderChecker): RunEnd {
  checker.finish()
  const end = events.at(-1)
  assert.ok(end?.type === 'run-end')
  return end
}

/** The error that the run's first step throws. */
async function refusalOf(subject: Subject, signal = never): Promise<AppError> {
  const events = start(subject, signal)
  try {
    const { value } = await events.next()
    assert.fail(`the run started: ${JSON.stringify(value)}`)
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown))
    assert.deepEqual(await events.next(), { done: true, value: undefined })
    return thrown
  }
}

export function testAgent(name: string, make: MakeSubject, cannot: Partial<Record<CaseName, string>> = {}): void {
  const unless = (name: CaseName) => ({ skip: cannot[name] ?? false })

  test(`${name}: a run that succeeds starts and ends once, with its text as the result`, async (t) => {
    const subject = await make(t, 'succeeds')
    const { events, end } = await play(subject)
    const [start] = events
    assert.ok(start?.type === 'run-start')
    assert.equal(start.runId, subject.request.runId)
    assert.equal(start.sessionId, end.sessionId)
    assert.equal(end.outcome, 'succeeded')
    assert.equal(end.error, null)
    const text = events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')
    assert.equal(end.result, text)
    assert.notEqual(text, '')
  })

  test(`${name}: runs can follow one another and run at the same time`, async (t) => {
    const subject = await make(t, 'succeeds')
    for (const { end } of [await play(subject), await play(subject)]) assert.equal(end.outcome, 'succeeded')
    const together = await Promise.all([1, 2, 3].map(() => play(subject)))
    assert.deepEqual(
      together.map(({ end }) => end.outcome),
      ['succeeded', 'succeeded', 'succeeded'],
    )
  })

  test(`${name}: a run that fails ends with its error`, async (t) => {
    const { end } = await play(await make(t, 'fails'))
    assert.equal(end.outcome, 'failed')
    assert.ok(end.error)
    assert.notEqual(end.error.message, '')
  })

  test(`${name}: a run that is refused throws before its first event`, async (t) => {
    const subject = await make(t, 'is refused')
    await refusalOf(subject)
    assert.equal(subject.agent.stats().queue.waiting, 0)
  })

  test(`${name}: a run that is cancelled before it starts does not succeed`, async (t) => {
    const subject = await make(t, 'stalls')
    const events = start(subject, AbortSignal.abort(disconnected()))
    const checker = new OrderChecker()
    try {
      const end = endOf(await take(events, checker), checker)
      assert.deepEqual(
        [end.outcome, end.error?.code, end.error?.message],
        ['cancelled', 'cancelled', 'The client disconnected.'],
      )
    } catch (thrown) {
      assert.ok(thrown instanceof AppError, String(thrown))
      assert.equal(thrown.code, 'cancelled')
    }
  })

  const reasons: [reason: AppError, outcome: RunEnd['outcome']][] = [
    [disconnected(), 'cancelled'],
    [new AppError('timeout', 'Request timed out'), 'failed'],
    [new AppError('shutting_down', 'Going down.'), 'failed'],
  ]
  for (const [reason, outcome] of reasons) {
    test(`${name}: a silent wait ends when it is aborted with ${reason.code}`, async (t) => {
      const subject = await make(t, 'stalls')
      const controller = new AbortController()
      const events = start(subject, controller.signal)
      const checker = new OrderChecker()
      const taken = await take(events, checker, 3)
      assert.equal(taken[0]?.type, 'run-start')
      // Text from before the silence may still arrive.
      const rest = take(events, checker)
      setImmediate(() => controller.abort(reason))
      const end = endOf(await rest, checker)
      assert.equal(end.outcome, outcome)
      assert.equal(end.error?.code, reason.code)
      assert.equal(end.error?.message, reason.message)
      assert.equal(end.result, '')
    })
  }

  test(
    `${name}: a run that has emitted nothing starts and ends when it is cancelled`,
    unless('a run that says nothing'),
    async (t) => {
      const subject = await make(t, 'says nothing')
      const controller = new AbortController()
      const run = play(subject, controller.signal)
      while (subject.agent.stats().processes.busy === 0) await new Promise(setImmediate)
      controller.abort(disconnected())
      const { events, end } = await run
      assert.deepEqual(
        events.map((event) => event.type),
        ['run-start', 'run-end'],
      )
      assert.equal(end.outcome, 'cancelled')
    },
  )

  test(`${name}: a signal after the end changes nothing`, unless('a finished run can be cancelled'), async (t) => {
    const subject = await make(t, 'succeeds')
    const controller = new AbortController()
    assert.equal((await play(subject, controller.signal)).end.outcome, 'succeeded')
    controller.abort(disconnected())
    assert.equal((await play(subject)).end.outcome, 'succeeded')
  })

  for (const behavior of ['stalls', 'succeeds'] as const) {
    test(`${name}: a caller that leaves early ends a run that ${behavior}`, async (t) => {
      const subject = await make(t, behavior)
      for await (const event of subject.agent.run(subject.request, never)) if (event.type === 'text-delta') break
      assert.equal(subject.agent.stats().processes.busy, 0)
      assert.equal(subject.agent.stats().queue.waiting, 0)
    })

    test(`${name}: a caller that leaves after the first event ends a run that ${behavior}`, async (t) => {
      const subject = await make(t, behavior)
      const events = start(subject, never)
      assert.equal((await events.next()).value?.type, 'run-start')
      await events.return?.()
      assert.deepEqual(await events.next(), { done: true, value: undefined })
      assert.equal(subject.agent.stats().processes.busy, 0)
    })
  }

  test(`${name}: it can be closed twice, also at the same time`, async (t) => {
    const { agent } = await make(t, 'succeeds')
    await Promise.all([agent.close(1000), agent.close(1000)])
    await agent.close(1000)
    assert.equal(agent.stats().processes.live, 0)
  })

  test(`${name}: close ends active runs in time`, unless('close ends the runs'), async (t) => {
    const subject = await make(t, 'stalls')
    const checker = new OrderChecker()
    const events = start(subject, never)
    const taken = await take(events, checker, 3)
    const rest = take(events, checker)
    const startedAt = performance.now()
    await subject.agent.close(1000)
    assert.ok(performance.now() - startedAt < 2000)
    const end = endOf([...taken, ...(await rest)], checker)
    assert.equal(end.outcome, 'failed')
    assert.equal(subject.agent.stats().processes.live, 0)
  })

  test(`${name}: runs are refused after close`, unless('close refuses later runs'), async (t) => {
    const subject = await make(t, 'succeeds')
    await subject.agent.close(0)
    assert.equal((await refusalOf(subject)).code, 'shutting_down')
  })
}
