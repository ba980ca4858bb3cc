// Resuming a batch: after it or the server was killed or stopped, with lines that failed or have changed. Nothing that was answered is done
// again.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { startUpstream } from '../../../src/demo/upstream.ts'
import { extendedTest, test } from '../../helpers/extended.ts'
import { makeFolders, startTestServer } from '../../helpers/test-server.ts'
import {
  answersById,
  type Batch,
  batch,
  isFor,
  light,
  line,
  outputOf,
  prompt,
  readOutput,
  requestCount,
  shareServer,
  startBatch,
  writeInput,
} from './process.ts'

const shared = await shareServer()

const io = ['in.jsonl', '-o', 'out.jsonl']

const hangsOnce = { hang: 'headers', times: 1 }

/** The CLI does not retry this status. */
const failsOnce = { status: 402, times: 1 }

async function kill({ child, ended }: Batch, signal: NodeJS.Signals): Promise<string> {
  child.kill(signal)
  return (await ended).stderr
}

/** Settles when all runs have ended: their streams end then. */
async function runsEnded(url: string): Promise<void> {
  const { runs } = (await (await fetch(`${url}/v1/runs`)).json()) as { runs: { id: string }[] }
  for (const { id } of runs) await (await fetch(`${url}/v1/runs/${id}/events`)).text()
}

const allSucceeded = (answers: ReturnType<typeof answersById>) =>
  Object.values(answers).every(({ status }) => status === 'succeeded')

test('a batch that was killed and run again does nothing twice', { timeout: 90_000 }, async () => {
  const { folders, model, url } = shared()
  const tags = ['a', 'b', 'c', 'd', 'e', 'f']
  // The third is still being answered when the batch is killed.
  writeInput(
    folders,
    tags.map((tag) => line(tag, tag === 'c' ? { hang: 'body' } : {})),
  )
  const first = startBatch(folders, [...io, '-c', '1'])
  await model.waitForRequest(isFor('c'))
  await kill(first, 'SIGKILL')
  assert.deepEqual(Object.keys(answersById(folders)), ['a', 'b'])
  model.release('c')
  await runsEnded(url)
  const { code, stdout } = await batch(folders, [...io, '--json'])
  assert.equal(code, 0)
  const { succeeded, succeeded_earlier } = JSON.parse(stdout)
  assert.deepEqual([succeeded, succeeded_earlier], [4, 2])
  const answers = answersById(folders)
  assert.deepEqual(Object.keys(answers).toSorted(), tags)
  assert.ok(allSucceeded(answers))
  assert.equal(answers.c?.response?.result, 'answer to c')
  for (const tag of tags) assert.equal(requestCount(model, tag), 1, tag)
})

extendedTest('a run that continues without the batch is waited for', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a', { ttft: 4000 })])
  const first = startBatch(folders, io)
  await model.waitForRequest(isFor('a'))
  await kill(first, 'SIGKILL')
  assert.equal(model.inFlight(), 1)
  assert.equal((await batch(folders, io)).code, 0)
  assert.equal(requestCount(model, 'a'), 1)
})

test('Ctrl-C cancels the runs in progress; the next invocation requests them again', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a'), line('b', hangsOnce), line('c')])
  const first = startBatch(folders, [...io, '-c', '1'])
  await model.waitForRequest(isFor('b'))
  const aborted = model.waitForAbort(isFor('b'))
  const stderr = await kill(first, 'SIGINT')
  assert.match(stderr, /1 line in .*: 1 succeeded, 0 failed/)
  assert.match(stderr, /run the same command again to resume\n$/)
  await aborted
  assert.deepEqual(Object.keys(answersById(folders)), ['a'])
  const second = await batch(folders, io)
  assert.equal(second.code, 0, second.stderr)
  assert.deepEqual(
    ['a', 'b', 'c'].map((tag) => requestCount(model, tag)),
    [1, 2, 1],
  )
  assert.ok(allSucceeded(answersById(folders)))
})

// What the batch does then is in policy.test.ts too.
extendedTest('a server restart is waited for', { timeout: 60_000 }, async (t) => {
  const folders = makeFolders(t)
  const upstream = await startUpstream()
  t.after(() => upstream.close())
  const first = await startTestServer(t, { folders, upstream })
  writeInput(folders, [line('a'), line('b', hangsOnce), line('c')])
  const { ended } = startBatch(folders, [...io, '-c', '1'])
  await upstream.waitForRequest(isFor('b'))
  await first.close(0)
  // It listens on another port.
  await startTestServer(t, { folders, upstream })
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
  assert.match(stderr, /waiting for the server to come back/)
  assert.deepEqual(
    ['a', 'b', 'c'].map((tag) => requestCount(upstream, tag)),
    [1, 2, 1],
  )
  assert.ok(allSucceeded(answersById(folders)))
})

