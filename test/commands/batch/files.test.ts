// The files of a batch as units: splitting bytes into lines, parsing a line, appending and compacting answers, and the claim on the output.
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Answer } from '../../../src/commands/batch/answers.ts'
import { claimOutput } from '../../../src/commands/batch/claim.ts'
import { InputReader } from '../../../src/commands/batch/input.ts'
import { countLines, linesOf } from '../../../src/commands/batch/lines.ts'
import { BatchOutput } from '../../../src/commands/batch/output.ts'
import { describe, Speed, showTime } from '../../../src/commands/batch/progress.ts'
import { newTally } from '../../../src/commands/batch/run.ts'
import { CommandError } from '../../../src/commands/command.ts'
import { makeFolders } from '../../helpers/test-server.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < bytes.length; index += size) yield bytes.subarray(index, index + size)
}

async function allLines(bytes: Buffer, size: number) {
  const lines: { number: number; text: string | undefined; end: number; isWhole: boolean }[] = []
  for await (const { bytes: line, ...rest } of linesOf(inPieces(bytes, size)))
    lines.push({ ...rest, text: line?.toString() })
  return lines
}

test('lines do not depend on how the bytes are split', async () => {
  const texts = ['"ä\u2028€😀"', '', '\r', '  x', 'the last']
  const bytes = Buffer.from(texts.join('\n'))
  for (let size = 1; size <= bytes.length; size++) {
    const lines = await allLines(bytes, size)
    assert.deepEqual(
      lines.map(({ text }) => text),
      texts,
    )
    assert.deepEqual(
      lines.map(({ number, isWhole }) => [number, isWhole]),
      [1, 2, 3, 4, 5].map((number) => [number, number < 5]),
    )
    for (const { text = '', end, isWhole } of lines)
      assert.equal(
        bytes.subarray(end - Buffer.byteLength(text) - (isWhole ? 1 : 0), end).toString(),
        `${text}${isWhole ? '\n' : ''}`,
      )
    assert.equal(await countLines(inPieces(bytes, size)), 3)
  }
  assert.deepEqual(await allLines(Buffer.from('a\n'), 9), [{ number: 1, text: 'a', end: 2, isWhole: true }])
})

const read = (text: string, reader = new InputReader({})) =>
  reader.read({ number: 3, bytes: Buffer.from(text), end: 0, isWhole: true })

test('a line is a request with an id', () => {
  const item = read('\ufeff{"prompt":"hi","id":"a","model":"x"}', new InputReader({ model: 'y', max_turns: 1 }))
  assert.ok(item?.kind === 'item')
  assert.deepEqual(item.request, { max_turns: 1, model: 'x', prompt: 'hi' })
  assert.deepEqual([item.id, item.line, [...item.own]], ['a', 3, ['prompt', 'model']])
  const plain = read('"hi"')
  assert.ok(plain?.kind === 'item')
  assert.deepEqual([plain.id, plain.request], ['3', { prompt: 'hi' }])
  assert.equal(read(' \t\r'), null)
})

test('the hash covers the whole request and nothing else', () => {
  const hash = (text: string, defaults = {}) => read(text, new InputReader(defaults))?.hash
  const plain = hash('{"prompt":"hi","model":"x"}')
  assert.equal(hash('{ "model": "x", "prompt": "hi", "id": 9 }'), plain)
  assert.equal(hash('"hi"', { model: 'x' }), plain)
  for (const other of ['{"prompt":"hi"}', '{"prompt":"hi","model":"y"}', '{"prompt":"hi ","model":"x"}'])
    assert.notEqual(hash(other), plain)
})

test('a request retains fields whose names are special in JavaScript', () => {
  const item = read('{"prompt":"hi","__proto__":{"a":1},"constructor":2}')
  assert.ok(item?.kind === 'item')
  assert.equal(JSON.stringify(item.request), '{"__proto__":{"a":1},"constructor":2,"prompt":"hi"}')
})

const answer = (id: string | null, line: number, fields: Partial<Answer> = {}): Answer => ({
  id,
  line,
  status: 'succeeded',
  run_id: `run_${line}`,
  response: { result: 'ä'.repeat(100) },
  error: null,
  duration_ms: 1,
  request_hash: 'h',
  attempt: 0,
  ...fields,
})

const linesIn = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Answer)

test('answers are on disk when add settles, in the order in which they were added', async (t) => {
  const file = join(makeFolders(t).cwd, 'out.jsonl')
  const output = await BatchOutput.open(file)
  const ids = Array.from({ length: 50 }, (_, index) => String(index))
  const added = ids.map(async (id, index) => {
    await output.add(answer(id, index + 1))
    assert.ok(linesIn(file).some((each) => each.id === id))
  })
  await Promise.all(added)
  await output.close()
  assert.deepEqual(
    linesIn(file).map(({ id }) => id),
    ids,
  )
})

