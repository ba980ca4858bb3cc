// The part of the Store suite about batches and files. The rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemEnd, ItemOutcome, NewBatch, StoredFile } from '../../src/core/batches/batches.ts'
import { resultLines } from '../../src/core/batches/result-lines.ts'
import type { Store } from '../../src/core/store.ts'
import { settle } from '../helpers/hand-clock.ts'
import { noonMs, type OpenStore } from './store-records.ts'

const newBatch = (id: string, owner: string | null = null, api = 'one'): NewBatch => ({
  ...{ id, api, owner, details: { note: 'wörd 🦉' } },
  ...{ createdAtMs: noonMs, expiresAtMs: noonMs + 1000 },
})

const items = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    position: from + index,
    customId: `item-${from + index}`,
    request: { ask: `wörd \ud800 ${from + index}`, list: [1, null] },
  }))

const end = (position: number, outcome: ItemEnd['outcome'] = 'succeeded'): ItemEnd => ({
  ...{ position, outcome, line: JSON.stringify({ answer: `🦉${position}` }) },
})

const all = ['succeeded', 'errored', 'canceled', 'expired'] as const

const file = (id: string, fields: Partial<StoredFile> = {}): StoredFile => ({
  ...{ id, owner: null, name: 'wörds.jsonl', purpose: 'batch', bytes: 0, lines: null },
  ...{ createdAtMs: noonMs, expiresAtMs: null, ...fields },
})

/** Deletes the file whose content is these lines of b1. */
async function deleteResults(store: Store, outcomes: readonly ItemOutcome[]): Promise<void> {
  await store.createFile(file('results', { lines: { batchId: 'b1', outcomes: [...outcomes] } }))
  await store.deleteFile('results')
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  return Buffer.concat(parts).toString()
}

