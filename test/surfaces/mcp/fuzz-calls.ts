// Hostile arguments for every tool, generated from its schema, and messages that are none: each is answered or refused, never with an
// internal error. fuzz.test.ts sends the same ones each time, fuzz.extended.ts others.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { ReaderLimits } from '../../../src/http/reader-limits.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { registerMcp } from '../../../src/surfaces/mcp/routes.ts'
import { RunResult } from '../../../src/surfaces/mcp/schemas.ts'
import { tools } from '../../../src/surfaces/mcp/tools.ts'
import { listenApp } from '../../helpers/inject-app.ts'
import { goodRun, runEnd, type Script, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { bodiesOf, oddBodies } from '../../security/fuzz-bodies.ts'
import { lastMessage, send } from './mcp-scene.ts'

/** An answer that fits every request, as some of them request JSON. */
const obliging: Script = ({ options: { jsonSchema } }) => [
  ...goodRun(['{}']).slice(0, -1),
  runEnd({ result: '{}', structuredOutput: jsonSchema === null ? null : {} }),
]

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 300_000 }

const agent = new ScriptedAgent(obliging)
const app = await listenApp(
  { after },
  {
    agent,
    prepare: (made, runs) =>
      made.register(async (scope) =>
        registerMcp(scope, {
          runs,
          readers: new ReaderLimits(),
          files: { list: async () => [] },
          clock: systemClock,
          approvalTimeoutMs: 60_000,
          version: '0',
          permissionModes: ['default', 'acceptEdits', 'plan', 'dontAsk'],
          cwdRoots: () => null,
          requestTimeoutMs: 60_000,
          maxRequestTimeoutMs: 3_600_000,
          models: async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }],
          modelMap: {},
        }),
      ),
  },
)

/** Thousands of runs must not pile up in memory. */
const remembered = [agent.requests, agent.signals, agent.taken, agent.over, app.logLines]

function assertNoErrors(what: string): void {
  const failure = app.logLines.find(({ level, msg }) => Number(level) >= 50 || msg === 'unexpected error')
  assert.equal(failure, undefined, `${what} ${JSON.stringify(failure)}`)
  for (const list of remembered) list.length = 0
}

/** Sends a message and returns its answer, which is one of JSON-RPC whatever was sent. */
async function exchange(message: unknown): Promise<Record<string, unknown>> {
  const { status, headers, body } = await send(app, message)
  assert.ok(status < 500, `${status} ${body}`)
  const isStream = headers.get('content-type')?.startsWith('text/event-stream')
  return status === 202 ? {} : isStream ? lastMessage(body) : JSON.parse(body)
}

export function testCalls({ seed, numRuns }: { seed: number; numRuns: number }): void {
  for (const { name, input, output } of tools) {
    test(`E07 ${numRuns} odd calls of ${name} are answered or refused (FUZZ_SEED=${seed})`, hang, async () => {
      let good = 0
      const act = async (args: unknown) => {
        const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }
        const { result } = (await exchange(message)) as { result?: { isError?: boolean; structuredContent?: unknown } }
        if (result?.structuredContent !== undefined) output.parse(result.structuredContent)
        if (result !== undefined && !result.isError) good++
        if (result?.isError && output === RunResult) {
          assert.notEqual(RunResult.parse(result.structuredContent).error?.code, 'internal')
        }
        assertNoErrors(JSON.stringify(args))
      }
      const known: Record<string, fc.Arbitrary<unknown>> = 'prompt' in input.shape ? { prompt: fc.constant('hi') } : {}
      // The ids of runs have a form that nothing else has.
      const ids = fc.record({ run_id: fc.oneof(fc.string(), fc.constant(`run_${'0'.repeat(32)}`)) })
      const bodies = name === 'run_status' ? ids : fc.oneof(bodiesOf(input), bodiesOf(input, known))
      await fc.assert(fc.asyncProperty(fc.oneof(bodies, oddBodies(bodies)), act), { seed, numRuns })
      // No run exists whose id chance could find.
      if (name !== 'run_status') assert.ok(good > 0)
    })
  }

  test(`E07 ${numRuns} odd messages are answered or refused (FUZZ_SEED=${seed})`, hang, async () => {
    const method = fc.constantFrom(
      'initialize',
      'ping',
      'tools/list',
      'tools/call',
      'resources/list',
      'notifications/x',
    )
    const message = fc.record(
      { jsonrpc: fc.constantFrom('2.0', '1.0'), id: fc.oneof(fc.integer(), fc.string()), method, params: fc.object() },
      { requiredKeys: [] },
    )
    const act = async (value: unknown) => {
      const answer = await exchange(JSON.parse(JSON.stringify(value) ?? 'null'))
      assert.ok(Object.keys(answer).length === 0 || answer.jsonrpc === '2.0')
      assertNoErrors(JSON.stringify(value))
    }
    await fc.assert(fc.asyncProperty(fc.oneof(message, oddBodies(message)), act), { seed, numRuns })
  })
}
