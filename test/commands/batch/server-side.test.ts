// `batch run --server-side` against a real server: its lines are one batch of the server, which goes on without the command. The batches
// themselves are tested in surfaces/openai/batches.test.ts.
import assert from 'node:assert/strict'
import { on, once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { startUpstream, type Upstream } from '../../../src/demo/upstream.ts'
import { ChatReply } from '../../../src/surfaces/native/reply-schemas.ts'
import { makeFolders, startTestServer } from '../../helpers/test-server.ts'
import { run } from '../command-process.ts'
import {
  answersById,
  batch,
  batchProcess,
  isFor,
  line,
  outputOf,
  prompt,
  readOutput,
  requestCount,
  startBatch,
  writeInput,
} from './process.ts'

const io = ['in.jsonl', '-o', 'out.jsonl', '--server-side']

/** A way to the model on which requests wait, from when they are told to until they may pass. */
async function startGate(t: TestContext, { port }: Pick<Upstream, 'port'>) {
  let [isWaiting, reached] = [(_: { raw: string }): boolean => false, Promise.withResolvers<void>()]
  let opened = Promise.withResolvers<void>()
  const gate = createServer(async (received, reply) => {
    const raw = await text(received)
    if (isWaiting({ raw })) {
      reached.resolve()
      await opened.promise
    }
    const { method, url: path, headers } = received
    const sent = request({ port, method, path, headers, agent: false }, (answered) => {
      reply.writeHead(answered.statusCode ?? 0, answered.headers)
      answered.pipe(reply)
    })
    reply.once('close', () => sent.destroy())
    sent.once('error', () => reply.destroy())
    sent.end(raw)
  }).listen(0, '127.0.0.1')
  await once(gate, 'listening')
  t.after(() => {
    opened.resolve()
    gate.close()
    gate.closeAllConnections()
  })
  /** Settles when the first of them is there. */
  const hold = (isHeld: typeof isWaiting): Promise<void> => {
    isWaiting = isHeld
    reached = Promise.withResolvers()
    opened = Promise.withResolvers()
    return reached.promise
  }
  return { url: `http://127.0.0.1:${(gate.address() as AddressInfo).port}`, hold, release: () => opened.resolve() }
}

async function setUp(t: TestContext) {
  const folders = makeFolders(t)
  const upstream = await startUpstream()
  t.after(() => upstream.close())
  const gate = await startGate(t, upstream)
  const environment = { ANTHROPIC_BASE_URL: gate.url }
  const server = await startTestServer(t, { folders, upstream, environment, config: { batchConcurrency: 1 } })
  return { folders, server, upstream, gate }
}

type List = { data: { id: string; status: string }[] }

const list = async ({ url }: { url: string }, path: 'batches' | 'files') =>
  ((await (await fetch(`${url}/v1/${path}`)).json()) as List).data

/** The id, once the command has printed it. */
async function batchIdOf({ child }: ReturnType<typeof startBatch>): Promise<string> {
  let printed = ''
  for await (const [chunk] of on(child.stderr ?? assert.fail(), 'data')) {
    printed += chunk
    const [id] = /batch_[0-9a-f]{32}/.exec(printed) ?? []
    if (id !== undefined) return id
  }
  return assert.fail(printed)
}

test('the lines are answered by a batch of the server, of which nothing is left', { timeout: 60_000 }, async (t) => {
  const { folders, server, upstream } = await setUp(t)
  writeInput(folders, [
    { ...line('a.b'), metadata: { own: 'yes' }, background: true },
    prompt('plain text'),
    Buffer.from('{"prompt": "cut'),
    { id: 'typo', promt: 'hi', prompt: 'hi' },
  ])
  const { code, stdout, stderr } = await batch(folders, [...io, '--json', '--defaults', '{"max_turns": 3}'])
  assert.equal(code, 1, stderr)
  assert.match(stderr, /the server works on batch_[0-9a-f]{32}; if you interrupt this command, run it again/)
  const { duration_ms: _, cost_usd: cost, output: __, ...counts } = JSON.parse(stdout)
  const none = { succeeded_earlier: 0, failed_earlier: 0, changed: 0 }
  assert.deepEqual(counts, { complete: true, succeeded: 2, failed: 2, ...none })
  assert.ok(cost > 0)
  const answers = answersById(folders)
  assert.deepEqual(
    Object.entries(answers)
      .toSorted(([, a], [, b]) => a.line - b.line)
      .map(([id, { line, status, attempt, error }]) => [id, line, status, attempt, error]),
    [
      ['a.b', 1, 'succeeded', 0, null],
      ['2', 2, 'succeeded', 0, null],
      [
        'line 3',
        3,
        'failed',
        0,
        { code: 'invalid_line', message: 'the line is not JSON: error at character 16', status: null },
      ],
      [
        'typo',
        4,
        'failed',
        0,
        { code: 'invalid_request', message: 'promt is not a field of this request; did you mean prompt?', status: 400 },
      ],
    ],
  )
  const reply = ChatReply.parse(answers['a.b']?.response)
  assert.deepEqual([reply.result, reply.run_id], ['answer to a.b', answers['a.b']?.run_id])
  assert.deepEqual(await list(server, 'files'), [], 'neither the lines nor the answers are left at the server')
  const { sessions } = (await (await fetch(`${server.url}/v1/sessions`)).json()) as { sessions: unknown[] }
  assert.deepEqual(sessions, [], 'nor conversations')
  assert.ok(!existsSync(`${outputOf(folders)}.batch`), 'and no file beside the output')

  const again = await batch(folders, [...io, '--defaults', '{"max_turns": 3}'])
  assert.match(again.stderr, /0 lines in .*\n.*2 lines answered earlier\n/s)
  assert.equal((await list(server, 'batches')).length, 1, 'nothing was left to send')
  for (const tag of ['a.b', 'plain text']) assert.equal(requestCount(upstream, tag), 1)
})

test('failed lines are sent again on request only', { timeout: 60_000 }, async (t) => {
  const { folders, upstream } = await setUp(t)
  writeInput(folders, [line('fails', { status: 402, times: 1 }), line('works')])
  assert.equal((await batch(folders, io)).code, 1)
  assert.equal(answersById(folders).fails?.error?.code, 'claude_failed')
  assert.equal((await batch(folders, io)).code, 1)
  assert.equal(requestCount(upstream, 'fails'), 1)
  const { code, stderr } = await batch(folders, [...io, '--retry-failed'])
  assert.equal(code, 0, stderr)
  const { fails } = answersById(folders)
  assert.deepEqual([fails?.response?.result, fails?.attempt], ['answer to fails', 1])
  assert.equal(requestCount(upstream, 'works'), 1)
})

test('the batch goes on when the command is killed, and its answers are collected by the next one, though the input has changed', {
  timeout: 60_000,
}, async (t) => {
  const { folders, server, upstream, gate } = await setUp(t)
  writeInput(folders, [line('a'), line('b'), line('changed')])
  const reached = gate.hold(isFor('b'))
  const first = startBatch(folders, io)
  await reached
  first.child.kill('SIGKILL')
  await first.ended
  assert.deepEqual(readOutput(folders), [])
  gate.release()
  writeInput(folders, [line('new'), line('a'), line('b'), line('changed', { text: 'other words' })])
  const second = await batch(folders, io)
  assert.equal(second.code, 1, second.stderr)
  assert.match(second.stderr, /1 line answered earlier, but the request has changed since/)
  const answers = answersById(folders)
  assert.deepEqual(Object.keys(answers).toSorted(), ['a', 'b', 'changed', 'new'])
  assert.equal(answers.changed?.response?.result, 'answer to changed')
  for (const tag of ['a', 'b', 'changed', 'new']) assert.equal(requestCount(upstream, tag), 1, tag)
  assert.equal((await list(server, 'batches')).length, 2)
})

test('Ctrl-C leaves the batch to the server; when it is cancelled, what has no answer can be sent again', {
  timeout: 60_000,
}, async (t) => {
  const { folders, server, upstream, gate } = await setUp(t)
  writeInput(folders, [line('a'), line('b')])
  const reached = gate.hold(isFor('a'))
  const first = startBatch(folders, io)
  const [id] = await Promise.all([batchIdOf(first), reached])
  first.child.kill('SIGINT')
  assert.match((await first.ended).stderr, /stopped early; run the same command again to resume\n$/)
  assert.deepEqual(
    (await list(server, 'batches')).map(({ status }) => status),
    ['in_progress'],
  )
  const cancel = await run(folders, ['batch', 'cancel', id])
  assert.deepEqual([cancel.code, cancel.stdout], [0, `cancelling ${id}\n`])
  gate.release()
  const second = await batchProcess(folders, io)
  assert.deepEqual([second.code, Object.keys(answersById(folders))], [1, ['a']])
  assert.match(second.stderr, /was cancelled: run the same command again to send the lines that have no answer\n$/)
  const third = await batchProcess(folders, io)
  assert.equal(third.code, 0, third.stderr)
  assert.deepEqual(Object.keys(answersById(folders)), ['a', 'b'])
  for (const tag of ['a', 'b']) assert.equal(requestCount(upstream, tag), 1, tag)
  const ended = await run(folders, ['batch', 'cancel', id])
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /cannot be cancelled: it is cancelled/)
})

test('the server decides how many lines run at a time', async (t) => {
  const { code, stderr } = await batch(makeFolders(t), [...io, '-c', '2'])
  assert.equal(code, 2)
  assert.match(stderr, /--server-side.* cannot be used with .*--concurrency/)
})
