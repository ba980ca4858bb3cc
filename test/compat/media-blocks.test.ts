// Images and documents in base64: their type is detected from their bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageBlock, isBase64, isPdf, pdfBlock, textDocument } from '../../src/compat/media-blocks.ts'
import { AppError } from '../../src/errors.ts'

const toBase64 = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64')

const images: [mediaType: string, bytes: string][] = [
  ['image/png', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'],
  ['image/jpeg', '\xff\xd8\xff\xe0\0\x10JFIF'],
  ['image/jpeg', '\xff\xd8\xff\xe1\0\x10Exif'],
  ['image/gif', 'GIF87a..'],
  ['image/gif', 'GIF89a..'],
  ['image/webp', 'RIFF\x24\0\0\0WEBPVP8 '],
]
for (const [mediaType, bytes] of images) {
  test(`${JSON.stringify(bytes)} is detected as ${mediaType}`, () => {
    const data = toBase64(bytes)
    const source = { type: 'base64', media_type: mediaType, data }
    assert.deepEqual(imageBlock(data, 'p'), { type: 'image', source })
  })
}

for (const bytes of ['%PDF-1.4', 'BM\x3a\0\0\0', '<svg xmlns="">', 'II*\0\x08\0\0\0', 'RIFF\x24\0\0\0WAVEfmt ', '']) {
  test(`${JSON.stringify(bytes)} is not an image that the model accepts`, () => {
    assert.throws(
      () => imageBlock(toBase64(bytes), 'messages[0].content[1]'),
      (error) => {
        assert.ok(error instanceof AppError)
        assert.deepEqual([error.code, error.details.field], ['invalid_request', 'messages[0].content[1]'])
        return true
      },
    )
  })
}

test('a PDF is detected by its first bytes', () => {
  assert.equal(isPdf(toBase64('%PDF-1.7\n')), true)
  for (const bytes of ['PDF', ' %PDF-1.7', '\x89PNG\r\n\x1a\n']) assert.equal(isPdf(toBase64(bytes)), false)
})

const texts: [text: string, expected: boolean][] = [
  ['YQ==', true],
  ['YWI=', true],
  ['YWJj', true],
  ['YQ', true],
  ['YWJj\r\nYWJj\n', true],
  ['YQ=\n=\n', true],
  ['+/+/', true],
  ['', false],
  ['=', false],
  ['YQ===', false],
  ['Y=Q=', false],
  ['-_-_', false],
  ['YW Jj', false],
  ['data:YQ==', false],
]
for (const [text, expected] of texts) {
  test(`${JSON.stringify(text)} is ${expected ? '' : 'not '}base64`, () => {
    assert.equal(isBase64(text), expected)
  })
}

test('a long text is checked in one pass, whatever its end', () => {
  const long = 'A'.repeat(8 * 1024 ** 2)
  assert.equal(isBase64(`${long}==`), true)
  assert.equal(isBase64(`${long}!`), false)
})

test('documents have the names that were passed, without empty ones', () => {
  const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' }
  const plain = { type: 'text', media_type: 'text/plain', data: 'é' }
  assert.deepEqual(pdfBlock('JVBERi0=', { title: 'a.pdf', context: 'C' }), {
    type: 'document',
    source: pdf,
    title: 'a.pdf',
    context: 'C',
  })
  assert.deepEqual(textDocument('é', { title: 'a.txt' }), { type: 'document', source: plain, title: 'a.txt' })
  for (const names of [{}, { title: '', context: null }, { title: undefined }]) {
    assert.deepEqual(pdfBlock('JVBERi0=', names), { type: 'document', source: pdf })
    assert.deepEqual(textDocument('é', names), { type: 'document', source: plain })
  }
})
