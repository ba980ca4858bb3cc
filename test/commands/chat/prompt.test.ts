// What `claude-serve chat` sends: the prompt from arguments and stdin, and the field for each option.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFolders } from '../../helpers/test-server.ts'
import {
  assertFailure,
  assertWrongUsage,
  cli,
  environmentOf,
  type RunOptions,
  run,
  runAsOnTerminal,
} from '../command-process.ts'
import { type ChatServer, done, sessionId, startChatServer, stream, streamOf } from './server.ts'

const startServer = (t: TestContext): Promise<ChatServer> =>
  startChatServer(t, (response, request) => {
    if (request.method === 'POST') return stream(streamOf(done()))(response, request)
    const sessions = request.url?.includes('empty') ? [] : [{ session_id: sessionId }]
    response.end(JSON.stringify({ sessions, next_cursor: null }))
  })

const prompts: [words: string[], input: string, prompt: string][] = [
  [['one'], '', 'one'],
  [['one', 'two  three'], '', 'one two  three'],
  [['one'], ' \n', 'one'],
  [[], 'from stdin\n', 'from stdin\n'],
  [['what is this?'], 'some text\n', 'what is this?\n\nsome text\n'],
  [['--', '--json', '-x'], '', '--json -x'],
  [['/help', '@file', '$HOME "q"'], '', '/help @file $HOME "q"'],
]
test('the prompt is the arguments followed by stdin', async (t) => {
  const folders = makeFolders(t)
  const { url, bodies } = await startServer(t)
  const environment = { CLAUDE_SERVE_URL: url }
  for (const [words, input, prompt] of prompts) {
    assert.equal((await run(folders, ['chat', ...words], { environment, input })).code, 0)
    assert.equal(bodies.pop()?.prompt, prompt, words.join(' '))
  }
})

test('options become fields; the default folder is the current one', async (t) => {
  const folders = makeFolders(t)
  const { url, bodies, paths } = await startServer(t)
  const cwd = folders.cwd
  const rows: [words: string[], fields: Record<string, unknown>][] = [
    [[], { cwd }],
    [['-m', 'sonnet'], { cwd, model: 'sonnet' }],
    [['--model', 'agent/sonnet'], { cwd, model: 'sonnet' }],
    [['--system-prompt', 'Be brief.'], { cwd, system_prompt: 'Be brief.' }],
    [['--system', 'Be brief.'], { cwd, system_prompt: 'Be brief.' }],
    [['--effort', 'low', '--permission-mode', 'plan'], { cwd, effort: 'low', permission_mode: 'plan' }],
    [['--tools', 'Read, Grep'], { cwd, tools: ['Read', 'Grep'] }],
    [['--tools', 'none'], { cwd, tools: [] }],
    [
      ['--allowed-tools', 'Read,Bash(git log --format=%h,%s)', '--allowed-tools', 'Edit'],
      { cwd, allowed_tools: ['Read', 'Bash(git log --format=%h,%s)', 'Edit'] },
    ],
    [['--cwd', '..'], { cwd: realpathSync(folders.root) }],
    [['--no-cwd'], {}],
    [['-s', sessionId], { session_id: sessionId }],
    [['-s', sessionId, '--cwd', '.'], { session_id: sessionId, cwd }],
    [['-c'], { session_id: sessionId }],
    [['--continue', '--cwd', '..'], { session_id: sessionId, cwd: folders.root }],
    // A server on another machine has other folders.
    [['--url', url.replace('127.0.0.1', '0.0.0.0')], {}],
  ]
  for (const [words, fields] of rows) {
    const { code, stderr } = await run(folders, ['chat', 'x', '--url', url, ...words])
    assert.deepEqual([code, stderr], [0, ''], words.join(' '))
    assert.deepEqual(bodies.pop(), { prompt: 'x', events: 'full', ...fields }, words.join(' '))
  }
  const queries = paths.filter((path) => path.startsWith('/v1/sessions'))
  const query = (folder: string) => `/v1/sessions?${new URLSearchParams({ cwd: folder, limit: '1' })}`
  assert.deepEqual(queries, [query(cwd), query(folders.root)])
})

const png = Buffer.from('89504e470d0a1a0a00000000', 'hex')
const pdf = Buffer.from('%PDF-1.7\n')

