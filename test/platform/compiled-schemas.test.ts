// A schema is compiled once for all the answers that are checked against it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompiledSchemas } from '../../src/platform/compiled-schemas.ts'
import { compileSchema, type JsonSchema } from '../../src/platform/json-schema.ts'

/** Notes the titles of the schemas that are compiled. */
function noting(limits?: { countMax: number; charsMax: number }) {
  const titles: string[] = []
  const compile = (schema: JsonSchema) => {
    titles.push(String(schema.title).trimEnd())
    return compileSchema(schema)
  }
  return { schemas: new CompiledSchemas(compile, limits), titles }
}

const requiring = (title: string) => ({ type: 'object', title, required: ['a'] })

test('the second check against the same schema compiles nothing and finds the same', async () => {
  const { schemas, titles } = noting()
  const found = []
  for (let times = 0; times < 3; times++) {
    const check = await schemas.checkFor(requiring('one'))
    found.push([check({}), check({ a: 1 })])
  }
  assert.deepEqual(found, Array(3).fill(["it must have required property 'a'", null]))
  assert.deepEqual(titles, ['one'])
})

test('other content is compiled, and a schema that cannot be compiled is refused each time', async () => {
  const { schemas, titles } = noting()
  await schemas.checkFor(requiring('one'))
  await schemas.checkFor(requiring('two'))
  const wrong = { type: 'object', title: 'wrong', required: 7 }
  for (let times = 0; times < 2; times++) await assert.rejects(schemas.checkFor(wrong), /required must be array/)
  assert.deepEqual(titles, ['one', 'two', 'wrong', 'wrong'])
})

test('those that were used least recently are dropped, by number and by characters', async () => {
  const few = noting({ countMax: 2, charsMax: 1_000 })
  for (const title of ['a', 'b', 'a', 'c', 'a', 'b']) await few.schemas.checkFor(requiring(title))
  assert.deepEqual(few.titles, ['a', 'b', 'c', 'b'])
  const small = noting({ countMax: 9, charsMax: 650 })
  const [long, longer] = ['long'.padEnd(500), 'longer'.padEnd(2_000)]
  for (const title of ['a', long, 'a', longer, longer, 'a', 'b', 'c', long])
    await small.schemas.checkFor(requiring(title))
  assert.deepEqual(small.titles, ['a', 'long', 'longer', 'longer', 'b', 'c', 'long'])
})
