// Calls to a thread, one at a time, with a thread that misbehaves on demand: every call settles.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { createSessionFiles, type SessionFilesOptions } from '../../src/claude/sessions/session-files.ts'
import type { AppError } from '../../src/errors.ts'
import { makeFolders } from '../helpers/test-server.ts'

/** Returns the call; the first word of an id selects what else it does. */
const script = `
import { writeFileSync, existsSync } from 'node:fs'
import { parentPort, threadId } from 'node:worker_threads'
parentPort.on('message', ({ name, args }) => {
  const [what, file] = String(args[0]).split(' ')
  if (what === 'hang') for (;;) {}
  if (what === 'die') process.exit(3)
  if (what === 'throw') return setImmediate(() => { throw new Error('a secret prompt') })
  if (what === 'fail') return parentPort.postMessage({ failed: 'Error EACCES' })
  if (what === 'eat') { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)) }
  if (what === 'die-once' && !existsSync(file)) { writeFileSync(file, ''); process.exit(0) }
  parentPort.postMessage({ value: [name, ...args, threadId] })
})`

function startFiles(t: TestContext, options: Partial<SessionFilesOptions> = {}) {
  const started: Worker[] = []
  const files = createSessionFiles({
    environment: { HOME: '/nowhere' },
    workerUrl: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    onStart: (worker) => started.push(worker),
    ...options,
  })
  t.after(() => files.close())
  return { files, started }
}

/** The id in an answer of the script. */
const echoOf = (answer: unknown) => (answer as unknown[])[1]

const errorOf = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error) => error,
  )

test('calls are answered in order by one thread, which the first call starts', async (t) => {
  const { files, started } = startFiles(t)
  assert.equal(started.length, 0)
  const answers = await Promise.all(['a', 'b', 'c'].map((id) => files.get(id)))
  const [worker] = started
  assert.deepEqual(
    answers,
    ['a', 'b', 'c'].map((id) => ['get', id, worker?.threadId]),
  )
  assert.equal(started.length, 1)
})

test('an idle thread ends, and another one answers the next call', async (t) => {
  const { files, started } = startFiles(t, { idleMs: 20 })
  await files.get('a')
  const [worker] = started
  assert.ok(worker)
  await once(worker, 'exit')
  await files.get('b')
  assert.equal(started.length, 2)
})

test('a call that takes too long is stopped with its thread, and the calls behind it are answered', async (t) => {
  const { files, started } = startFiles(t, { deadlineMs: 1000 })
  const slow = errorOf(files.messages('hang', { limit: 1, cursor: null }))
  const error = await slow
  assert.equal(error.code, 'timeout')
  assert.match(error.message, /messages took longer than 1 s/)
  assert.equal(echoOf(await files.get('b')), 'b')
  assert.equal(started.length, 2)
})

test('a call that waited too long for others is reported as retryable', async (t) => {
  const { files } = startFiles(t, { deadlineMs: 1000 })
  const calls = ['hang', 'b', 'c'].map((id) => errorOf(files.get(id)))
  const codes = (await Promise.all([...calls, errorOf(files.rename('d', 'x'))])).map(({ code }) => code)
  // A change that may have been made must not be retried blindly.
  assert.deepEqual(codes, ['timeout', 'overloaded', 'overloaded', 'timeout'])
})

for (const how of ['die', 'throw']) {
  test(`a read is retried once if its thread ends: ${how}`, async (t) => {
    const { files, started } = startFiles(t)
    const [error, next] = await Promise.all([errorOf(files.get(how)), files.get('next')])
    assert.equal(error.code, 'internal')
    assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secret/)
    assert.equal(echoOf(next), 'next')
    assert.equal(started.length, 3)
  })
}

test('a read succeeds if only the first thread dies; a change is never made twice', async (t) => {
  const { root } = makeFolders(t)
  const { files, started } = startFiles(t)
  const [read, change] = ['read', 'change'].map((name) => join(root, name))
  assert.ok(read && change)
  await files.get(`die-once ${read}`)
  assert.equal(started.length, 2)
  const error = await errorOf(files.fork(`die-once ${change}`, null))
  assert.equal(error.code, 'internal')
  assert.match(error.message, /the change may have been made anyway/)
  assert.ok(existsSync(change))
})

test('a call that exceeds its memory limit ends its thread, not the server', {
  timeout: 60_000,
}, async (t) => {
  const { files } = startFiles(t, { heapMbMax: 64, deadlineMs: 50_000 })
  const error = await errorOf(files.get('eat'))
  assert.equal(error.code, 'not_implemented')
  assert.match(error.message, /more memory/)
  await files.get('next')
})

test('an unexpected error is reported only by its name and code', async (t) => {
  const { files } = startFiles(t)
  const error = await errorOf(files.get('fail'))
  assert.match(error.message, /Error EACCES$/)
})

test('the calls of a thread whose file does not exist fail', async (t) => {
  const { files } = startFiles(t, { workerUrl: new URL('file:///nowhere/at/all.js') })
  assert.equal((await errorOf(files.get('a'))).code, 'internal')
})

test('closing rejects running and later calls', async (t) => {
  const { files, started } = startFiles(t)
  const calls = ['hang', 'b'].map((id) => errorOf(files.get(id)))
  const exits = started.map((worker) => once(worker, 'exit'))
  await files.close()
  await Promise.all(exits)
  for (const error of [...(await Promise.all(calls)), await errorOf(files.get('c'))])
    assert.equal(error.code, 'shutting_down')
  await files.close()
})
