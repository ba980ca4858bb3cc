// Lists too long for the arguments of a process, on which the system fails at once and not later: such requests are refused, and no
// other request is affected. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { post } from '../helpers/client.ts'
import { startTestServer } from '../helpers/test-server.ts'

/** Each about as long as allowed; the system accepts 128 KiB in one argument. */
const rules = Array.from({ length: 60 }, (_, index) => `Bash(${String(index).padEnd(4000, 'x')})`)
const names = Array.from({ length: 60 }, (_, index) => `mcp__a__${String(index).padEnd(4000, 'x')}`)

const server = await startTestServer({ after: after as TestContext['after'] }, { fake: 'well-behaved' })

const tooLong: [field: string, body: object][] = [
  ['allowed_tools', { allowed_tools: rules }],
  ['disallowed_tools', { disallowed_tools: rules }],
  ['tools', { tools: names }],
  ['one argument of many', { allowed_tools: rules.slice(0, 33) }],
]

for (const [field, body] of tooLong) {
  test(`F01 a list that is too long for an argument is refused, and the next request is served: ${field}`, async () => {
    const refused = await post(server, '/v1/chat', { prompt: 'hi', ...body })
    assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_request'], JSON.stringify(refused.body))
    assert.equal((await post(server, '/v1/chat', { prompt: 'hi' })).status, 200)
    const { processes, queue } = (await (await fetch(`${server.url}/v1/health`)).json()) as Health
    assert.deepEqual([processes.busy, processes.starting, queue.waiting], [0, 0, 0])
  })
}

type Health = { processes: { busy: number; starting: number }; queue: { waiting: number } }

test('F01 lists that are long, but not too long, are accepted', async () => {
  const lists = { allowed_tools: rules.slice(0, 30), disallowed_tools: rules.slice(0, 30) }
  assert.equal((await post(server, '/v1/chat', { prompt: 'hi', ...lists })).status, 200)
})
