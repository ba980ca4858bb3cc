// How the calibration learns from the API's counts, and the agent that feeds it: what it learns from, what it ignores,
// and that no answer waits for it. The wrapped agent must also pass the contract suite of every Agent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenCalibration, withTokenCalibration } from '../../../src/compat/tokens/calibration.ts'
import { estimateRequest } from '../../../src/compat/tokens/estimate.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../../src/core/agent.ts'
import type { RunEvent, Usage } from '../../../src/core/events.ts'
import { AppError } from '../../../src/errors.ts'
import { type Behavior, testAgent } from '../../contract/agent-suite.ts'
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
    runId: 'run_calibration',
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

const recordRatios = (calibration: TokenCalibration, name: string, ratios: readonly number[]) => {
  for (const ratio of ratios) calibration.record(name, 1000, 1000 * ratio)
}

test('an estimate is unchanged before anything is learned', () => {
  assert.equal(new TokenCalibration().estimate('a', 1234), 1234)
})

test('an estimate is corrected by the median ratio of its model', () => {
  const calibration = new TokenCalibration()
  recordRatios(calibration, 'a', [1.2, 1.3, 3])
  recordRatios(calibration, 'b', [0.8, 0.9])
  assert.equal(calibration.estimate('a', 1000), 1300)
  assert.equal(calibration.estimate('b', 1000), 850)
})

test('an unknown model is assumed to be like the others', () => {
  const calibration = new TokenCalibration()
  recordRatios(calibration, 'a', [1.1, 1.2])
  recordRatios(calibration, 'b', [1.4])
  assert.equal(calibration.estimate('c', 1000), 1200)
})

test('only the last 32 samples of a model count', () => {
  const calibration = new TokenCalibration()
  recordRatios(calibration, 'a', Array(100).fill(2))
  recordRatios(calibration, 'a', Array(15).fill(1.25))
  assert.equal(calibration.estimate('a', 1000), 2000)
  recordRatios(calibration, 'a', Array(17).fill(1.25))
  assert.equal(calibration.estimate('a', 1000), 1250)
})

test('a correction factor is never below 0.5 or above 3', () => {
  const calibration = new TokenCalibration()
  recordRatios(calibration, 'low', [0.01])
  recordRatios(calibration, 'high', [50])
  assert.deepEqual([calibration.estimate('low', 1000), calibration.estimate('high', 1000)], [500, 3000])
})

test('unusable counts are ignored', () => {
  const calibration = new TokenCalibration()
  for (const [estimated, counted] of [
    [0, 0],
    [0, 10],
    [10, 0],
    [-5, 10],
    [Number.NaN, 10],
    [10, Number.POSITIVE_INFINITY],
  ] as const) {
    calibration.record('a', estimated, counted)
  }
  assert.equal(calibration.estimate('a', 1000), 1000)
})

test('of very many models only those with the latest answers are known', () => {
  const calibration = new TokenCalibration()
  recordRatios(calibration, 'old', [3])
  recordRatios(calibration, 'kept', [3])
  for (let n = 0; n < 63; n++) recordRatios(calibration, `model-${n}`, [2])
  recordRatios(calibration, 'kept', [3])
  recordRatios(calibration, 'one more', [2])
  assert.deepEqual([calibration.estimate('old', 100), calibration.estimate('kept', 100)], [200, 300])
})

/** A run in which the model answers `answers` times, with 400 input tokens in total. */
const answered = (answers: number, end: Parameters<typeof runEnd>[0] = {}): RunEvent[] => [
  runStart(),
  ...Array.from({ length: answers }, (): RunEvent => ({ type: 'usage', usage: usage(10) })),
  ...textBlock(0, ['Some.']),
  runEnd({ result: 'Some.', usage: usage(100, 250, 50), ...end }),
]

async function play(script: Script, request: RunRequest): Promise<TokenCalibration> {
  const calibration = new TokenCalibration()
  for await (const _ of withTokenCalibration(new ScriptedAgent(script), calibration).run(request, never)) {
  }
  await new Promise(setImmediate)
  return calibration
}

const learned = (calibration: TokenCalibration) => calibration.estimate(model, 1000) / 1000
const ratio = Math.round((400 / estimateRequest(plainRequest())) * 1000) / 1000

test('the count of a plain answer is learned, cached tokens included', async () => {
  assert.notEqual(ratio, 1)
  assert.equal(learned(await play(answered(1), plainRequest())), ratio)
  assert.equal(learned(await play(answered(1), plainRequest({ session: { kind: 'new' } }))), ratio)
})

const sessionId = '11111111-2222-4333-8444-555555555555'
const long = 'word '.repeat(400_001)
const ignored: [what: string, script: Script, request: RunRequest][] = [
  ['an agent', answered(1), plainRequest({ plain: null })],
  [
    'a conversation that the request does not contain',
    answered(1),
    plainRequest({ session: { kind: 'continue', sessionId } }),
  ],
  ['a model that answered twice', answered(2), plainRequest()],
  ['an answer without a count', answered(0), plainRequest()],
  ['a run that failed', answered(1, failedEnd(new AppError('claude_failed', 'It failed.'))), plainRequest()],
  ['a request of more than two megabytes', answered(1), plainRequest({ prompt: [{ type: 'text', text: long }] })],
]
for (const [what, script, request] of ignored) {
  test(`nothing is learned from ${what}`, async () => {
    assert.equal(learned(await play(script, request)), 1)
  })
}

test('the end of a run is passed on before anything is estimated, and learned from even if the reader leaves then', async () => {
  const calibration = new TokenCalibration()
  const request = plainRequest()
  for await (const event of withTokenCalibration(new ScriptedAgent(answered(1)), calibration).run(request, never)) {
    if (event.type === 'run-end') break
  }
  assert.equal(learned(calibration), 1)
  await new Promise(setImmediate)
  assert.equal(learned(calibration), ratio)
})

test('a request that cannot be estimated does no harm', async () => {
  let schema: Record<string, unknown> = {}
  for (let depth = 0; depth < 100_000; depth++) schema = { items: schema }
  const plain = { ...noPlainOptions, tools: [{ name: 'deep', description: '', inputSchema: schema }] }
  assert.equal(learned(await play(answered(1), plainRequest({ plain }))), 1)
})

const scripts: Record<Behavior, Script> = {
  succeeds: goodRun(['Hello', ' there']),
  fails: () => [runStart(), failedEnd(new AppError('claude_failed', 'It failed.'))],
  stalls: (_request, signal) => untilAborted(signal, ['Hello']),
  'says nothing': (_request, signal) => untilAborted(signal),
  'is refused': refusing(queueFull()),
}

testAgent(
  'an agent with calibration',
  async (_t, behavior) => ({
    agent: withTokenCalibration(new ScriptedAgent(scripts[behavior]), new TokenCalibration()),
    request: plainRequest(),
  }),
  {
    'close ends the runs': 'the scripted agent plays its script to the end, and only records that it was closed',
    'close refuses later runs': 'the scripted agent only records that it was closed',
  },
)
