// A thread that is asked one thing at a time, with a thread that misbehaves on demand: every call ends.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { createSessionFiles, type SessionFilesOptions } from '../../../src/claude/sessions/session-files.ts'
import type { AppError } from '../../../src/errors.ts'
import { makeFolders } from '../../helpers/test-server.ts'

/** Gives back what it is asked; the first word of an id says what else it does. */
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

/** The id in an answer of the script's. */
const echoOf = (answer: unknown) => (answer as unknown[])[1]

const faultOf = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (fault) => fault,
  )

test('calls are answered in order by one thread, which is started by the first', async (t) => {
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

test('a thread that has nothing to do ends, and another one answers the next call', async (t) => {
  const { files, started } = startFiles(t, { idleMs: 20 })
  await files.get('a')
  const [worker] = started
  assert.ok(worker)
  await once(worker, 'exit')
  await files.get('b')
  assert.equal(started.length, 2)
})

test('a call that takes too long is given up with its thread, and those behind it are answered', async (t) => {
  const { files, started } = startFiles(t, { deadlineMs: 1000 })
  const slow = faultOf(files.messages('hang', { limit: 1, cursor: null }))
  const error = await slow
  assert.equal(error.code, 'timeout')
  assert.match(error.message, /messages took longer than 1 s/)
  assert.equal(echoOf(await files.get('b')), 'b')
  assert.equal(started.length, 2)
})

test('a call that waited too long for others says that it may be made again', async (t) => {
  const { files } = startFiles(t, { deadlineMs: 1000 })
  const calls = ['hang', 'b', 'c'].map((id) => faultOf(files.get(id)))
  const codes = (await Promise.all([...calls, faultOf(files.rename('d', 'x'))])).map(({ code }) => code)
  // What may have been changed is not to be asked for again blindly.
  assert.deepEqual(codes, ['timeout', 'overloaded', 'overloaded', 'timeout'])
})

for (const how of ['die', 'throw']) {
  test(`reading is tried once more when its thread has come to an end: ${how}`, async (t) => {
    const { files, started } = startFiles(t)
    const [error, next] = await Promise.all([faultOf(files.get(how)), files.get('next')])
    assert.equal(error.code, 'internal')
    assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secret/)
    assert.equal(echoOf(next), 'next')
    assert.equal(started.length, 3)
  })
}

test('reading succeeds where only the first thread dies; changing is never done twice', async (t) => {
  const { root } = makeFolders(t)
  const { files, started } = startFiles(t)
  const [read, change] = ['read', 'change'].map((name) => join(root, name))
  assert.ok(read && change)
  await files.get(`die-once ${read}`)
  assert.equal(started.length, 2)
  const error = await faultOf(files.fork(`die-once ${change}`, null))
  assert.equal(error.code, 'internal')
  assert.match(error.message, /the change may have been made anyway/)
  assert.ok(existsSync(change))
})

test('a call that takes more memory than it may have ends its thread, not the server', {
  timeout: 60_000,
}, async (t) => {
  const { files } = startFiles(t, { heapMbMax: 64, deadlineMs: 50_000 })
  const error = await faultOf(files.get('eat'))
  assert.equal(error.code, 'not_implemented')
  assert.match(error.message, /more memory/)
  await files.get('next')
})

test('an unexpected fault is told by its kind only', async (t) => {
  const { files } = startFiles(t)
  const fault = await faultOf(files.get('fail'))
  assert.match(fault.message, /Error EACCES$/)
})

test('a thread whose file is not there fails its calls', async (t) => {
  const { files } = startFiles(t, { workerUrl: new URL('file:///nowhere/at/all.js') })
  assert.equal((await faultOf(files.get('a'))).code, 'internal')
})

test('closing refuses what is under way and what comes later', async (t) => {
  const { files, started } = startFiles(t)
  const calls = ['hang', 'b'].map((id) => faultOf(files.get(id)))
  const exits = started.map((worker) => once(worker, 'exit'))
  await files.close()
  await Promise.all(exits)
  for (const error of [...(await Promise.all(calls)), await faultOf(files.get('c'))])
    assert.equal(error.code, 'shutting_down')
  await files.close()
})
