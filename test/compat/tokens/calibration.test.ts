// The gauge that learns how the API's counts compare to the estimate, and the agent that feeds it: what it learns from, what it
// leaves alone, and that no answer waits for it. The decorator is held against the contract of every Agent as well.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenCalibration, withTokenCalibration } from '../../../src/compat/tokens/calibration.ts'
import { estimateRequest } from '../../../src/compat/tokens/estimate.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../../src/core/agent.ts'
import type { RunEvent, Usage } from '../../../src/core/events.ts'
import { AppError } from '../../../src/errors.ts'
import { type Behaviour, testAgent } from '../../contract/agent-suite.ts'
import {
  failedEnd,
  goodRun,
  model,
  queueFull,
  refusing,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  textBlock,
  untilAborted,
} from '../../helpers/scripted-agent.ts'

const never = new AbortController().signal

function plainRequest(fields: Partial<RunRequest> = {}): RunRequest {
  return {
    runId: 'run_gauge',
    prompt: [{ type: 'text', text: 'How many tokens is this?' }],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions },
    streaming: true,
    plain: { ...noPlainOptions },
    approvals: false,
    isAuxiliary: false,
    ...fields,
  }
}

const usage = (inputTokens: number, cacheReadInputTokens = 0, cacheCreationInputTokens = 0): Usage => {
  return { inputTokens, outputTokens: 2, cacheReadInputTokens, cacheCreationInputTokens, raw: {} }
}

const noted = (gauge: TokenCalibration, name: string, ratios: readonly number[]) => {
  for (const ratio of ratios) gauge.note(name, 1000, 1000 * ratio)
}

test('an estimate stays as it is before anything was learned', () => {
  assert.equal(new TokenCalibration().estimate('a', 1234), 1234)
})

test('an estimate is corrected by the median of what was noted of its model', () => {
  const gauge = new TokenCalibration()
  noted(gauge, 'a', [1.2, 1.3, 3])
  noted(gauge, 'b', [0.8, 0.9])
  assert.equal(gauge.estimate('a', 1000), 1300)
  assert.equal(gauge.estimate('b', 1000), 850)
})

test('a model that nothing was noted of is taken to be like the others', () => {
  const gauge = new TokenCalibration()
  noted(gauge, 'a', [1.1, 1.2])
  noted(gauge, 'b', [1.4])
  assert.equal(gauge.estimate('c', 1000), 1200)
})

test('only the last 32 notes of a model count', () => {
  const gauge = new TokenCalibration()
  noted(gauge, 'a', Array(100).fill(2))
  noted(gauge, 'a', Array(15).fill(1.25))
  assert.equal(gauge.estimate('a', 1000), 2000)
  noted(gauge, 'a', Array(17).fill(1.25))
  assert.equal(gauge.estimate('a', 1000), 1250)
})

test('a correction is never below a half or above three times', () => {
  const gauge = new TokenCalibration()
  noted(gauge, 'low', [0.01])
  noted(gauge, 'high', [50])
  assert.deepEqual([gauge.estimate('low', 1000), gauge.estimate('high', 1000)], [500, 3000])
})

test('figures that say nothing are not learned from', () => {
  const gauge = new TokenCalibration()
  for (const [estimated, counted] of [
    [0, 0],
    [0, 10],
    [10, 0],
    [-5, 10],
    [Number.NaN, 10],
    [10, Number.POSITIVE_INFINITY],
  ] as const) {
    gauge.note('a', estimated, counted)
  }
  assert.equal(gauge.estimate('a', 1000), 1000)
})

test('of very many models those heard of last are known', () => {
  const gauge = new TokenCalibration()
  noted(gauge, 'old', [3])
  noted(gauge, 'kept', [3])
  for (let n = 0; n < 63; n++) noted(gauge, `model-${n}`, [2])
  noted(gauge, 'kept', [3])
  noted(gauge, 'one more', [2])
  assert.deepEqual([gauge.estimate('old', 100), gauge.estimate('kept', 100)], [200, 300])
})

