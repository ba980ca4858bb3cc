// The command `runs` with a real server: lists, shows, follows and cancels runs, and answers what they wait for.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { permissionAsLines } from '../../../src/commands/runs/approval-lines.ts'
import { runsAsRows } from '../../../src/commands/runs/lines.ts'
import type { RunReply } from '../../../src/surfaces/native/reply-schemas.ts'
import { post } from '../../helpers/client.ts'
import { makeFolders, startTestServer, step, type TestServer } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, run, start } from '../command-process.ts'

const runId = `run_${'0'.repeat(32)}`

/** Starts a run in the background that waits for its first approval. */
async function startWaiting(server: TestServer, prompt: string): Promise<RunReply> {
  const { body } = await post(server, '/v1/chat', { prompt, approvals: true, background: true })
  const { id } = body
  const events = await fetch(`${server.url}/v1/runs/${id}/events`)
  for await (const chunk of (events.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    if (/"type":"(permission_request|question)"/.test(chunk)) break
  }
  return (await (await fetch(`${server.url}/v1/runs/${id}`)).json()) as RunReply
}

const write = (path: string) => step({ tool: 'Write', input: { file_path: path, content: 'x' } })
const say = (text: string) => step({ text })

test('a run that waits for permission is listed, shown, followed and allowed', async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const none = await run(folders, ['runs'])
  assert.deepEqual([none.code, none.stdout], [0, ''])
  assert.match(none.stderr, /^claude-serve: there are no runs; runs are stored for a week\n$/)
  const path = join(folders.cwd, 'one')
  const { id, pending } = await startWaiting(server, `${write(path)}${say('It is **done**.')}`)

  const list = await run(folders, ['runs', 'list'])
  assert.match(list.stdout, new RegExp(`^id +status +created +model +cost +result\n${id} +waiting `))
  const json = JSON.parse((await run(folders, ['runs', '--json', '--status', 'waiting'])).stdout)
  assert.deepEqual([json.length, json[0].id], [1, id])

  const shown = await run(folders, ['runs', 'show', id])
  assert.match(shown.stdout, /Claude asks for permission to use Write\n {2}.*\n? {2}file_path: \S+one\n/)
  assert.ok(shown.stdout.includes(`claude-serve runs approve ${id} --request ${pending[0]?.request_id}\n`))
  assert.deepEqual(await run(folders, ['runs', id]), shown)

  const following = start(t, folders, ['runs', 'follow', id])
  await following.until('stderr', /claude-serve runs deny /)
  assert.equal(existsSync(path), false)
  const approved = await run(folders, ['runs', 'approve', id])
  assert.deepEqual(approved, { code: 0, stdout: 'allowed Write\n', stderr: '' })
  const outcome = await following.outcome()
  assert.deepEqual([outcome.code, outcome.stdout], [0, 'It is **done**.\n'])
  assert.equal(existsSync(path), true)

  // Afterwards, the question is history.
  const again = await run(folders, ['runs', 'follow', id])
  assert.deepEqual(again, { code: 0, stdout: 'It is **done**.\n', stderr: '' })
  assertFailure(await run(folders, ['runs', 'approve', id]), /\(succeeded\) waits for no permission/)
  const ended = await run(folders, ['runs', 'show', id])
  assert.match(ended.stdout, /\n {2}status +succeeded\n(?:.*\n)+\nIt is \*\*done\*\*\.\n$/)
  const cancelled = await run(folders, ['runs', 'cancel', id])
  assert.deepEqual([cancelled.code, cancelled.stdout], [0, ''])
  assert.match(cancelled.stderr, /had ended before: it has succeeded/)
})

test('a run is denied with a reason, another one is cancelled, and following it fails', async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const path = join(folders.cwd, 'one')
  const { id, pending } = await startWaiting(server, `${write(path)}${say('Not done.')}`)
  const request = pending[0]?.request_id ?? ''
  assertFailure(
    await run(folders, ['runs', 'deny', id, '--request', 'ask_1']),
    /waits for no permission with the id ask_1/,
  )
  const denied = await run(folders, ['runs', 'deny', id, '--request', request, '--message', 'zebra', '--json'])
  assert.equal(denied.code, 0)
  assert.equal(JSON.parse(denied.stdout).id, id)
  assert.equal((await run(folders, ['runs', 'follow', id])).stdout, 'Not done.\n')
  await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra'))
  assert.equal(existsSync(path), false)

  const other = await startWaiting(server, write(path))
  const outcome = await run(folders, ['runs', 'cancel', other.id])
  assert.deepEqual(outcome, { code: 0, stdout: `cancelled ${other.id}\n`, stderr: '' })
  assertFailure(await run(folders, ['runs', 'follow', other.id]), /The run was cancelled/)
})

