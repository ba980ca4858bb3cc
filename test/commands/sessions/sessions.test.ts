// The command `sessions`: the conversations of a running server as a list, and one conversation with its details. That the CLI's own files
// are among them is in test/claude/sessions/.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { TranscriptWriter } from '../../../src/claude/sessions/transcript.ts'
import { sessionAsLines } from '../../../src/commands/sessions/lines.ts'
import type { SessionReply, SessionSummary } from '../../../src/surfaces/native/session-reply-schemas.ts'
import { chat } from '../../helpers/client.ts'
import { makeFolders, startTestServer, type TestFolders } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, fakeClaude, run, runAsOnTerminal, runProcess } from '../command-process.ts'
import { keys } from '../keys/process.ts'

const id = '11111111-2222-4333-8444-555555555555'

const json = async <T>(folders: TestFolders, ...words: string[]): Promise<T> => {
  const { code, stdout, stderr } = await run(folders, ['sessions', '--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

/** Three conversations: two in a folder whose name requires quoting, one in another. */
async function createSessions(t: TestContext) {
  const server = await startTestServer(t, { config: { claudeBin: fakeClaude } })
  const { configDir, cwd, root } = server.folders
  const quoted = join(root, "it's here")
  mkdirSync(quoted)
  const write = (text: string, folder: string, sessionId: string = randomUUID()) => {
    const writer = new TranscriptWriter({ configDir, cwd: folder, sessionId, version: '2.1.330' })
    writer.append([{ role: 'user', content: text }], null)
    return sessionId
  }
  // The fake does not write what it is asked.
  const { session_id } = await chat(server, { prompt: 'about apples', cwd: quoted })
  const [first, second, third] = [
    write('about apples', quoted, session_id),
    write('about pears', quoted),
    write('elsewhere', cwd),
  ]
  return { server, folders: server.folders, quoted, first, second, third }
}

test('lists conversations by folder, text and number, and shows one with the commands that continue it', async (t) => {
  const { server, folders, quoted, first, second, third } = await createSessions(t)

  await t.test('all of them, as a table', async () => {
    const { code, stdout, stderr } = await runProcess(folders, ['sessions'])
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
    assert.match(stdout, new RegExp(`\n {2}continue here +\\S+claude-serve chat --session ${first}\n`))
    const [, command = ''] = /\n {2}in Claude Code +(cd .*) && \S+ --resume \S+\n/.exec(stdout) ?? []
    const shell = execFileSync('/bin/sh', ['-c', `${command} && pwd`], { env: {}, encoding: 'utf8' })
    assert.equal(shell, `${quoted}\n`)
    const session = await json<SessionReply>(folders, third)
    assert.deepEqual([session.session_id, session.cwd], [third, folders.cwd])
    assert.match(session.resume_command ?? '', new RegExp(` --resume ${third}$`))
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

test('a title cannot control the terminal', async (t) => {
  const session = {
    session_id: id,
    title: 'a\u001b[31mred\u009b1m\u202e title',
    cwd: '/work',
    created_at: null,
    updated_at: new Date().toISOString(),
    model: null,
    running: null,
    usage: null,
    cost_usd: null,
    resume_command: null,
  }
  const server = createServer((request, response) => {
    response.end(JSON.stringify(request.url?.includes(id) ? session : { sessions: [session], next_cursor: null }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const words of [['sessions'], ['sessions', id]]) {
    const { code, stdout } = await runAsOnTerminal(makeFolders(t), [...words, '--url', url])
    assert.equal(code, 0, stdout)
    assert.match(stdout, /\u241b\[31mred/)
    for (const steering of ['\u001b[31m', '\u009b', '\u202e']) assert.ok(!stdout.includes(steering), stdout)
  }
})

test('without a running server it says how to start one, and exits with 1', async (t) => {
  assertFailure(await run(makeFolders(t), ['sessions']), /no server is running in .*: start one with \S+claude-serve/)
})

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

test('one conversation shows that Claude Code compacted it, and a cost that is estimated', () => {
  const session: SessionReply = {
    session_id: id,
    title: 'A title',
    first_prompt: null,
    cwd: '/work',
    created_at: null,
    updated_at: new Date(0).toISOString(),
    model: 'claude-opus-5-5',
    running: null,
    usage: {
      runs: 0,
      input_tokens: 1,
      output_tokens: 1,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      cache_read_share: 0,
    },
    cost_usd: 0.25,
    cost_is_estimated: true,
    compactions: 2,
    resume_command: null,
  }
  const factsOf = (more: Partial<SessionReply>) => sessionAsLines({ ...session, ...more }, 0).join('\n')
  assert.match(factsOf({}), /\n {2}cost +about \$0\.25, estimated at list prices\n/)
  assert.match(factsOf({}), /\n {2}compacted +2 times: Claude continues from a summary\n/)
  assert.match(factsOf({ compactions: 1 }), /\n {2}compacted +once: /)
  assert.doesNotMatch(factsOf({ compactions: 0, cost_usd: null }), /compacted|cost/)
})