/** A run in which the model answers `answers` times, and which counted 400 tokens in all for its input. */
const answered = (answers: number, end: Parameters<typeof runEnd>[0] = {}): RunEvent[] => [
  runStart(),
  ...Array.from({ length: answers }, (): RunEvent => ({ type: 'usage', usage: usage(10) })),
  ...textBlock(0, ['Some.']),
  runEnd({ result: 'Some.', usage: usage(100, 250, 50), ...end }),
]

async function play(script: Script, request: RunRequest): Promise<TokenCalibration> {
  const gauge = new TokenCalibration()
  for await (const _ of withTokenCalibration(new ScriptedAgent(script), gauge).run(request, never)) {
  }
  await new Promise(setImmediate)
  return gauge
}

const learned = (gauge: TokenCalibration) => gauge.estimate(model, 1000) / 1000
const ratio = Math.round((400 / estimateRequest(plainRequest())) * 1000) / 1000

test('the gauge learns from a plain answer what was counted, from the cache or not', async () => {
  assert.notEqual(ratio, 1)
  assert.equal(learned(await play(answered(1), plainRequest())), ratio)
  assert.equal(learned(await play(answered(1), plainRequest({ session: { kind: 'new' } }))), ratio)
})

const sessionId = '11111111-2222-4333-8444-555555555555'
const long = 'word '.repeat(400_001)
const passedOver: [what: string, script: Script, request: RunRequest][] = [
  ['an agent', answered(1), plainRequest({ plain: null })],
  [
    'a conversation that the request does not bring along',
    answered(1),
    plainRequest({ session: { kind: 'continue', sessionId } }),
  ],
  ['a model that was asked twice', answered(2), plainRequest()],
  ['an answer that nothing was counted of', answered(0), plainRequest()],
  ['a run that failed', answered(1, failedEnd(new AppError('claude_failed', 'It failed.'))), plainRequest()],
  ['a request of more than two megabytes', answered(1), plainRequest({ prompt: [{ type: 'text', text: long }] })],
]
for (const [what, script, request] of passedOver) {
  test(`the gauge learns nothing from ${what}`, async () => {
    assert.equal(learned(await play(script, request)), 1)
  })
}

test('the end of a run is passed on before anything is estimated, and learned from by those who leave with it', async () => {
  const gauge = new TokenCalibration()
  const request = plainRequest()
  for await (const event of withTokenCalibration(new ScriptedAgent(answered(1)), gauge).run(request, never)) {
    if (event.type === 'run-end') break
  }
  assert.equal(learned(gauge), 1)
  await new Promise(setImmediate)
  assert.equal(learned(gauge), ratio)
})

test('a request that cannot be estimated harms nobody', async () => {
  let schema: Record<string, unknown> = {}
  for (let depth = 0; depth < 100_000; depth++) schema = { items: schema }
  const plain = { ...noPlainOptions, tools: [{ name: 'deep', description: '', inputSchema: schema }] }
  assert.equal(learned(await play(answered(1), plainRequest({ plain }))), 1)
})

const scripts: Record<Behaviour, Script> = {
  succeeds: goodRun(['Hello', ' there']),
  fails: () => [runStart(), failedEnd(new AppError('claude_failed', 'It failed.'))],
  stalls: (_request, signal) => untilAborted(signal, ['Hello']),
  'says nothing': (_request, signal) => untilAborted(signal),
  'is refused': refusing(queueFull()),
}

testAgent(
  'an agent with a gauge',
  async (_t, behaviour) => ({
    agent: withTokenCalibration(new ScriptedAgent(scripts[behaviour]), new TokenCalibration()),
    request: plainRequest(),
  }),
  {
    'close ends the runs': 'the scripted agent plays its script to the end, and only notes that it was closed',
    'close refuses what comes later': 'the scripted agent only notes that it was closed',
  },
)
