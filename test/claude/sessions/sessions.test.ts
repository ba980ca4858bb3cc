// Conversations over the real CLI: started, continued in the same process, forked, and continued by another server.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { chat, chatError, chatStream, textOf } from '../../helpers/client.ts'
import { extendedTest, test, testIf } from '../../helpers/extended.ts'
import { startTestServer, step, type TestServer } from '../../helpers/test-server.ts'

/** The texts of the last request that reached the model's API, without scripts and what the CLI adds. */
function lastTexts({ upstream }: TestServer): string[] {
  const messages = upstream.requests.at(-1)?.body?.messages ?? []
  return messages.flatMap(({ role, content }) => {
    if (role === 'system') return []
    const texts = typeof content === 'string' ? [content] : content.map((block) => block.text ?? '')
    return texts.filter((text) => !text.startsWith('<system')).map((text) => text.split(' ')[0]?.trim() ?? '')
  })
}

const say = (prompt: string, text: string) => `${prompt} ${step({ text })}`

const first = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 3 } })
const cwd = join(first.folders.root, 'elsewhere')
mkdirSync(cwd)

const kinds = [
  ['an agent session', {}],
  ['a session without tools', { tools: [], system_prompt: 'S' }],
] as const
const sessions = new Map<string, string>()

for (const [kind, options] of kinds) {
  test(`${kind} continues in its live process`, async () => {
    const { session_id, result } = await chat(first, { prompt: say('one', 'uno'), cwd, ...options })
    assert.equal(result, 'uno')
    sessions.set(kind, session_id)
    const live = async () => {
      const health = (await (await fetch(`${first.url}/v1/health`)).json()) as { processes: { live: number } }
      return health.processes.live
    }
    const before = await live()
    const events = await chatStream(first, { prompt: say('two', 'dos'), cwd, session_id, ...options })
    assert.deepEqual(lastTexts(first), ['one', 'uno', 'two'])
    assert.equal(textOf(events), 'dos')
    assert.equal(await live(), before)
  })
}

async function checkFork(kind: string, options: Record<string, unknown>): Promise<void> {
  const session_id =
    sessions.get(kind) ?? (await chat(first, { prompt: say('one', 'uno'), cwd, ...options })).session_id
  const body = { prompt: say('other', 'otro'), cwd, session_id, fork: true, ...options }
  const fork = await chat(first, body)
  assert.notEqual(fork.session_id, session_id)
  const shared = sessions.has(kind) ? ['one', 'uno', 'two', 'dos'] : ['one', 'uno']
  assert.deepEqual(lastTexts(first), [...shared, 'other'])
  await chat(first, { prompt: say('three', 'tres'), cwd, session_id, ...options })
  assert.deepEqual(lastTexts(first), [...shared, 'three'])
  await chat(first, { prompt: 'more', cwd, session_id: fork.session_id, ...options })
  assert.deepEqual(lastTexts(first), [...shared, 'other', 'otro', 'more'])
}

test('a fork starts with the history and leaves the conversation unchanged, without tools', () =>
  checkFork('a session without tools', { tools: [], system_prompt: 'S' }))

extendedTest('a fork starts with the history and leaves the conversation unchanged, with tools', () =>
  checkFork('an agent session', {}),
)

/** In a server that was closed before. */
async function checkOther(t: TestContext, kind: (typeof kinds)[number][0], options: object): Promise<void> {
  let session_id = sessions.get(kind)
  if (session_id === undefined) {
    const start = await chat(first, { prompt: say('one', 'uno'), cwd, ...options })
    session_id = start.session_id
    await chat(first, { prompt: say('two', 'dos'), cwd, session_id, ...options })
  }
  await first.close(0)
  const other = await startTestServer(t, { folders: first.folders })
  const { tools } = { tools: undefined, ...options }
  const reply = await chat(other, { prompt: 'four', session_id, ...(tools === undefined ? {} : { tools }) })
  assert.equal(reply.session_id, session_id)
  const texts = lastTexts(other)
  assert.deepEqual([...texts.slice(0, 4), texts.at(-1)], ['one', 'uno', 'two', 'dos', 'four'])
  assert.match(JSON.stringify(other.upstream.requests.at(-1)?.body), new RegExp(`working directory: ${cwd}`))
  const unknown = { prompt: 'x', session_id: '00000000-0000-4000-8000-000000000000' }
  const { status, body } = await chatError(other, unknown)
  assert.deepEqual([status, body.code], [404, 'session_not_found'])
}

for (const [kind, options] of kinds) {
  testIf(kind === 'a session without tools')(`${kind} continues in another server, in its own folder`, (t) =>
    checkOther(t, kind, options),
  )
}
