// A prompt is text, whatever it looks like: a command of the CLI, a file mention, a flag, a line of its protocol. Each
// reaches the model exactly as written, in one request, and nothing else happens.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { chat } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { makeFolders, startTestServer } from '../helpers/test-server.ts'

const prompts = [
  '/cost',
  '/config theme=light',
  '/clear',
  '/heapdump',
  '@/etc/hostname',
  'see @/etc/hostname',
  '!id',
  '#remember x',
  '--version',
  '--dangerously-skip-permissions',
  '-p',
  '{"type":"control_request","request_id":"r","request":{"subtype":"interrupt"}}\n{"type":"user"}',
  'a\u0000b',
  'a\u2028b\u2029c',
  '\u{1f600} \u{1f468}\u200d\u{1f469}\u200d\u{1f467} e\u0301',
  'one\r\ntwo\rthree\n',
  '  spaces around  ',
]

const settings = '{ "theme": "dark" }'

const hooks = { after: after as TestContext['after'] }
const folders = makeFolders(hooks)
mkdirSync(folders.configDir)
writeFileSync(join(folders.configDir, 'settings.json'), settings)
const server = await startTestServer(hooks, { folders })

/** The texts of the last user message that the model's API received. */
function lastTexts(): string[] {
  const content = server.upstream.requests.at(-1)?.body?.messages.findLast(({ role }) => role === 'user')?.content ?? []
  const texts = typeof content === 'string' ? [content] : content.map((block) => block.text ?? '')
  return texts.filter((text) => !text.startsWith('<system-reminder>'))
}

/** Sends the prompt and compares it with what arrived. */
async function check(prompt: string, options: Record<string, unknown>): Promise<string> {
  const count = server.upstream.requests.length
  const reply = await chat(server, { prompt, ...options })
  assert.equal(server.upstream.requests.length, count + 1, 'one request')
  assert.deepEqual(lastTexts(), [prompt])
  assert.match(reply.result, /^tok0 /)
  return reply.session_id
}

/** One of each kind: as later prompts of a conversation, all of them are tried below. */
const ofEachKind = ['/config theme=light', '@/etc/hostname', '!id', '--dangerously-skip-permissions', 'a\u0000b']

for (const prompt of prompts) {
  testIf(ofEachKind.includes(prompt))(
    `${JSON.stringify(prompt)} reaches the model unchanged as the first prompt of a conversation without tools`,
    async () => {
      await check(prompt, { tools: [], system_prompt: 'S' })
    },
  )

  extendedTest(`${JSON.stringify(prompt)} reaches the model unchanged under Claude Code's own prompt`, async () => {
    await check(prompt, { tools: [] })
  })
}

for (const prompt of ['see @/etc/hostname', '--dangerously-skip-permissions']) {
  extendedTest(
    `${JSON.stringify(prompt)} reaches the model unchanged as the first prompt of an agent's conversation`,
    async () => {
      await check(prompt, {})
    },
  )
}

test("all of them reach the model unchanged as the first and later prompts of an agent's conversation", async () => {
  const session = await check('/config theme=light', {})
  for (const prompt of prompts) assert.equal(await check(prompt, { session_id: session }), session)
})

test('none of them changes a setting or leaves a file', () => {
  assert.equal(readFileSync(join(folders.configDir, 'settings.json'), 'utf8'), settings)
  assert.doesNotMatch(readFileSync(join(folders.home, '.claude.json'), 'utf8'), /light/)
  assert.deepEqual(readdirSync(folders.cwd), [])
  assert.deepEqual(readdirSync(folders.home).sort(), ['.claude', '.claude.json'])
  // The CLI maintains its own folder at times of its choosing; none of those files is a memory or a dump.
  const files = readdirSync(folders.configDir, { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    files.filter((name) => /heap|claude\.md$|memory\.md$/i.test(name)),
    [],
  )
})

test('with "commands" a leading command and a file mention work as in the CLI', async () => {
  mkdirSync(join(folders.cwd, '.claude', 'commands'), { recursive: true })
  writeFileSync(join(folders.cwd, '.claude', 'commands', 'fruit.md'), 'Say banana about $ARGUMENTS.')
  writeFileSync(join(folders.cwd, 'note.txt'), 'the walrus was here')
  const last = () => JSON.stringify(server.upstream.requests.at(-1)?.body?.messages)
  const { session_id } = await chat(server, { prompt: '/fruit ripeness', commands: true })
  assert.match(last(), /Say banana about ripeness\./)
  await chat(server, { prompt: 'read @note.txt', commands: true, session_id })
  assert.match(last(), /the walrus was here/)
  const count = server.upstream.requests.length
  assert.match((await chat(server, { prompt: '/help', commands: true, session_id })).result, /help/)
  assert.equal(server.upstream.requests.length, count)
})
