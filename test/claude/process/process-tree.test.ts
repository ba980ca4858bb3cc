// Processes by id: which process has an id, what it has started, which processes carry our marker, and that only the
// intended ones are ended.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { markerName } from '../../../src/claude/cli/environment.ts'
import {
  killAll,
  markedProcesses,
  processInfo,
  processTree,
  residentBytes,
  signal,
} from '../../../src/claude/process/process-tree.ts'
import { makeFolders } from '../../helpers/test-server.ts'

const onLinux = { skip: process.platform === 'linux' ? false : 'it needs /proc' }

type Started = { child: ChildProcess; pid: number }

/** Starts a process that prints a line once it runs, and then waits. */
async function start(
  t: TestContext,
  script: string,
  env: Record<string, string> = {},
): Promise<Started & { printed: string }> {
  const child = spawn('/bin/sh', ['-c', script], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  t.after(() => child.kill('SIGKILL'))
  assert.ok(child.pid)
  const [printed] = await once(child.stdout, 'data')
  return { child, pid: child.pid, printed: String(printed).trim() }
}

const startSleep = (t: TestContext, env?: Record<string, string>) => start(t, 'echo ready; exec sleep 60', env)

test('a process is described by its id, its parent and its start time', async (t) => {
  const { child, pid } = await startSleep(t)
  const info = await processInfo(pid)
  assert.equal(info?.pid, pid)
  assert.equal(info?.parent, process.pid)
  assert.match(info?.started ?? '', /\d/)
  assert.deepEqual(await processInfo(pid), info)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(await processInfo(pid), null)
})

test('an id without a process yields nothing', async () => {
  assert.equal(await processInfo(2 ** 22 + 1), null)
  assert.equal(await residentBytes(2 ** 22 + 1), null)
  assert.deepEqual(await processTree(2 ** 22 + 1), [])
})

test('a process that has ended but was not reaped counts as gone', onLinux, async (t) => {
  // The outer shell is replaced by a program that never waits for its child.
  const { printed } = await start(t, 'sh -c "exit 0" & echo $!; exec sleep 60')
  const deadline = performance.now() + 5000
  while ((await processInfo(Number(printed))) !== null) assert.ok(performance.now() < deadline)
})

const names = ['a) S 1 1 (b', 'a b', '((', 'x) Z 1']
for (const name of names) {
  const options = onLinux
  test(`a program named ${JSON.stringify(name)} is parsed correctly`, options, async (t) => {
    const program = join(makeFolders(t).root, name)
    copyFileSync('/bin/sleep', program)
    const { pid } = await start(t, 'echo ready; exec "$PROGRAM" 60', { PROGRAM: program })
    const own = await processInfo(process.pid)
    assert.ok(own)
    const deadline = performance.now() + 5000
    // Until the shell has become the program.
    while ((await residentBytes(pid)) === null) assert.ok(performance.now() < deadline)
    const info = await processInfo(pid)
    assert.equal(info?.parent, process.pid)
    assert.ok(Number(info?.started) >= Number(own.started))
  })
}

test('the tree of a process contains the process and all its descendants', async (t) => {
  const { pid, printed } = await start(t, "sh -c 'sleep 60 & echo $!; wait' & wait")
  const tree = await processTree(pid)
  assert.equal(tree[0]?.pid, pid)
  assert.equal(tree.length, 3)
  assert.ok(tree.some((info) => info.pid === Number(printed)))
  t.after(() => killAll(tree))
})

test('processes are found by the marker in their environment, even if their parent has ended', onLinux, async (t) => {
  const marker = randomUUID()
  const { pid } = await startSleep(t, { [markerName]: `${marker}.1` })
  const { child, printed } = await start(t, 'setsid sleep 60 & echo $!; read line', { [markerName]: `${marker}.2` })
  child.stdin?.end()
  await once(child, 'exit')
  const found = await markedProcesses((each) => each.startsWith(marker))
  assert.deepEqual(found.map((info) => info.pid).sort(), [pid, Number(printed)].sort())
  assert.deepEqual(await markedProcesses((each) => each === `${marker}.1`), [await processInfo(pid)])
  assert.deepEqual(await markedProcesses((each) => each === marker), [])
  await killAll(found)
})

test('only the intended process is ended, not another one that now has its id', async (t) => {
  const { child, pid } = await startSleep(t)
  const info = await processInfo(pid)
  assert.ok(info)
  await killAll([{ ...info, started: `${info.started}0` }])
  assert.deepEqual(await processInfo(pid), info)
  const exit = once(child, 'exit')
  await killAll([{ ...info, pid: 2 ** 22 + 1 }, info])
  assert.deepEqual(await exit, [null, 'SIGKILL'])
  await killAll([info])
})

test('a process that was ended is gone, however much memory the kernel must take back', async (t) => {
  const fill = "const kept = Buffer.alloc(3e8, 1); console.log('ready'); setInterval(() => kept, 1000)"
  const { pid } = await start(t, 'exec "$NODE" -e "$FILL"', { NODE: process.execPath, FILL: fill })
  const info = await processInfo(pid)
  assert.ok(info)
  await killAll([info])
  assert.equal(await processInfo(pid), null)
})

test('a signal to an id without a process does no harm', () => {
  signal(2 ** 22 + 1, 'SIGTERM')
})

test('the memory of a process is returned in bytes', async () => {
  const bytes = await residentBytes(process.pid)
  const own = process.memoryUsage.rss()
  assert.ok(bytes !== null && bytes > own / 2 && bytes < own * 2, `${bytes} of ${own}`)
})