test('the latest answer to an id counts, and is the only one after compacting', async (t) => {
  const file = join(makeFolders(t).cwd, 'out.jsonl')
  const first = await BatchOutput.open(file)
  await first.add(answer('a', 1, { status: 'failed' }))
  await first.add(answer(null, 2, { status: 'failed' }))
  await first.add(answer('c', 3))
  await first.add(answer('a', 1, { attempt: 1 }))
  await first.close()
  // As after a kill before compacting.
  const second = await BatchOutput.open(file)
  assert.deepEqual(second.find({ id: 'a', line: 1 }), { status: 'succeeded', hash: 'h', attempt: 1, row: 4 })
  assert.equal(second.find({ id: '2', line: 2 }), null)
  await second.add(answer('b', 2))
  await second.compact()
  await second.close()
  assert.deepEqual(
    linesIn(file).map(({ id, attempt }) => [id, attempt]),
    [
      ['c', 0],
      ['a', 1],
      ['b', 0],
    ],
  )
})

test('the end of the file is repaired after a killed writer or a power failure', async (t) => {
  const file = join(makeFolders(t).cwd, 'out.jsonl')
  const whole = JSON.stringify(answer('a', 1))
  const rows: [left: string, known: number][] = [
    [`${whole}\n{"i`, 1],
    [`${whole}\n${whole.slice(0, -1)}`, 1],
    [`${whole}\n\u0000\u0000`, 1],
    [`${whole}\n{"id":"b",\u0000\u0000`, 1],
    [whole, 1],
    [`${whole}\n\n`, 1],
    ['{', 0],
    ['', 0],
  ]
  for (const [left, known] of rows) {
    writeFileSync(file, left)
    const output = await BatchOutput.open(file)
    assert.equal(output.find({ id: 'a', line: 1 }) === null ? 0 : 1, known, left)
    await output.add(answer('b', 2))
    await output.compact()
    await output.close()
    const text = readFileSync(file, 'utf8').replace('\n\n', '\n')
    assert.equal(text, `${known === 1 ? `${whole}\n` : ''}${JSON.stringify(answer('b', 2))}\n`)
  }
})

test('after a failed write nothing more is written', async (t) => {
  const file = join(makeFolders(t).cwd, 'out.jsonl')
  const output = await BatchOutput.open(file)
  await output.add(answer('a', 1))
  await output.close()
  for (const id of ['b', 'c']) await assert.rejects(output.add(answer(id, 2)), CommandError)
  assert.equal(linesIn(file).length, 1)
})

test('an output has one writer, and one batch id until it is complete', async (t) => {
  const file = join(makeFolders(t).cwd, 'out.jsonl')
  const first = await claimOutput(file)
  writeFileSync(file, '')
  await assert.rejects(claimOutput(file), /another batch is writing/)
  const claim = `${file}.batch`
  // As if its process were gone.
  const endProcess = () =>
    writeFileSync(claim, readFileSync(claim, 'utf8').replace(/"process":"\d+-/, '"process":"999999999-'))
  endProcess()
  const second = await claimOutput(file)
  assert.equal(second.batch, first.batch)
  await second.abandon()
  assert.match(readFileSync(claim, 'utf8'), /batch_/)
  endProcess()
  appendFileSync(claim, 'x')
  const third = await claimOutput(file)
  assert.notEqual(third.batch, first.batch)
  await third.complete()
  assert.notEqual((await claimOutput(file)).batch, third.batch)
})

test('progress shows how far, how fast and how long', () => {
  const tally = { ...newTally(), succeeded: 40, failed: 2, succeededEarlier: 8, costUsd: 1.5 }
  assert.equal(describe(tally, null, null), '50/?, 2 failed, $1.50')
  assert.equal(describe(tally, 0.5, 110), '50/110, 2 failed, $1.50, 30.0/min, 2 min 0 s left')
  assert.equal(describe(tally, 2, 110), '50/110, 2 failed, $1.50, 2.0/s, 30 s left')
  assert.deepEqual([0.4, 59.6, 3599, 7260].map(showTime), ['0 s', '1 min 0 s', '59 min 59 s', '2 h 1 min'])
  const speed = new Speed()
  assert.equal(speed.get(0), null)
  for (let index = 0; index < 1000; index++) speed.note(index < 500 ? index : 500 + (index - 500) * 100)
  assert.equal(speed.get(50_400), 10)
})
