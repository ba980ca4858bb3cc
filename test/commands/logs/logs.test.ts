// The command `logs` as a process: what it prints where, and that it continues until it is stopped. Not for reading files (see
// reader.test.ts).
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { logFileName } from '../../../src/log/log-file.ts'
import { makeFolders } from '../../helpers/test-server.ts'
import {
  assertFailure,
  assertWrongUsage,
  fakeClaude,
  run,
  runAsOnTerminal,
  runProcess,
  start,
  startDemo,
} from '../command-process.ts'

const line = (msg: string, more: Record<string, unknown> = {}) =>
  `${JSON.stringify({ level: 'info', time: '2026-05-04T03:02:01.000Z', ...more, msg })}\n`

function setUp(t: TestContext) {
  const folders = makeFolders(t)
  const file = join(folders.dataDir, logFileName)
  mkdirSync(dirname(file), { recursive: true })
  return { folders, file, add: (...lines: string[]) => appendFileSync(file, lines.join('')) }
}

test('the newest lines exactly as stored, if the output is not a terminal', async (t) => {
  const { folders, file, add } = setUp(t)
  add(line('one'))
  renameSync(file, `${file}.1`)
  const broken = 'not { JSON \u001b[31m\n'
  add(line('two', { value: 'a\u001b[31m\u009b' }), broken, line('three'))
  for (const words of [[], ['--json']]) {
    const { code, stdout, stderr } = await run(folders, ['logs', ...words])
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(stdout, line('one') + line('two', { value: 'a\u001b[31m\u009b' }) + broken + line('three'))
  }
  assert.equal((await run(folders, ['logs', '-n', '2'])).stdout, broken + line('three'))
  assert.equal((await run(folders, ['logs', '--lines', '0'])).stdout, '')
})

test('100 lines by default, and all of them even if they exceed the buffer of a pipe', async (t) => {
  const { folders, add } = setUp(t)
  const lines = Array.from({ length: 5000 }, (_, n) => line(`line ${n}`, { fill: 'x'.repeat(100) }))
  add(...lines)
  assert.equal((await run(folders, ['logs'])).stdout, lines.slice(-100).join(''))
  assert.equal((await runProcess(folders, ['logs', '-n', 'all'])).stdout, lines.join(''))
})

const esc = '\u001b'
const color = new RegExp(`${esc}\\[\\d+m`, 'g')

test('on a terminal lines are formatted for people, and cannot control it', async (t) => {
  const { folders, add } = setUp(t)
  const steering = '\u001b]0;x\u0007\u001b[31m\u009b2J\u007f\b\f'
  add(line(`msg ${steering}\rover`, { [`key${steering}`]: { deep: steering } }), `broken ${steering}\n`)
  add(line('second \\u001b').replaceAll('\\\\', '\\'))
  const { code, stdout } = await runAsOnTerminal(folders, ['logs'])
  assert.equal(code, 0)
  assert.match(stdout, /^\[2026-05-0\d \d\d:\d\d:01\] \S*INFO\S*: /)
  assert.match(stdout, /\nbroken \u241b\]0;x\u2407/)
  assert.ok(stdout.includes(String.raw`msg \u001b]0;x\u0007\u001b[31m\u009b2J\u007f\b\f\rover`), JSON.stringify(stdout))
  const withoutColors = stdout.replaceAll(color, '')
  assert.ok(withoutColors !== stdout, 'there are colors')
  assert.ok(!stdout.includes('\u001b[31m'))
  const left = [...withoutColors].filter((character) => /\p{Cc}/u.test(character) && character !== '\n')
  assert.deepEqual(left, [])
})

test('--json on a terminal prints JSON, which cannot control it', async (t) => {
  const { folders, add } = setUp(t)
  const msg = 'a\u001b[31m\u009b2J\u007f'
  add(line(msg), 'broken \u009b\n')
  const { stdout } = await runAsOnTerminal(folders, ['logs', '--json'])
  const [first = '', second, ...rest] = stdout.split('\n')
  assert.deepEqual([JSON.parse(first).msg, second, rest], [msg, 'broken \ufffd', ['']])
  assert.doesNotMatch(first, /\p{Cc}/u)
})

test('NO_COLOR is honored on a terminal', async (t) => {
  const { folders, add } = setUp(t)
  add(line('one'))
  const { stdout } = await runAsOnTerminal(folders, ['logs'], { environment: { NO_COLOR: '1' } })
  assert.match(stdout, /INFO: one/)
})

test('-f prints new lines across rotated files until Ctrl-C, and exits with 0', async (t) => {
  const { folders, file, add } = setUp(t)
  add(line('one'), line('two'))
  const running = start(t, folders, ['logs', '-f', '-n', '1'])
  await running.until('stdout', /two/)
  add(line('three'))
  await running.until('stdout', /three/)
  renameSync(file, `${file}.1`)
  add(line('four'))
  await running.until('stdout', /four/)
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.outcome()
  assert.deepEqual([code, stdout, stderr], [0, ['two', 'three', 'four'].map((msg) => line(msg)).join(''), ''])
})

test('-f waits for a log that does not exist yet, and shows what a server writes', async (t) => {
  const folders = makeFolders(t)
  const running = start(t, folders, ['logs', '--follow', '--json'])
  await running.until('stderr', /^claude-serve: nothing is logged in \S+claude-serve\.log yet: waiting\n$/)
  const { url } = await startDemo(t, folders, '--log-level', 'info', '--claude-bin', fakeClaude)
  await (await fetch(`${url}/v1/runs`)).arrayBuffer()
  await running.until('stdout', /"route":"\/v1\/runs"/)
  running.child.kill('SIGINT')
  assert.equal((await running.outcome()).code, 0)
})

test('if nothing was logged, it says where it looked, and exits with 0', async (t) => {
  const folders = makeFolders(t)
  const { code, stdout, stderr } = await run(folders, ['logs'])
  const file = join(folders.dataDir, logFileName)
  assert.deepEqual([code, stdout, stderr], [0, '', `claude-serve: nothing is logged in ${file} yet\n`])
})

test('a reader that stops early is not an error', async (t) => {
  const { folders, add } = setUp(t)
  add(...Array.from({ length: 20_000 }, () => line('x'.repeat(100))))
  const running = start(t, folders, ['logs', '-f', '-n', 'all'])
  await running.until('stdout', /x/)
  running.child.stdout?.destroy()
  const { code, stderr } = await running.outcome()
  assert.deepEqual([code, stderr], [0, ''])
})

test('a log that cannot be read prints one line and exits with 1', async (t) => {
  const { folders, file } = setUp(t)
  mkdirSync(file)
  assertFailure(await run(folders, ['logs']), /the log \S+ cannot be read: EISDIR/)
})

const wrong: [words: string[], message: RegExp][] = [
  [['--folow'], /unknown option '--folow' \(Did you mean --follow\?\)/],
  [['-n', 'many'], /--lines: "many" is not accepted; give a count such as 50, or all/],
  [['-n', '-5'], /--lines: "-5" is not accepted|argument missing/],
  [['--lines'], /argument missing/],
  [['today'], /too many arguments/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong) assertWrongUsage(await run(folders, ['logs', ...words]), 'logs', message)
})
