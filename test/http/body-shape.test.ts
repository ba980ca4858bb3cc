// The limits on the structure of a body: that the scan of its text agrees with the check of what was parsed.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import fc from 'fast-check'
import { ScannedBody, ShapeScan, shapeError } from '../../src/http/validate.ts'

/** The text in pieces that end anywhere, also within a character. */
function scan(text: string, pieceBytes = 7): string | null {
  const [scanning, bytes] = [new ShapeScan(), Buffer.from(text)]
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    const problem = scanning.add(bytes.subarray(start, start + pieceBytes))
    if (problem !== null) return problem
  }
  return null
}

const nested = (depth: number, inner = '1') => `${'{"a":['.repeat(depth / 2)}${inner}${']}'.repeat(depth / 2)}`
const listOf = (count: number, entry: string) => `[${Array(count).fill(entry).join(',')}]`

test('a body that is too deep, too wide or too large is found, and one at the limit is not', () => {
  const fine = [nested(64), nested(64, ''), listOf(10_000, '1'), listOf(10_000, '{}'), listOf(50, listOf(9_999, '[]'))]
  for (const text of fine) {
    assert.equal(shapeError(JSON.parse(text)), null)
    assert.equal(scan(text), null)
  }
  for (const [text, problem] of [
    [nested(66), /more than 64 levels deep/],
    [listOf(10_001, '1'), /more than 10000 entries/],
    [`{"a":${listOf(10_001, '"x,y"')}}`, /more than 10000 entries/],
    [listOf(51, listOf(10_000, '{}')), /more than 500000 values/],
  ] as const) {
    assert.match(shapeError(JSON.parse(text)) ?? '', problem)
    assert.match(scan(text) ?? '', problem)
  }
})

test('nothing inside a text counts', () => {
  const commas = ','.repeat(20_000)
  for (const text of [commas, `\\${commas}`, `"${commas}`, `\\"${'['.repeat(100)}`, 'ö\u2028🦉\\'])
    assert.equal(scan(JSON.stringify({ [text]: [text, text] }), 1), null)
})

test('it never finds what is not there', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 70 }), fc.integer({ min: 1, max: 50 }), (text, pieceBytes) => {
      if (shapeError(JSON.parse(text)) === null) assert.equal(scan(text, pieceBytes), null)
    }),
  )
})

test('a body passes unchanged; after a problem nothing is kept, and the end is the error', async () => {
  const pieces = Array.from({ length: 50 }, (_, index) => Buffer.from(`"${index}ö",`))
  assert.deepEqual(await buffer(Readable.from(pieces).pipe(new ScannedBody())), Buffer.concat(pieces))
  const body = new ScannedBody()
  const passed: Buffer[] = []
  body.on('data', (piece) => passed.push(piece))
  Readable.from([Buffer.from('[1,'), Buffer.from('['.repeat(100)), Buffer.from('2]')]).pipe(body)
  await assert.rejects(new Promise((_, reject) => body.once('error', reject)), {
    code: 'invalid_request',
    message: 'the body is nested more than 64 levels deep',
  })
  assert.deepEqual([Buffer.concat(passed).toString(), body.receivedEncodedLength], ['[1,', 105])
})
