// Runs the Agent contract suite on the pool of CLI processes, on the scripted agent that other tests use, and on an
// agent with retries. Also tests what the contract requires of the pool if processes are lost.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Pool } from '../../src/claude/pool/pool.ts'
import { ownIdentity, ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { withForcedOutputRetry } from '../../src/compat/retry-forced-output.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../src/core/agent.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { AppError } from '../../src/errors.ts'
import { createCliPool } from '../helpers/cli-pool.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import {
  failedEnd,
  goodRun,
  queueFull,
  refusing,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  textBlock,
  untilAborted,
} from '../helpers/scripted-agent.ts'
import { fakeCli, makeFolders } from '../helpers/test-server.ts'
import { type Behavior, testAgent } from './agent-suite.ts'

const unknownSession = '00000000-0000-4000-8000-000000000000'

function requestFor(behavior: Behavior): RunRequest {
  return {
    runId: 'run_contract',
    prompt: [{ type: 'text', text: 'hello' }],
    session: behavior === 'is refused' ? { kind: 'continue', sessionId: unknownSession } : { kind: 'new' },
    options: noOptions,
    streaming: true,
    plain: null,
    approvals: false,
    isAuxiliary: false,
  }
}

/** A pool that uses this executable and ends with the test. */
async function makePool(t: TestContext, fake: string): Promise<Pool> {
  const folders = makeFolders(t)
  const registry = new ProcessRegistry(folders.dataDir, await ownIdentity())
  const processLimits = { interruptMs: 500 }
  const pool = createCliPool({ folders, registry, fake, processLimits, scratchDir: folders.root })
  t.after(() => pool.close(1000))
  return pool
}

const fakes: Record<Behavior, string> = {
  succeeds: 'well-behaved',
  fails: 'not-logged-in',
  stalls: 'stalls-mid-answer',
  'says nothing': 'silent-turn',
  'is refused': 'well-behaved',
}

testAgent('a pool', async (t, behavior) => {
  const pool = await makePool(t, fakeCli(fakes[behavior]))
  return { agent: pool, request: requestFor(behavior) }
})

const scripts: Record<Behavior, Script> = {
  succeeds: goodRun(['Hello', ' there']),
  fails: () => [runStart(), failedEnd(new AppError('claude_failed', 'It failed.'))],
  stalls: (_request, signal) => untilAborted(signal, ['Hello']),
  'says nothing': (_request, signal) => untilAborted(signal),
  'is refused': refusing(queueFull()),
}

const onlyRecordsClose = {
  'close ends the runs': 'it plays its script to the end, and only records that it was closed',
  'close refuses later runs': 'it only records that it was closed',
}

testAgent(
  'a scripted agent',
  async (_t, behavior) => ({ agent: new ScriptedAgent(scripts[behavior]), request: requestFor(behavior) }),
  onlyRecordsClose,
)

/** Text is emitted as soon as a call begins: before that, an answer that must be a call is held back. */
const textAndCall: RunEvent[] = [
  runStart(),
  ...textBlock(0, ['Hello', ' there']),
  { type: 'tool-start', index: 1, toolId: 'toolu_1', name: 'look' },
  { type: 'tool-end', index: 1 },
]

const callingScripts: Record<Behavior, Script> = {
  ...scripts,
  succeeds: [...textAndCall, runEnd({ result: 'Hello there', stopReason: 'tool_use' })],
  stalls: async function* (_request, signal) {
    yield* textAndCall
    // Without the start, which was already emitted.
    for await (const event of untilAborted(signal)) if (event.type !== 'run-start') yield event
  },
}

const mustCall = (behavior: Behavior): RunRequest => ({
  ...requestFor(behavior),
  plain: { ...noPlainOptions, requiredOutput: 'call' },
})

testAgent(
  'an agent with retries, whose first answer is a call',
  async (_t, behavior) => ({
    agent: withForcedOutputRetry(new ScriptedAgent(callingScripts[behavior])),
    request: mustCall(behavior),
  }),
  onlyRecordsClose,
)

/** Answers with text first, and plays the script when it is reminded. */
const onceReminded =
  (script: Script): Script =>
  (request, signal) => {
    if (request.prompt.length === 1) return goodRun(['No, thanks.'])
    return typeof script === 'function' ? script(request, signal) : script
  }

testAgent(
  'an agent with retries, whose second answer is a call',
  async (_t, behavior) => {
    const script = callingScripts[behavior]
    const agent = new ScriptedAgent(behavior === 'is refused' ? script : onceReminded(script))
    return { agent: withForcedOutputRetry(agent), request: mustCall(behavior) }
  },
  onlyRecordsClose,
)

/** A CLI whose first process reports the start of the turn and exits; later processes run `later` when they start. */
function writeVanishingCli(folder: string, later: string): string {
  const file = join(folder, 'vanishing.mjs')
  const lines = [
    `#!${process.execPath}`,
    `import { existsSync, writeFileSync } from 'node:fs'`,
    `import { exit, hang, runFake } from ${JSON.stringify(fakeCli('fake-cli'))}`,
    `const isFirst = !existsSync('was-here')`,
    `writeFileSync('was-here', '')`,
    'await runFake({',
    `  start: async () => { if (!isFirst) { ${later} } },`,
    '  turn: async (turn) => { await turn.init(); await exit(7) },',
    '})',
  ]
  writeFileSync(file, lines.join('\n'), { mode: 0o755 })
  return file
}

async function collect(
  events: AsyncIterable<RunEvent>,
  onEvent: (event: RunEvent) => void = () => {},
): Promise<RunEvent[]> {
  const checker = new OrderChecker()
  const taken: RunEvent[] = []
  for await (const event of events) {
    checker.accept(event)
    taken.push(event)
    onEvent(event)
  }
  checker.finish()
  return taken
}

test('a pool: a started run ends with run-end when no second process can be started', async (t) => {
  const cli = writeVanishingCli(makeFolders(t).root, 'await exit(3)')
  const pool = await makePool(t, cli)
  const events = await collect(pool.run(requestFor('succeeds'), new AbortController().signal))
  const end = events.at(-1)
  assert.ok(end?.type === 'run-end')
  assert.equal(end.error?.code, 'claude_failed')
})

test('a pool: a started run ends with run-end when it is cancelled while a second process starts', async (t) => {
  const cli = writeVanishingCli(makeFolders(t).root, 'await hang()')
  const pool = await makePool(t, cli)
  const controller = new AbortController()
  const events = collect(pool.run(requestFor('succeeds'), controller.signal))
  events.catch(() => {})
  let wasLost = false
  while (!wasLost || pool.stats().processes.starting === 0) {
    wasLost ||= pool.stats().processes.busy > 0
    await new Promise(setImmediate)
  }
  controller.abort(new AppError('cancelled', 'The client disconnected.'))
  const end = (await events).at(-1)
  assert.ok(end?.type === 'run-end')
  assert.equal(end.outcome, 'cancelled')
})
