// JSON objects inside other text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectsIn, parseInput } from '../../src/platform/json.ts'

for (const [text, objects] of [
  ['{"a":1}', [{ a: 1 }]],
  ['```json\n{"a":1}\n```', [{ a: 1 }]],
  ['Using {curly} words: {"a":1}', [{ a: 1 }]],
  ['An example is {"b":2}. The answer: {"a":1}', [{ b: 2 }, { a: 1 }]],
  ['Set {x | x>0}\n```\n{"a":{"b":1}}\n```', [{ a: { b: 1 } }, { b: 1 }]],
  ['{"a":', []],
  ['no braces', []],
] as const) {
  test(`the objects in ${JSON.stringify(text)}`, () => assert.deepEqual([...objectsIn(text)], objects))
}

test('a text full of braces is given up', () => {
  assert.deepEqual([...objectsIn('{'.repeat(100_000))], [])
})

test('the input of a call is an object, and no text stands for an empty one', () => {
  assert.deepEqual(['', '{"a":1}', '[]', '1', 'null', '{"a"'].map(parseInput), [{}, { a: 1 }, null, null, null, null])
})
