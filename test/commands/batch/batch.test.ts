// The command `batch run` as a process: the outcome of each line, its output, and its concurrency. Not for resuming (see resume.test.ts) or
// wrong usage (see usage.test.ts).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ChatReply } from '../../../src/surfaces/native/reply-schemas.ts'
import { extendedTest, test } from '../../helpers/extended.ts'
import { makeFolders, startTestServer, step } from '../../helpers/test-server.ts'
import { cli, environmentOf, fakeClaude } from '../command-process.ts'
import { keys } from '../keys/process.ts'
import {
  answersById,
  batch,
  batchProcess,
  isFor,
  light,
  outputOf,
  prompt,
  requestCount,
  shareServer,
  startBatch,
  writeInput,
} from './process.ts'
import { startScriptedServer } from './scripted-model.ts'

const shared = await shareServer()

const io = ['in.jsonl', '-o', 'out.jsonl']

/** Hangs on the first request, and is answered on the next. */
const hangsOnce = { hang: 'headers', times: 1 }

test('a line leaves no conversation behind, unless it asks for one or continues one', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  const session_id = '3c7c1ecb-1018-4a6e-bc25-e2ff5ba4a011'
  writeInput(folders, [
    { id: 'usual', prompt: prompt('usual'), ...light },
    { id: 'wanted', prompt: prompt('wanted'), persist: true, ...light },
    { id: 'continued', prompt: prompt('continued'), session_id, ...light },
    { id: 'copied', prompt: prompt('copied'), session_id, fork: true, ...light },
  ])
  assert.equal((await batch(folders, io)).code, 0)
  const persistOf = (tag: string) => model.requests.find(isFor(tag))?.request.persist
  assert.deepEqual(['usual', 'wanted', 'continued', 'copied'].map(persistOf), [false, undefined, undefined, false])
})

test('each line is answered under its id or its number, in any order', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [
    { id: 'first', prompt: prompt('a', { ttft: 200 }), ...light },
    prompt('b'),
    Buffer.from(''),
    { id: 7, prompt: prompt('c'), system_prompt: 'Be brief.', ...light },
    Buffer.from('  \r'),
    Buffer.from(`${JSON.stringify({ prompt: prompt('d\u2028e'), ...light })}\r`),
  ])
  const { code, stdout, stderr } = await batch(folders, io)
  assert.deepEqual([code, stdout], [0, ''], stderr)
  assert.match(stderr, /^claude-serve: 4 lines in .*: 4 succeeded, 0 failed.*; answers in .*out\.jsonl\n$/)
  const answers = answersById(folders)
  assert.deepEqual(Object.keys(answers).toSorted(), ['2', '6', '7', 'first'])
  for (const [id, tag] of [
    ['first', 'a'],
    ['2', 'b'],
    ['7', 'c'],
    ['6', 'd\u2028e'],
  ] as const) {
    const { status, response, error, run_id, line } = answers[id] ?? assert.fail(id)
    assert.deepEqual([status, error], ['succeeded', null])
    assert.equal(ChatReply.parse(response).result, `answer to ${tag}`)
    assert.equal(ChatReply.parse(response).run_id, run_id)
    assert.equal(line, { first: 1, 2: 2, 7: 4, 6: 6 }[id])
    assert.equal(requestCount(model, JSON.stringify(tag).slice(1, -1)), 1)
  }
  assert.equal(model.requests.find(isFor('c'))?.request.options.systemPrompt, 'Be brief.')
  assert.ok(!existsSync(`${outputOf(folders)}.batch`), 'no file is left beside the output')
})

test('lines that cannot be answered report why, and the others are answered', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(folders, [
    Buffer.from('{"prompt": "secret words'),
    { id: 'x', prompt: prompt('x'), ...light },
    { id: 'x', prompt: prompt('again'), ...light },
    [1],
    { id: {}, prompt: 'hi' },
    { id: 'no-prompt' },
    { id: 'typo', promt: 'hi', prompt: 'hi' },
    { id: 'refused', prompt: prompt('refused', { status: 400, message: 'too much' }), ...light },
  ])
  writeFileSync(join(folders.cwd, 'in.jsonl'), Buffer.from([0x22, 0xff, 0x22, 0x0a]), { flag: 'a' })
  const { code, stdout } = await batch(folders, [...io, '--json'])
  assert.equal(code, 1)
  const { duration_ms, cost_usd, ...summary } = JSON.parse(stdout)
  const counts = { succeeded: 1, failed: 8, succeeded_earlier: 0, failed_earlier: 0, changed: 0 }
  assert.deepEqual(summary, { complete: true, ...counts, output: outputOf(folders) })
  assert.ok(duration_ms > 0 && cost_usd > 0)
  const answers = answersById(folders)
  const errors = Object.entries(answers).map(([key, { status, error, response }]) => {
    assert.equal(response === null, status === 'failed')
    return [key, error === null ? null : `${error.code} ${error.status}: ${error.message}`]
  })
  assert.deepEqual(Object.fromEntries(errors), {
    'line 1': 'invalid_line null: the line is not JSON: error at character 25',
    x: null,
    'line 3': 'duplicate_id null: id "x" is already used by line 2',
    'line 4': 'invalid_line null: the line is neither a JSON object nor a JSON string',
    'line 5': 'invalid_line null: id must be a string of 1 to 256 characters, or an integer',
    'no-prompt': 'invalid_request 400: prompt is required',
    typo: 'invalid_request 400: promt is not a field of this request; did you mean prompt?',
    refused: 'invalid_request 400: API Error: 400 too much',
    'line 9': 'invalid_line null: the line is not UTF-8',
  })
})