test("Claude's questions are answered in their order", async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const option = (label: string) => ({ label, description: '' })
  const questions = [
    { question: 'Which color?', header: 'c', multiSelect: false, options: [option('Red'), option('Blue')] },
    { question: 'Which sizes?', header: 's', multiSelect: true, options: [option('S'), option('M')] },
  ]
  const ask = step({ tool: 'AskUserQuestion', input: { questions } })
  const { id } = await startWaiting(server, `${ask}${say('Thanks.')}`)
  const shown = await run(folders, ['runs', 'show', id])
  assert.match(shown.stdout, /Which color\?\n {2}1 {2}Red\n {2}2 {2}Blue\nWhich sizes\?\n/)
  const answer = (...words: string[]) => run(folders, ['runs', 'answer', id, ...words])
  assertWrongUsage(
    await answer('2'),
    'runs answer',
    /one answer to each of 2 questions.*"Which color\?", "Which sizes\?"/,
  )
  assertWrongUsage(await answer('3', '1'), 'runs answer', /"3" is not accepted; give a number/)
  assertFailure(await run(folders, ['runs', 'approve', id]), /waits for no permission/)
  assert.deepEqual(await answer('2', '1,2'), { code: 0, stdout: 'answered\n', stderr: '' })
  assert.equal((await run(folders, ['runs', 'follow', id])).stdout, 'Thanks.\n')
  const { raw } = await server.upstream.waitForRequest((request) => request.raw.includes('tool_result'))
  assert.match(raw, /Blue/)
  assert.match(raw, /S, M/)
})

test('wrong usage is exit 2, and what does not exist is exit 1', async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  assertWrongUsage(
    await run(folders, ['runs', 'shw', runId]),
    'runs list',
    /unknown command|too many arguments|no command runs shw/,
  )
  assertWrongUsage(await run(folders, ['runs', 'shw']), 'runs', /there is no command runs shw/)
  assertWrongUsage(
    await run(folders, ['runs', 'show', 'x']),
    'runs show',
    /<run>: "x" is not accepted; give the id of a run/,
  )
  assertWrongUsage(await run(folders, ['runs', '-n', '0']), 'runs', /--limit: "0" is not accepted/)
  assertFailure(await run(folders, ['runs', 'show', runId]), /there is no run run_0+/)
  assertFailure(await run(folders, ['runs', '--status', 'x']), /status must be one of/)
  assertFailure(await run(makeFolders(t), ['runs']), /no server is running in/)
})

test('a row shows the error of a run, or the beginning of its result in one line', () => {
  const reply = { id: 'run_1', status: 'failed', created_at: '2026-01-01T00:00:00Z', model: null, cost_usd: null }
  const rows = runsAsRows(
    [
      { ...reply, result: null, error: { error: 'it\nfailed', code: 'x', details: {} } },
      { ...reply, result: `a\n${'b'.repeat(100)}`, error: null, cost_usd: 0.5 },
    ] as unknown as RunReply[],
    Date.parse('2026-01-01T01:00:00Z'),
  )
  assert.deepEqual(rows[1], ['run_1', 'failed', '1 h ago', '-', '-', 'it failed'])
  assert.deepEqual(rows[2]?.slice(4), ['$0.50', `a ${'b'.repeat(77)}…`])
})

test('nothing that a tool would get can look like something else', () => {
  const lines = permissionAsLines({
    type: 'permission_request',
    request_id: 'ask_1',
    tool_name: 'Bash',
    tool_use_id: 't',
    input: { command: 'a\u202e\u001b[2J\nallow? y', content: 'x'.repeat(5000) },
    description: null,
    blocked_path: null,
    suggestions: [],
  })
  assert.deepEqual(lines.slice(0, 2), [
    'Claude asks for permission to use Bash',
    '  command: a\ufffd\u241b[2J\n    allow? y',
  ])
  assert.match(lines[2] ?? '', /^ {2}content: x{4000}…\n {4}\(the first 4000 of 5000 characters; /)
})
