// The command `sessions`: the conversations of a running server as a list, and one conversation with its details.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SessionReply, SessionSummary } from '../../../src/surfaces/native/session-reply-schemas.ts'
import { chat } from '../../helpers/client.ts'
import { makeFolders, startTestServer, type TestFolders } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, noTerminal, run, runOnTerminal } from '../command-process.ts'
import { keys } from '../keys/process.ts'

const json = async <T>(folders: TestFolders, ...words: string[]): Promise<T> => {
  const { code, stdout, stderr } = await run(folders, ['sessions', '--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

/** Two conversations in a folder whose name requires quoting, one in another. */
async function createSessions(t: TestContext) {
  const server = await startTestServer(t)
  const quoted = join(server.folders.root, "it's here")
  mkdirSync(quoted)
  const send = async (prompt: string, cwd: string) => (await chat(server, { prompt, cwd })).session_id
  const [first, second, third] = [
    await send('about apples', quoted),
    await send('about pears', quoted),
    await send('elsewhere', server.folders.cwd),
  ]
  return { server, folders: server.folders, quoted, first, second, third }
}

test('lists conversations by folder, text and number, and shows one with the commands that continue it', async (t) => {
  const { server, folders, quoted, first, second, third } = await createSessions(t)

  await t.test('all of them, as a table', async () => {
    const { code, stdout, stderr } = await run(folders, ['sessions'])
    assert.deepEqual([code, stderr], [0, ''])
    const rows = stdout.trimEnd().split('\n')
    assert.match(rows[0] ?? '', /^id +when +folder +title$/)
    assert.equal(rows.length, 4)
    assert.match(stdout, new RegExp(`\n${first}  \\d+ (s|min) ago  ${quoted} +about apples\n`))
  })

  await t.test('of one folder, which may be a relative path', async () => {
    const here = await run(folders, ['sessions', '--json', '--cwd', '.'], { cwd: quoted })
    const ids = (JSON.parse(here.stdout) as SessionSummary[]).map(({ session_id }) => session_id)
    assert.deepEqual(ids.toSorted(), [first, second].toSorted())
    const none = await run(folders, ['sessions', '--cwd', folders.root])
    const message = `claude-serve: there are no sessions in ${folders.root}\n`
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', message])
    assert.deepEqual(await json(folders, '--cwd', folders.root), [])
  })

  await t.test('with a text, and some of many', async () => {
    const [found, ...others] = await json<SessionSummary[]>(folders, '-q', 'PEARS')
    assert.deepEqual([found?.session_id, others], [second, []])
    const { stdout, stderr } = await run(folders, ['sessions', '-n', '2'])
    assert.equal(stdout.trimEnd().split('\n').length, 3)
    assert.match(stderr, /^claude-serve: there are more than these 2: use --limit, --cwd or --query\n$/)
    assert.match((await run(folders, ['sessions', '-q', 'plums'])).stderr, /there are no sessions with "plums"/)
  })

  await t.test('one of them, with a shell command that changes to its folder', async () => {
    const { code, stdout, stderr } = await run(folders, ['sessions', first])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^about apples\n/)
    assert.match(stdout, /\n {2}cost +\$0\.\d+ in 1 run of this server\n/)
    assert.match(stdout, new RegExp(`\n {2}continue here +claude-serve chat --session ${first}\n`))
    const [, command = ''] = /\n {2}in Claude Code +(cd .*) && claude --resume \S+\n/.exec(stdout) ?? []
    const shell = execFileSync('/bin/sh', ['-c', `${command} && pwd`], { env: {}, encoding: 'utf8' })
    assert.equal(shell, `${quoted}\n`)
    const session = await json<SessionReply>(folders, third)
    assert.deepEqual([session.session_id, session.cwd], [third, folders.cwd])
    assert.match(session.resume_command ?? '', new RegExp(`claude --resume ${third}$`))
  })

  await t.test('one that does not exist, and an invalid id', async () => {
    const unknown = '11111111-2222-4333-8444-555555555555'
    assertFailure(await run(folders, ['sessions', unknown]), new RegExp(`There is no session ${unknown}`))
    assertFailure(await run(folders, ['sessions', '../runs']), /id must be the id of a session, a UUID/)
  })

  await t.test('a folder that is not allowed, and a missing key', async () => {
    assertFailure(await run(folders, ['sessions', '-q', 'x'.repeat(501)]), /q must be at most 500 characters/)
    const secret = (await keys(folders, ['create', 'laptop', '--quiet'])).stdout.trim()
    const without = await run(folders, ['sessions'])
    assertFailure(without, /needs an API key.*set CLAUDE_SERVE_API_KEY to a key/)
    const environment = { CLAUDE_SERVE_API_KEY: secret }
    const outside = await run(folders, ['sessions', '--cwd', quoted], { environment })
    assertFailure(outside, /cwd is not within a folder that this server allows/)
    const seen = await run(folders, ['sessions', '--json'], { environment })
    assert.deepEqual(
      (JSON.parse(seen.stdout) as SessionSummary[]).map(({ session_id }) => session_id),
      [third],
    )
    assert.ok(server.url.length > 0)
  })
})

test('a title cannot control the terminal', { skip: noTerminal }, async (t) => {
  const server = await startTestServer(t)
  const { session_id } = await chat(server, { prompt: 'a\u001b[31mred\u009b1m\u202e title' })
  for (const words of [['sessions'], ['sessions', session_id]]) {
    const { code, stdout } = await runOnTerminal(server.folders, words)
    assert.equal(code, 0)
    assert.match(stdout, /\u241b\[31mred/)
    for (const steering of ['\u001b[31m', '\u009b', '\u202e']) assert.ok(!stdout.includes(steering), stdout)
  }
})

test('without a running server it says how to start one, and exits with 1', async (t) => {
  assertFailure(await run(makeFolders(t), ['sessions']), /no server is running in .*: start one with claude-serve/)
})

const id = '11111111-2222-4333-8444-555555555555'
const wrong: [words: string[], message: RegExp][] = [
  [['--limt', '3'], /unknown option '--limt' \(Did you mean --limit\?\)/],
  [['--limit', '0'], /--limit: "0" is not accepted; give an integer from 1 to 200/],
  [['--limit', '201'], /--limit: "201" is not accepted/],
  [['-n', '1e2'], /--limit: "1e2" is not accepted/],
  [['--query'], /argument missing/],
  [[id, '--cwd', '.'], /pass either an id, or --cwd, --query and --limit, not both/],
  [[id, id], /too many arguments/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong)
    assertWrongUsage(await run(folders, ['sessions', ...words]), 'sessions', message)
})