test('--defaults and --model provide the fields that lines leave out', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [prompt('a'), { prompt: prompt('b'), system_prompt: 'Mine.', model: 'sonnet' }])
  const defaults = JSON.stringify({ ...light, system_prompt: 'Theirs.' })
  assert.equal((await batch(folders, [...io, '--defaults', defaults, '--model', 'haiku'])).code, 0)
  const sent = ['a', 'b'].map((tag) => model.requests.find(isFor(tag))?.request.options)
  assert.deepEqual(
    sent.map((options) => [options?.model, options?.systemPrompt, options?.tools]),
    [
      ['haiku', 'Theirs.', []],
      ['sonnet', 'Mine.', []],
    ],
  )
})

test('a rejected default ends the batch, since every line would fail', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(folders, ['one', 'two', 'three'])
  const { code, stderr } = await batch(folders, [...io, '--defaults', '{"max_turns": "many"}', '-c', '1'])
  assert.equal(code, 1)
  assert.match(
    stderr,
    /the server rejects a value from --model or --defaults, which applies to every line: max_turns must be an integer/,
  )
  assert.deepEqual(answersById(folders), {})
})

test('--concurrency limits how many lines are sent at a time', { timeout: 60_000 }, async (t) => {
  const folders = makeFolders(t)
  const { url, model } = await startScriptedServer(t, folders)
  writeInput(
    folders,
    ['a', 'b', 'c', 'd', 'e'].map((tag) => ({ prompt: prompt(tag, { hang: 'headers' }), ...light })),
  )
  const { child, ended } = startBatch(folders, [...io, '--concurrency', '3'])
  for (const tag of ['a', 'b', 'c']) await model.waitForRequest(isFor(tag))
  assert.equal(model.inFlight(), 3)
  child.kill('SIGINT')
  assert.equal((await ended).code, 1)
  const { runs } = (await (await fetch(`${url}/v1/runs`)).json()) as { runs: { status: string }[] }
  assert.deepEqual(
    runs.map(({ status }) => status),
    ['cancelled', 'cancelled', 'cancelled'],
  )
})

test('lines are answered before the input has ended', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  const { child, ended } = startBatch(folders, ['-', '-o', 'out.jsonl'])
  child.stdin?.write(`${JSON.stringify({ prompt: prompt('a'), ...light })}\n`)
  await model.waitForRequest(isFor('a'))
  child.stdin?.end(JSON.stringify({ id: 'last', prompt: prompt('b'), ...light }))
  assert.equal((await ended).code, 0)
  assert.deepEqual(Object.keys(answersById(folders)).toSorted(), ['1', 'last'])
})

extendedTest('Ctrl-C ends the batch while it waits for input', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  const { child, ended } = startBatch(folders, ['-', '-o', 'out.jsonl'])
  child.stdin?.write(`${JSON.stringify({ prompt: prompt('a'), ...light })}\n`)
  await model.waitForRequest(isFor('a'))
  child.kill('SIGINT')
  const { code, stderr } = await ended
  assert.equal(code, 1)
  assert.match(stderr, /stopped early; run the same command again to resume/)
})

test('without a server it reports that and creates no files', async (t) => {
  const folders = makeFolders(t)
  writeInput(folders, ['hi'])
  const missing = await batch(folders, io)
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(
    missing.stderr,
    /^claude-serve: no server is running in .*: start one with \S+claude-serve start, or pass its address/,
  )
  const elsewhere = await batch(folders, [...io, '--url', 'http://127.0.0.1:9'])
  assert.equal(elsewhere.code, 1)
  assert.match(elsewhere.stderr, /no server responds at http:\/\/127\.0\.0\.1:9/)
  assert.ok(!existsSync(outputOf(folders)) && !existsSync(`${outputOf(folders)}.batch`))
})

