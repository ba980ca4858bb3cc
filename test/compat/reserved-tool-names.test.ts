// The names by which the model knows clients' tools that are named like the CLI's own, as a pure translation. What the CLI makes of
// them: test/claude/faithful.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameForModel, withReservedToolNames } from '../../src/compat/reserved-tool-names.ts'
import { type Agent, noOptions, noPlainOptions, type RunRequest } from '../../src/core/agent.ts'
import type { RunEvent } from '../../src/core/events.ts'

const names = [
  'ToolSearch',
  'ToolSearch_',
  'StructuredOutput',
  'ExitPlanMode__',
  'look',
  'look_',
  'toolsearch',
  '_ToolSearch',
]

test('no two names become one, and only reserved ones change', () => {
  assert.deepEqual(names.map(nameForModel), [
    'ToolSearch_',
    'ToolSearch__',
    'StructuredOutput_',
    'ExitPlanMode___',
    ...names.slice(4),
  ])
})

const request = (plain: RunRequest['plain']): RunRequest => ({
  runId: 'run_1',
  prompt: [{ type: 'text', text: 'hi' }],
  session: {
    kind: 'history',
    messages: names.flatMap((name, index) => [
      { role: 'assistant', content: [{ type: 'tool_use', id: String(index), name, input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: String(index), content: [] }] },
    ]),
  },
  options: noOptions,
  streaming: true,
  plain,
  approvals: false,
  isAuxiliary: false,
})

/** What an agent receives, which then calls each of its tools. */
async function exchange(plain: RunRequest['plain']) {
  const received: RunRequest[] = []
  const agent = {
    async *run(inner: RunRequest): AsyncGenerator<RunEvent> {
      received.push(inner)
      const calls = inner.plain?.tools.map(({ name }) => name) ?? names
      for (const [index, name] of calls.entries()) yield { type: 'tool-start', index, toolId: String(index), name }
    },
  } as unknown as Agent
  const called: string[] = []
  for await (const event of withReservedToolNames(agent).run(request(plain), new AbortController().signal)) {
    if (event.type === 'tool-start') called.push(event.name)
  }
  return { received: received[0], called }
}

test('tools and earlier calls reach the model under other names, and calls come back under their own', async () => {
  const tools = names.map((name) => ({ name, description: '', inputSchema: {} }))
  const { received, called } = await exchange({ ...noPlainOptions, tools })
  assert.deepEqual(
    received?.plain?.tools.map(({ name }) => name),
    names.map(nameForModel),
  )
  const messages = received?.session.kind === 'history' ? received.session.messages : []
  const earlier = messages.flatMap(({ content }) =>
    content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : [])),
  )
  assert.deepEqual(earlier, names.map(nameForModel))
  assert.deepEqual(called, names)
})

test('the tools of an agent keep their names', async () => {
  const { received, called } = await exchange(null)
  assert.deepEqual(received, request(null))
  assert.deepEqual(called, names)
})
