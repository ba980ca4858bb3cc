// Files that are read while they are deleted, with a store that deletes between two pieces.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { contentOf } from '../../../src/surfaces/openai/files/content.ts'

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
