// Files that are read while other things happen: they are deleted, or somebody else has to be answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { contentOf, linesOf } from '../../../src/surfaces/openai/files/content.ts'

test('a file that is deleted while it is read does not end as if it were whole', async () => {
  const store = openMemoryStore()
  const file = { id: 'f1', owner: null, name: 'a', purpose: 'batch', lines: null, createdAtMs: 0, expiresAtMs: null }
  await store.createFile({ ...file, bytes: 0 })
  for (const piece of ['one', 'two']) await store.addFileBytes('f1', Buffer.from(piece))
  await store.completeFile('f1', file)
  const pieces = contentOf(store, { ...file, bytes: 6 })
  assert.deepEqual((await pieces.next()).value, new Uint8Array(Buffer.from('one')))
  await store.deleteFile('f1')
  await assert.rejects(pieces.next(), { code: 'not_found' })
})

test('however many pieces and lines a file has, others get their turn while it is read', async () => {
  const store = openMemoryStore()
  const file = { id: 'f1', owner: null, name: 'a', purpose: 'batch', lines: null, createdAtMs: 0, expiresAtMs: null }
  await store.createFile({ ...file, bytes: 0 })
  for (let piece = 0; piece < 10; piece++) await store.addFileBytes('f1', Buffer.alloc(1000, '\n \r\n'))
  await store.addFileBytes('f1', Buffer.from('the only line\n'))
  await store.completeFile('f1', file)
  let turns = 0
  let next = setImmediate(function count() {
    turns++
    next = setImmediate(count)
  })
  const found: [number, string][] = []
  for await (const { number, bytes } of linesOf(contentOf(store, { ...file, bytes: 10_014 })))
    found.push([number, Buffer.from(bytes ?? []).toString()])
  clearImmediate(next)
  assert.deepEqual(found, [[5001, 'the only line']])
  assert.ok(turns >= 10, `${turns} turns`)
})
