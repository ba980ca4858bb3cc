// Sealed texts: only the same key opens them, unchanged, and the key outlives the server.
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSealers, sealersIn } from '../../src/compat/sealed-text.ts'
import { makeFolders } from '../helpers/test-server.ts'

const text = 'What was said: äöü \u{1f99c}'

test('a sealed text is opened by the same key only, and sealed the same way each time', () => {
  const [mine, other] = [1, 2].map((fill) => createSealers(Buffer.alloc(32, fill)).for('key_1'))
  assert.ok(mine && other)
  const sealed = mine.seal(text)
  assert.equal(mine.open(sealed), text)
  assert.equal(mine.seal(text), sealed)
  assert.notEqual(mine.seal(`${text}.`).slice(0, 20), sealed.slice(0, 20))
  assert.equal(other.open(sealed), null)
  assert.equal(mine.open(mine.seal('')), '')
})

test('a sealed text belongs to its owner: nobody else opens it, but who may open all', () => {
  const sealers = createSealers(Buffer.alloc(32, 1))
  const owners = ['key_1', 'key_2', 'key_12', null]
  const sealed = owners.map((owner) => sealers.for(owner).seal(text))
  assert.equal(new Set(sealed).size, owners.length)
  for (const [index, each] of sealed.entries()) {
    const opened = owners.map((owner) => sealers.for(owner).open(each))
    assert.deepEqual(
      opened,
      owners.map((_, other) => (other === index ? text : null)),
    )
    assert.equal(sealers.for('key_9', { opensAll: true }).open(each), text)
  }
})

test('a text cannot be given to another owner by changing the name on it', () => {
  const sealers = createSealers(Buffer.alloc(32, 1))
  const bytes = Buffer.from(sealers.for('key_1').seal(text).slice(5), 'base64url')
  const renamed = Buffer.from(bytes)
  renamed.write('key_2', 1)
  const nameless = Buffer.concat([Buffer.of(0), bytes.subarray(6)])
  for (const changed of [renamed, nameless]) {
    for (const owner of ['key_2', null]) {
      assert.equal(sealers.for(owner, { opensAll: true }).open(`css1.${changed.toString('base64url')}`), null)
    }
  }
})

test('a changed, cut or foreign text is not opened, wherever it differs', () => {
  const sealer = createSealers(Buffer.alloc(32, 1)).for('key_1')
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
  const sealed = sealersIn(root).for(null).seal(text)
  assert.equal(sealersIn(root).for(null).open(sealed), text)
  const file = join(root, 'seal.key')
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
  writeFileSync(file, readFileSync(file).subarray(0, 7))
  const again = sealersIn(root).for(null)
  assert.equal(again.open(sealed), null)
  assert.equal(again.open(again.seal(text)), text)
})