extendedTest('an answer that was cut off in the file is repaired', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(folders, [line('a'), line('b'), line('c')])
  assert.equal((await batch(folders, [...io, '-c', '1'])).code, 0)
  const output = outputOf(folders)
  const whole = readFileSync(output)
  for (const cut of [1, 2, 300, whole.length - whole.lastIndexOf('\n', whole.length - 2) - 3]) {
    writeFileSync(output, whole)
    truncateSync(output, whole.length - cut)
    const { code, stdout } = await batch(folders, [...io, '--json'])
    assert.deepEqual([code, JSON.parse(stdout).succeeded_earlier], [0, cut === 1 ? 3 : 2], `${cut} bytes less`)
    assert.deepEqual(Object.keys(answersById(folders)).toSorted(), ['a', 'b', 'c'])
  }
})

test('failed lines are skipped until --retry-failed', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a'), line('b', failsOnce)])
  const first = await batch(folders, io)
  assert.equal(first.code, 1)
  assert.match(first.stderr, /--retry-failed retries failed lines/)
  const second = await batch(folders, [...io, '--json'])
  assert.deepEqual([second.code, JSON.parse(second.stdout).failed_earlier, requestCount(model, 'b')], [1, 1, 1])
  const third = await batch(folders, [...io, '--retry-failed'])
  assert.equal(third.code, 0, third.stderr)
  assert.deepEqual(
    ['a', 'b'].map((tag) => requestCount(model, tag)),
    [1, 2],
  )
  assert.equal(answersById(folders).b?.status, 'succeeded')
})

extendedTest('--retry-failed after a kill retries lines that failed before it', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a', failsOnce), line('b', hangsOnce)])
  const first = startBatch(folders, [...io, '-c', '1'])
  await model.waitForRequest(isFor('b'))
  await kill(first, 'SIGINT')
  assert.equal((await batch(folders, [...io, '--retry-failed'])).code, 0)
  assert.deepEqual(
    ['a', 'b'].map((tag) => requestCount(model, tag)),
    [2, 2],
  )
})

test('a changed request is detected, and answered again only with --redo-changed', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a'), line('b')])
  assert.equal((await batch(folders, io)).code, 0)
  // Another order of the fields is not a change.
  writeInput(folders, [
    { ...light, prompt: prompt('a'), id: 'a' },
    { ...line('new'), id: 'b' },
  ])
  const second = await batch(folders, io)
  assert.equal(second.code, 1)
  assert.match(
    second.stderr,
    /1 line answered earlier, but the request has changed since \(the first is line 2, id "b"\)/,
  )
  assert.equal(requestCount(model, 'new'), 0)
  const third = await batch(folders, [...io, '--redo-changed'])
  assert.equal(third.code, 0, third.stderr)
  assert.equal(answersById(folders).b?.response?.result, 'answer to new')
  assert.deepEqual(
    ['a', 'b', 'new'].map((tag) => requestCount(model, tag)),
    [1, 1, 1],
  )
})

extendedTest('a failed line that has been fixed is run without --retry-failed', { timeout: 60_000 }, async () => {
  const { folders } = shared()
  writeInput(folders, [Buffer.from('{"id": "a",'), { id: 'b', promt: 'hi', ...light }])
  assert.equal((await batch(folders, io)).code, 1)
  writeInput(folders, [line('a'), line('b')])
  const { code, stderr } = await batch(folders, io)
  assert.equal(code, 0, stderr)
  assert.deepEqual(Object.keys(answersById(folders)).toSorted(), ['a', 'b'])
})

extendedTest('a deleted output is started again, with new runs', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a'), line('b', hangsOnce)])
  const first = startBatch(folders, [...io, '-c', '1'])
  await model.waitForRequest(isFor('b'))
  await kill(first, 'SIGINT')
  unlinkSync(outputOf(folders))
  assert.ok(existsSync(`${outputOf(folders)}.batch`))
  assert.equal((await batch(folders, io)).code, 0)
  assert.equal(requestCount(model, 'a'), 2)
})

extendedTest('two outputs of one input are independent', { timeout: 60_000 }, async () => {
  const { folders, model } = shared()
  writeInput(folders, [line('a')])
  await batch(folders, io)
  await batch(folders, ['in.jsonl', '-o', 'other.jsonl'])
  assert.equal(requestCount(model, 'a'), 2)
  copyFileSync(outputOf(folders), outputOf(folders, 'third.jsonl'))
  await batch(folders, ['in.jsonl', '-o', 'third.jsonl'])
  assert.equal(requestCount(model, 'a'), 2)
  assert.equal(readOutput(folders, 'third.jsonl').length, 1)
})
