// The documents that are generated from the code match it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { refreshDocuments } from '../scripts/documents.ts'

test('the generated parts of the documents are up to date', async () => {
  const stale = await refreshDocuments(join(import.meta.dirname, '..'), false)
  assert.deepEqual(stale, [], 'run `npm run docs`')
})
