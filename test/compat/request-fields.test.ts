// How request fields are treated, with a table of the test's own. The table of each surface is tested with the surface.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FieldTable, ignoredFields, isEmpty, refuseFields } from '../../src/compat/request-fields.ts'
import { AppError } from '../../src/errors.ts'

const table: FieldTable = {
  model: { treatment: 'honored' },
  stop: { treatment: 'emulated', plainOnly: true },
  limit: { treatment: 'honored', plainOnly: true, requestsNothing: (value) => value === -1 },
  user: { treatment: 'silent' },
  seed: { treatment: 'ignored', requestsNothing: () => false },
  bias: { treatment: 'ignored' },
  heat: { treatment: 'ignored', requestsNothing: (value) => value === 1 },
  n: { treatment: 'refused', note: 'must be 1', requestsNothing: (value) => value === 1 },
  audio: { treatment: 'refused' },
}

/** From JSON, because some names would mean something else in an object literal. */
const parse = (json: string) => JSON.parse(json) as object

const ignored: [body: object, plain: string[], agent: string[]][] = [
  [{}, [], []],
  [{ model: 'm', user: 'u' }, [], []],
  [{ heat: null, seed: undefined, unknown: null }, [], []],
  [{ heat: 1, bias: {} }, [], []],
  [{ bias: [] }, [], []],
  [{ bias: '' }, [], []],
  [{ bias: 0 }, ['bias'], ['bias']],
  [{ bias: false }, ['bias'], ['bias']],
  [{ heat: 0, seed: '', bias: { a: 1 } }, ['heat', 'seed', 'bias'], ['heat', 'seed', 'bias']],
  [{ stop: ['x'], limit: 5 }, [], ['stop', 'limit']],
  [{ stop: [], limit: -1 }, [], []],
  [{ top_k: 1, 'a.b[0]-c': 1 }, ['top_k', 'a.b[0]-c'], ['top_k', 'a.b[0]-c']],
  [{ unknown: [] }, ['unknown'], ['unknown']],
  [{ 'x\r\ny': 1, ü: 1, '': 1, a: 1 }, ['(unknown)', 'a'], ['(unknown)', 'a']],
  [{ ['a'.repeat(64)]: 1, ['b'.repeat(65)]: 1 }, ['a'.repeat(64), '(unknown)'], ['a'.repeat(64), '(unknown)']],
  [
    parse('{"constructor":1,"toString":1,"__proto__":1}'),
    ['constructor', 'toString', '__proto__'],
    ['constructor', 'toString', '__proto__'],
  ],
  [{ n: 1, audio: {} }, [], []],
]
for (const [body, plain, agent] of ignored) {
  test(`${JSON.stringify(body)}: a plain model ignores [${plain}], an agent [${agent}]`, () => {
    assert.deepEqual(ignoredFields(body, table, false), plain)
    assert.deepEqual(ignoredFields(body, table, true), agent)
  })
}

test('at most thirty names are reported, in the order of the request', () => {
  const names = Array.from({ length: 100 }, (_, index) => `field${index}`)
  const body = Object.fromEntries(names.map((name) => [name, 1]))
  assert.deepEqual(ignoredFields(body, table, false), names.slice(0, 30))
})

const accepted: object[] = [{}, { n: 1 }, { n: null, audio: undefined }, { unknown: 1 }, parse('{"__proto__":1}')]
for (const body of accepted) {
  test(`${JSON.stringify(body)} is accepted`, () => {
    refuseFields(body, table)
  })
}

const refused: [body: object, field: string, message: RegExp][] = [
  [{ n: 2 }, 'n', /must be 1/],
  [{ audio: {} }, 'audio', /is not supported/],
  [{ audio: false, n: 2 }, 'audio', /is not supported/],
  [{ n: 0, audio: false }, 'n', /must be 1/],
]
for (const [body, field, message] of refused) {
  test(`${JSON.stringify(body)} is refused for its field ${field}`, () => {
    assert.throws(
      () => refuseFields(body, table),
      (error) => {
        assert.ok(error instanceof AppError)
        assert.deepEqual([error.code, error.details.field], ['invalid_request', field])
        assert.match(error.message, message)
        return true
      },
    )
  })
}

test('only empty texts, lists and objects are empty', () => {
  assert.deepEqual(['', [], {}].map(isEmpty), [true, true, true])
  assert.deepEqual([' ', [0], { a: undefined }, 0, false, null, undefined].map(isEmpty), Array(7).fill(false))
})