export function describeBatches(open: OpenStore): void {
  test('a batch and its items are read as they were stored, also after a restart', async (t) => {
    const { store, reopen } = await open(t)
    await store.createBatch(newBatch('b1', 'key_1'))
    await store.addBatchItems('b1', items(0, 2))
    await store.addBatchItems('b1', items(2, 3))
    await store.updateBatch('b1', { status: 'in_progress' })
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.batch('b1'), {
        ...newBatch('b1', 'key_1'),
        ...{ status: 'in_progress', total: 3, counts: { succeeded: 0, errored: 0, canceled: 0, expired: 0 } },
        ...{ cancelledAtMs: null, endedAtMs: null },
      })
      assert.deepEqual(await opened.pendingItems('b1', -1, 2), items(0, 2))
      assert.deepEqual(await opened.pendingItems('b1', 1, 2), items(2, 3))
      assert.equal(await opened.batch('b2'), null)
    }
  })

  test('large items are read a few at a time, and all of them', async (t) => {
    const { store } = await open(t)
    await store.createBatch(newBatch('b1'))
    const text = 'ö'.repeat(200_000)
    const large = items(0, 12).map((item) => ({ ...item, request: { text } }))
    await store.addBatchItems('b1', large)
    const page = await store.pendingItems('b1', -1, 12)
    assert.deepEqual(page, large.slice(0, page.length))
    assert.ok(page.length > 0 && page.length < 12, `${page.length} of 12, 400 KB each`)
    const heads = await store.pendingHeads('b1', 3, 12)
    assert.deepEqual(
      heads,
      large.slice(4).map(({ position, customId }) => ({ position, customId })),
    )
    await store.endItems(
      'b1',
      large.map(({ position }) => ({ position, outcome: 'succeeded', line: text })),
    )
    const lines = await store.itemLines('b1', { outcomes: all, after: -1, limit: 12 })
    assert.ok(lines.length > 0 && lines.length < 12, `${lines.length} lines`)
    const bytes = 12 * (2 * text.length + 1)
    assert.equal(Buffer.byteLength(await collect(resultLines(store, 'b1', all))), bytes)
    assert.equal(await store.lineBytes('b1', all), bytes)
    await deleteResults(store, all)
    assert.equal(await collect(resultLines(store, 'b1', all)), '')
    await store.deleteBatch('b1')
    assert.equal(await store.batch('b1'), null)
  })

  test('an item ends once; its line is read in order, by outcome and page by page', async (t) => {
    const { store, reopen } = await open(t)
    await store.createBatch(newBatch('b1'))
    await store.addBatchItems('b1', items(0, 100))
    await store.createBatch(newBatch('b2'))
    await store.addBatchItems('b2', items(0, 1))
    await store.endItems('b1', [end(2, 'errored'), end(0)])
    await store.endItems('b1', [{ ...end(0, 'canceled'), line: 'later' }, end(1, 'expired')])
    await store.endItems('b2', [end(0)])
    const opened = await reopen()
    assert.deepEqual((await opened.batch('b1'))?.counts, { succeeded: 1, errored: 1, canceled: 0, expired: 1 })
    assert.deepEqual(
      (await opened.pendingItems('b1', -1, 1)).map(({ position }) => position),
      [3],
    )
    const lines = (...positions: number[]) => positions.map((position) => `${end(position).line}\n`).join('')
    assert.equal(await collect(resultLines(opened, 'b1', all)), lines(0, 1, 2))
    assert.equal(await collect(resultLines(opened, 'b1', ['errored', 'expired'])), lines(1, 2))
    assert.equal(await opened.lineBytes('b1', ['errored', 'expired']), Buffer.byteLength(lines(1, 2)))
    assert.equal(await opened.lineBytes('b1', ['canceled']), 0)
    await opened.endItems(
      'b1',
      items(3, 100).map(({ position }) => end(position)),
    )
    assert.equal(await collect(resultLines(opened, 'b1', all)), lines(...items(0, 100).map(({ position }) => position)))
  })

  test('batches are listed newest first, in both directions, for one API and one owner', async (t) => {
    const { store } = await open(t)
    for (const id of ['b1', 'b2', 'b3', 'b4']) {
      await store.createBatch(newBatch(id, id === 'b3' ? 'key_1' : null))
      await store.updateBatch(id, { status: id === 'b1' ? 'ended' : 'in_progress' })
    }
    await store.createBatch(newBatch('other', null, 'two'))
    await store.updateBatch('other', { status: 'in_progress' })
    await store.createBatch(newBatch('hidden'))
    const list = async (query: object) => (await store.batches({ api: 'one', limit: 10, ...query })).map(({ id }) => id)
    assert.deepEqual(await list({}), ['b4', 'b3', 'b2', 'b1'])
    assert.deepEqual(await list({ limit: 2 }), ['b4', 'b3'])
    assert.deepEqual(await list({ after: 'b3' }), ['b2', 'b1'])
    assert.deepEqual(await list({ before: 'b2', limit: 1 }), ['b3'])
    assert.deepEqual(await list({ before: 'b1' }), ['b4', 'b3', 'b2'])
    assert.deepEqual(await list({ after: 'no-such' }), [])
    assert.deepEqual(await list({ owner: 'key_1' }), ['b3'])
    assert.deepEqual(await list({ owner: null }), ['b4', 'b2', 'b1'])
    assert.deepEqual(
      (await store.unfinishedBatches()).map(({ id, status }) => [id, status]),
      [...['b2', 'b3', 'b4', 'other'].map((id) => [id, 'in_progress']), ['hidden', 'preparing']],
    )
  })

  test('a batch is changed, and deleted with its items', async (t) => {
    const { store, reopen } = await open(t)
    await store.createBatch(newBatch('b1'))
    await store.addBatchItems('b1', items(0, 1200))
    const patch = { status: 'ended', details: { other: 1 }, cancelledAtMs: noonMs + 1, endedAtMs: noonMs + 2 } as const
    await store.updateBatch('b1', patch)
    const changed = await store.batch('b1')
    assert.deepEqual({ ...changed, ...patch }, changed)
    await store.deleteBatch('b1')
    const opened = await reopen()
    assert.equal(await opened.batch('b1'), null)
    // One with the same id has none of its items.
    await opened.createBatch(newBatch('b1'))
    assert.deepEqual(await opened.pendingItems('b1', -1, 10), [])
  })

  test('however many results are read, others get their turn meanwhile', async (t) => {
    const { store } = await open(t)
    await store.createBatch(newBatch('b1'))
    await store.addBatchItems('b1', items(0, 320))
    await store.endItems(
      'b1',
      items(0, 320).map(({ position }) => end(position)),
    )
    let turns = 0
    let next = setImmediate(function count() {
      turns++
      next = setImmediate(count)
    })
    await collect(resultLines(store, 'b1', all))
    clearImmediate(next)
    assert.ok(turns >= 10, `${turns} turns`)
  })

  test('results that are deleted while they are read do not end as if they were whole', async (t) => {
    const { store } = await open(t)
    for (const remove of [() => store.deleteBatch('b1'), () => deleteResults(store, all)]) {
      await store.createBatch(newBatch('b1'))
      await store.addBatchItems('b1', items(0, 100))
      await store.endItems(
        'b1',
        items(0, 100).map(({ position }) => end(position)),
      )
      const pieces = resultLines(store, 'b1', all)
      assert.equal((await pieces.next()).done, false)
      await remove()
      await assert.rejects(collect(pieces), { code: 'not_found' })
      await store.deleteBatch('b1')
    }
  })

  test('a file is found once it is complete, and has the bytes that it was sent', async (t) => {
    const { store, reopen } = await open(t)
    const bytes = Buffer.from('{"a": "wörd 🦉"}\n')
    await store.createFile(file('f1', { owner: 'key_1', purpose: '' }))
    for (const half of [bytes.subarray(0, 9), bytes.subarray(9)]) await store.addFileBytes('f1', half)
    assert.equal(await store.file('f1'), null)
    await store.completeFile('f1', { purpose: 'batch', expiresAtMs: noonMs + 5 })
    await store.createFile(file('f2'))
    await store.addFileBytes('f2', bytes)
    const opened = await reopen()
    assert.deepEqual(
      await opened.file('f1'),
      file('f1', { owner: 'key_1', bytes: bytes.length, expiresAtMs: noonMs + 5 }),
    )
    const pieces = await opened.filePieces('f1', 0, 10)
    assert.deepEqual(Buffer.concat(pieces.map((piece) => piece.bytes)), bytes)
    assert.deepEqual(
      pieces.map(({ number }) => number),
      [1, 2],
    )
    assert.deepEqual(
      (await opened.filePieces('f1', 1, 10)).map(({ number }) => number),
      [2],
    )
    await opened.deleteIncompleteFiles()
    await opened.completeFile('f2', { purpose: 'batch', expiresAtMs: null })
    assert.equal(await opened.file('f2'), null)
    await opened.deleteFile('f1')
    assert.equal(await opened.file('f1'), null)
    assert.deepEqual(await opened.filePieces('f1', 0, 10), [])
  })

  test('nobody finds a file whose bytes are being deleted, and what is left of it goes as if it were incomplete', async (t) => {
    const { store } = await open(t)
    await store.createFile(file('f1'))
    for (let piece = 0; piece < 20; piece++) await store.addFileBytes('f1', Buffer.from('piece'))
    await store.completeFile('f1', { purpose: 'batch', expiresAtMs: null })
    const isDeleted = store.deleteFile('f1')
    for (;;) {
      const [found, pieces] = await Promise.all([store.file('f1'), store.filePieces('f1', 0, 20)])
      if (found === null) break
      assert.equal(pieces.length, 20)
      await settle()
    }
    await store.deleteIncompleteFiles()
    assert.deepEqual(await store.filePieces('f1', 0, 20), [])
    await isDeleted
  })

  test('files are listed in both orders, for one owner and one purpose; results of a batch are complete files', async (t) => {
    const { store } = await open(t)
    const lines = { batchId: 'b1', outcomes: ['succeeded' as const] }
    await store.createFile(file('f1', { purpose: 'batch_output', lines, bytes: 12 }))
    await store.createFile(file('f1', { name: 'again' }))
    for (const id of ['f2', 'f3']) {
      await store.createFile(file(id, { owner: id === 'f3' ? 'key_1' : null }))
      await store.completeFile(id, { purpose: 'batch', expiresAtMs: null })
    }
    await store.createFile(file('f4'))
    assert.deepEqual(await store.file('f1'), file('f1', { purpose: 'batch_output', lines, bytes: 12 }))
    const list = async (query: object) =>
      (await store.files({ limit: 10, order: 'desc', ...query })).map(({ id }) => id)
    assert.deepEqual(await list({}), ['f3', 'f2', 'f1'])
    assert.deepEqual(await list({ order: 'asc', limit: 2 }), ['f1', 'f2'])
    assert.deepEqual(await list({ order: 'asc', after: 'f1' }), ['f2', 'f3'])
    assert.deepEqual(await list({ after: 'f2' }), ['f1'])
    assert.deepEqual(await list({ owner: 'key_1' }), ['f3'])
    assert.deepEqual(await list({ purpose: 'batch_output' }), ['f1'])
  })

  test('erased lines are gone, the others and the counts stay', async (t) => {
    const { store } = await open(t)
    await store.createBatch(newBatch('b1'))
    await store.addBatchItems('b1', items(0, 3))
    await store.endItems('b1', [end(0), end(1, 'errored'), end(2)])
    await deleteResults(store, ['succeeded'])
    assert.equal(await collect(resultLines(store, 'b1', all)), `${end(1).line}\n`)
    assert.equal((await store.batch('b1'))?.counts.succeeded, 2)
  })

  test('what is left of results whose file was being deleted goes as well, and those of a file that has expired', async (t) => {
    const { store } = await open(t)
    await store.createBatch(newBatch('b1'))
    await store.addBatchItems('b1', items(0, 2))
    await store.endItems('b1', [end(0), end(1, 'errored')])
    const lines = (outcome: ItemOutcome) => ({ lines: { batchId: 'b1', outcomes: [outcome] } })
    await store.createFile(file('f1', lines('succeeded')))
    const isDeleted = store.deleteFile('f1')
    while ((await store.file('f1')) !== null) await settle()
    await store.deleteIncompleteFiles()
    assert.equal(await store.lineBytes('b1', ['succeeded']), 0)
    await isDeleted
    await store.createFile(file('f2', { ...lines('errored'), expiresAtMs: noonMs }))
    await store.prune({ endedBeforeMs: 0, bytesMax: 1e9, nowMs: noonMs })
    assert.equal(await store.file('f2'), null)
    assert.equal(await store.lineBytes('b1', ['errored']), 0)
  })

  test('expired files and batches that ended 30 days ago are pruned, and nothing else', async (t) => {
    const { store } = await open(t)
    const dayMs = 86_400_000
    for (const [id, endedAtMs] of [
      ['old', noonMs - 30 * dayMs],
      ['new', noonMs - 29 * dayMs],
      ['open', null],
    ] as const) {
      await store.createBatch({ ...newBatch(id), createdAtMs: noonMs - 60 * dayMs })
      await store.addBatchItems(id, items(0, 1100))
      await store.updateBatch(id, { status: endedAtMs === null ? 'in_progress' : 'ended', endedAtMs })
    }
    for (const [id, expiresAtMs] of [
      ['f1', noonMs],
      ['f2', noonMs + 1],
      ['f3', null],
    ] as const) {
      await store.createFile(file(id))
      for (let piece = 0; piece < 10; piece++) await store.addFileBytes(id, Buffer.from('x'))
      await store.completeFile(id, { purpose: 'batch', expiresAtMs })
    }
    await store.prune({ endedBeforeMs: 0, bytesMax: 1e9, nowMs: noonMs })
    const found = await Promise.all(['old', 'new', 'open'].map(async (id) => (await store.batch(id))?.id))
    assert.deepEqual(found, [undefined, 'new', 'open'])
    assert.deepEqual(
      (await store.files({ limit: 10, order: 'asc' })).map(({ id }) => id),
      ['f2', 'f3'],
    )
    assert.equal((await store.pendingItems('new', -1, 2000)).length, 1100)
  })
}
