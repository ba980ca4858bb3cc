// Sealed texts: only the same key opens them, unchanged, and the key outlives the server.
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSealer, sealerIn } from '../../src/compat/sealed-text.ts'
import { makeFolders } from '../helpers/test-server.ts'

const text = 'What was said: äöü \u{1f99c}'

test('a sealed text is opened by the same key only, and sealed the same way each time', () => {
  const [mine, other] = [1, 2].map((fill) => createSealer(Buffer.alloc(32, fill)))
  assert.ok(mine && other)
  const sealed = mine.seal(text)
  assert.equal(mine.open(sealed), text)
  assert.equal(mine.seal(text), sealed)
  assert.notEqual(mine.seal(`${text}.`).slice(0, 20), sealed.slice(0, 20))
  assert.equal(other.open(sealed), null)
  assert.equal(mine.open(mine.seal('')), '')
})

test('a changed, cut or foreign text is not opened, wherever it differs', () => {
  const sealer = createSealer(Buffer.alloc(32, 1))
  const sealed = sealer.seal(text)
  const bytes = Buffer.from(sealed.slice(5), 'base64url')
  for (let index = 0; index < bytes.length; index++) {
    const changed = Buffer.from(bytes)
    changed[index] = (changed[index] ?? 0) ^ 1
    assert.equal(sealer.open(`css1.${changed.toString('base64url')}`), null, String(index))
    assert.equal(sealer.open(`css1.${bytes.subarray(0, index).toString('base64url')}`), null, String(index))
  }
  for (const foreign of ['', 'css1.', text, sealed.slice(5), 'gAAAAABm']) assert.equal(sealer.open(foreign), null)
})

test('the key of a data folder is created once, for its owner only; a damaged one is replaced', (t) => {
  const { root } = makeFolders(t)
  const sealed = sealerIn(root).seal(text)
  assert.equal(sealerIn(root).open(sealed), text)
  const file = join(root, 'seal.key')
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
  writeFileSync(file, readFileSync(file).subarray(0, 7))
  const again = sealerIn(root)
  assert.equal(again.open(sealed), null)
  assert.equal(again.open(again.seal(text)), text)
})