test('files are sent as content blocks before the prompt', async (t) => {
  const folders = makeFolders(t)
  const { url, bodies } = await startServer(t)
  const files = { 'a.png': png, 'b.pdf': pdf, 'c.ts': Buffer.from('const é = 1'), 'd.png': png }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folders.cwd, name), bytes)
  const words = ['--image', 'a.png', '--file', 'b.pdf', '--file', 'c.ts', '--file', 'd.png']
  assert.equal((await run(folders, ['chat', 'what?', '--no-cwd', '--url', url, ...words])).code, 0)
  const base64 = (media_type: string, bytes: Buffer) => ({
    type: 'base64',
    media_type,
    data: bytes.toString('base64'),
  })
  assert.deepEqual(bodies.pop()?.prompt, [
    { type: 'image', source: base64('image/png', png) },
    { type: 'document', source: base64('application/pdf', pdf), title: 'b.pdf' },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'const é = 1' }, title: 'c.ts' },
    { type: 'image', source: base64('image/png', png) },
    { type: 'text', text: 'what?' },
  ])
})

test('files that no model can read are refused before anything is sent', async (t) => {
  const folders = makeFolders(t)
  const { url, bodies } = await startServer(t)
  writeFileSync(join(folders.cwd, 'zip'), Buffer.from([0x50, 0x4b, 0, 0xff]))
  writeFileSync(join(folders.cwd, 'text'), 'x')
  const chat = (...words: string[]) => run(folders, ['chat', 'x', '--url', url, ...words])
  assertWrongUsage(await chat('--file', 'zip'), 'chat', /--file: "zip" is not accepted; give a text, a PDF or an image/)
  assertWrongUsage(await chat('--image', 'text'), 'chat', /--image: "text" is not accepted; give a PNG/)
  assertFailure(await chat('--image', 'none.png'), /none\.png cannot be read: ENOENT/)
  assert.deepEqual(bodies, [])
})

test('--continue without a session reports that and sends nothing', async (t) => {
  const folders = makeFolders(t)
  const { url, bodies } = await startServer(t)
  const outcome = await run(folders, ['chat', 'x', '-c', '--cwd', '/empty', '--url', url])
  assertFailure(outcome, /there is no session in \/empty yet: remove --continue/)
  assert.deepEqual(bodies, [])
})

test('stdin that stays open is waited for, with a notice', { timeout: 60_000 }, async (t) => {
  const folders = makeFolders(t)
  const { url, bodies } = await startServer(t)
  const child = spawn(process.execPath, [cli, 'chat', 'x', '--url', url], {
    cwd: folders.cwd,
    env: environmentOf(folders),
  })
  const [notice] = await once(child.stderr.setEncoding('utf8'), 'data')
  assert.match(notice, /^claude-serve: waiting for stdin to end/)
  child.stdin.end('late')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.equal(bodies[0]?.prompt, 'x\n\nlate')
})

test('stdin that is not text is rejected, and nothing is sent', async (t) => {
  const { url, bodies } = await startServer(t)
  const outcome = await run(makeFolders(t), ['chat', 'x', '--url', url], { input: Buffer.from([0x61, 0xff, 0xfe]) })
  assertFailure(outcome, /stdin is not UTF-8/)
  assert.deepEqual(bodies, [])
})

const wrong: [words: string[], message: RegExp, options?: RunOptions][] = [
  [[], /the prompt is empty: pass one as an argument or on stdin/],
  [['', ' '], /the prompt is empty/, { input: '\n' }],
  [['x', '--modl', 'y'], /unknown option '--modl' \(Did you mean --model\?\)/],
  [['x', '--model'], /argument missing/],
  [['x', '-s', 'last'], /--session: "last" is not accepted; give the id of a session/],
  [['x', '-s', sessionId, '-c'], /pass --session or --continue, not both/],
  [['x', '--system', 'a', '--system-prompt', 'b'], /pass --system-prompt or --system, not both/],
  [
    ['x', '-c', '--no-cwd'],
    /--continue requires a folder/,
    { environment: { CLAUDE_SERVE_URL: 'http://127.0.0.1:1' } },
  ],
  [['x', '--url', 'nowhere'], /--url: "nowhere" is not accepted/],
]
test('wrong usage is one line and exit 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message, options] of wrong)
    assertWrongUsage(await run(folders, ['chat', ...words], options), 'chat', message)
})

test('on a terminal, stdin is not waited for', async (t) => {
  const { url, bodies } = await startServer(t)
  const { code } = await runAsOnTerminal(makeFolders(t), ['chat', 'x', '--url', url])
  assert.deepEqual([code, bodies[0]?.prompt], [0, 'x'])
  const empty = await runAsOnTerminal(makeFolders(t), ['chat', '', '--url', url])
  assert.equal(empty.code, 2)
  // A conversation, whose input ends at once.
  const nothing = await runAsOnTerminal(makeFolders(t), ['chat', '--url', url])
  assert.deepEqual([nothing.code, bodies.length], [0, 1])
})
