// A conversation that is used in turns by this server and by others: a terminal, another server on the same home. Each turn's request to the
// model has all turns before it, whoever made them, and in their order.
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { chat } from '../helpers/client.ts'
import { extendedTest, testIf } from '../helpers/extended.ts'
import { inTerminal } from '../helpers/terminal.ts'
import { startTestServer, type TestServer } from '../helpers/test-server.ts'

const context = { after: after as TestContext['after'] }
const server = await startTestServer(context, { config: { maxProcesses: 4 } })
const { upstream, folders } = server

/** The prompts that the last request to the model has, in their order. */
function promptsSent(): string[] {
  const request = upstream.requests.findLast(({ url, method }) => method === 'POST' && url.startsWith('/v1/messages'))
  return JSON.stringify(request?.body?.messages ?? []).match(/turn-\d+-(?:server|terminal|fork)/g) ?? []
}

type Turn = 'server' | 'terminal'

/** Takes the turns of one conversation, and checks what each of them knows. */
async function takeTurns(turns: readonly Turn[], options: Record<string, unknown>, target: TestServer = server) {
  const expected: string[] = []
  let session: string | null = null
  for (const [index, who] of turns.entries()) {
    const prompt = `turn-${index}-${who}`
    expected.push(prompt)
    if (who === 'server') {
      const reply: { session_id: string } = await chat(target, {
        ...options,
        prompt,
        ...(session === null ? {} : { session_id: session }),
      })
      session = reply.session_id
    } else {
      const resumed: { session_id: string } = await inTerminal(
        target,
        ...(session === null ? [] : ['--resume', session]),
        prompt,
      )
      session = resumed.session_id
    }
    assert.deepEqual([...new Set(promptsSent())], expected)
  }
  return session
}

const orders: Turn[][] = [
  ['server', 'terminal', 'server', 'terminal', 'server'],
  ['terminal', 'server', 'terminal', 'server', 'server'],
  ['server', 'server', 'terminal', 'terminal', 'server'],
]
const kinds: [name: string, options: Record<string, unknown>][] = [
  ['an agent', {}],
  ['a plain model', { tools: [], system_prompt: 'S' }],
]
for (const [name, options] of kinds)
  for (const [index, order] of orders.entries()) {
    testIf(name === 'an agent' && index === 1)(`${name}: ${order.join(', ')}`, async () => {
      await takeTurns(order, options)
    })
  }

for (const [name, options] of kinds)
  extendedTest(`${name}: a fork, and a second server on the same home, twice`, async (t) => {
    const session = await takeTurns(['server', 'terminal'], options)
    const fork = await chat(server, { ...options, prompt: 'turn-2-fork', session_id: session, fork: true })
    assert.deepEqual([...new Set(promptsSent())], ['turn-0-server', 'turn-1-terminal', 'turn-2-fork'])
    await inTerminal(server, '--resume', fork.session_id, 'turn-3-terminal')
    await chat(server, { ...options, prompt: 'turn-4-server', session_id: fork.session_id })
    const all = ['turn-0-server', 'turn-1-terminal', 'turn-2-fork', 'turn-3-terminal', 'turn-4-server']
    assert.deepEqual([...new Set(promptsSent())], all)
    const other = await startTestServer(t, { folders: { ...folders, dataDir: `${folders.dataDir}-2` }, upstream })
    for (const [index, target] of [other, server, other, server].entries()) {
      const prompt = `turn-${5 + index}-server`
      all.push(prompt)
      await chat(target, { ...options, prompt, session_id: fork.session_id })
      assert.deepEqual([...new Set(promptsSent())], all)
    }
  })

extendedTest('a conversation that nobody else has continued stays in its process', async () => {
  const { session_id: session } = await chat(server, { prompt: 'turn-0-server' })
  const starts = () => upstream.requests.length
  const before = starts()
  const { processes } = (await (await fetch(`${server.url}/v1/health`)).json()) as { processes: { live: number } }
  for (let n = 1; n <= 3; n++) await chat(server, { prompt: `turn-${n}-server`, session_id: session })
  const after = (await (await fetch(`${server.url}/v1/health`)).json()) as { processes: { live: number } }
  assert.deepEqual([after.processes.live, starts() - before], [processes.live, 3])
})
