// Conversations over the real CLI: started, continued in the same process, in a new one, and by another server.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chat, chatError, chatStream, textOf } from '../../helpers/client.ts'
import { test, testIf } from '../../helpers/extended.ts'
import { startTestServer, type TestServer } from '../../helpers/test-server.ts'

/** The user's own texts of the last request that reached the model's API. */
function lastPrompts({ upstream }: TestServer): string[] {
  const messages = upstream.requests.at(-1)?.body?.messages ?? []
  return messages.flatMap(({ role, content }) => {
    if (role !== 'user') return []
    if (typeof content === 'string') return [content]
    return content.flatMap((block) =>
      block.type === 'text' && !String(block.text).startsWith('<system') ? [String(block.text)] : [],
    )
  })
}

for (const [kind, options] of [
  ['an agent session', {}],
  ['a session without tools', { tools: [] }],
] as const) {
  testIf(kind === 'an agent session')(`${kind} continues in its live process`, async (t) => {
    const server = await startTestServer(t)
    const first = await chat(server, { prompt: 'one', ...options })
    const events = await chatStream(server, { prompt: 'two', session_id: first.session_id, ...options })
    assert.deepEqual(lastPrompts(server), ['one', 'two'])
    assert.equal(textOf(events), first.result)
    const health = (await (await fetch(`${server.url}/v1/health`)).json()) as { processes: { live: number } }
    assert.equal(health.processes.live, 1)
  })

  test(`${kind} continues in another server, in its own folder`, async (t) => {
    const server = await startTestServer(t)
    const cwd = join(server.folders.root, 'elsewhere')
    mkdirSync(cwd)
    const first = await chat(server, { prompt: 'one', cwd, ...options })
    await server.close(0)
    const other = await startTestServer(t, { folders: server.folders })
    const second = await chat(other, { prompt: 'two', session_id: first.session_id, ...options })
    assert.equal(second.session_id, first.session_id)
    assert.deepEqual(lastPrompts(other), ['one', 'two'])
    assert.match(JSON.stringify(other.upstream.requests.at(-1)?.body), new RegExp(`working directory: ${cwd}`))
  })
}

test('an unknown session returns 404', async (t) => {
  const server = await startTestServer(t)
  const { status, body } = await chatError(server, { prompt: 'x', session_id: '00000000-0000-4000-8000-000000000000' })
  assert.equal(status, 404)
  assert.equal(body.code, 'session_not_found')
})