test('if the server requires a key, the batch stops at once without one and works with one', {
  timeout: 60_000,
}, async (t) => {
  const { folders, url } = await startTestServer(t, { config: { claudeBin: fakeClaude } })
  const secret = (await keys(folders, ['create', 'batch', '--quiet'])).stdout.trim()
  writeInput(folders, [
    { prompt: prompt('a'), ...light },
    { prompt: prompt('b'), ...light },
  ])
  const refused = await batchProcess(folders, io)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /needs an API key.*set CLAUDE_SERVE_API_KEY to a key of this server/)
  assert.deepEqual(answersById(folders), {})
  const headers = { authorization: `Bearer ${secret}` }
  assert.deepEqual(await (await fetch(`${url}/v1/runs`, { headers })).json(), { runs: [], next_cursor: null })
  const allowed = await batch(folders, io, { CLAUDE_SERVE_API_KEY: secret })
  assert.equal(allowed.code, 0, `${allowed.stderr}${JSON.stringify(answersById(folders))}`)
  assert.equal(Object.keys(answersById(folders)).length, 2)
})

test('a key whose budget is used up stops the batch; the remaining lines are left for later', {
  timeout: 60_000,
}, async (t) => {
  const { folders } = await startTestServer(t, { config: { claudeBin: fakeClaude } })
  const made = await keys(folders, ['create', 'poor', '--budget', '0.000001', '--quiet'])
  writeInput(
    folders,
    ['a', 'b', 'c', 'd', 'e'].map((tag) => ({ prompt: prompt(tag), ...light })),
  )
  const { code, stderr } = await batch(folders, [...io, '-c', '1'], { CLAUDE_SERVE_API_KEY: made.stdout.trim() })
  assert.equal(code, 1)
  assert.match(stderr, /the API key poor has spent/)
  // The cost of a run is known a moment after it ends.
  const answered = Object.values(answersById(folders))
  assert.ok(answered.length < 5 && answered.every(({ status }) => status === 'succeeded'))
})

test('a second batch does not touch an output that is being written', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [{ prompt: prompt('a', hangsOnce), ...light }])
  const { child, ended } = startBatch(folders, io)
  await model.waitForRequest(isFor('a'))
  const second = await batch(folders, io)
  assert.equal(second.code, 1)
  assert.match(
    second.stderr,
    /^claude-serve: another batch is writing .*out\.jsonl: wait until it ends, or choose another file/,
  )
  child.kill('SIGTERM')
  assert.equal((await ended).code, 1)
  assert.equal((await batch(folders, io)).code, 0)
})

test('if stderr is not a terminal, it prints one note per hundred lines', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(
    folders,
    Array.from({ length: 200 }, (_, index) => [index]),
  )
  const { stderr } = await batch(folders, io)
  const [first, second, ...rest] = stderr.split('\n')
  assert.match(first ?? '', /^claude-serve: 1\d\d\/(200|\?), 1\d\d failed$/)
  assert.match(second ?? '', /^claude-serve: 200\/200, 200 failed$/)
  assert.match(rest[0] ?? '', /^claude-serve: 200 lines in /)
})

test('on a terminal it draws a bar and restores the terminal', { timeout: 60_000 }, async (t) => {
  if (!existsSync('/usr/bin/script')) return t.skip('needs script, of util-linux')
  const { folders } = shared()
  writeInput(
    folders,
    ['a', 'b', 'c'].map((tag) => ({ prompt: prompt(tag, { ttft: 300 }), ...light })),
  )
  const command = [process.execPath, cli, 'batch', 'run', ...io, '-c', '1'].join(' ')
  const { stdout } = await promisify(execFile)('/usr/bin/script', ['-qec', command, '/dev/null'], {
    cwd: folders.cwd,
    env: environmentOf(folders),
  })
  assert.match(stdout, /░{20} /)
  assert.match(stdout, /█+░* \d\/3, 0 failed, \$0\.\d{4}/)
  const [hide, show] = ['\u001b[?25l', '\u001b[?25h'].map((code) => stdout.lastIndexOf(code))
  assert.ok(hide !== -1 && (show ?? -1) > (hide ?? -1), 'the cursor is shown again')
  assert.match(stdout, /claude-serve: 3 lines in /)
  assert.equal(Object.keys(answersById(folders)).length, 3)
})

extendedTest('the output has the permissions of any new file of the user', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(folders, [{ prompt: `<a> ${step({ text: 'x' })}`, ...light }])
  await batch(folders, io)
  assert.equal(statSync(outputOf(folders)).mode & 0o777, 0o666 & ~process.umask())
})
