// Schemas are checked beside everything else: whatever one holds, the event loop goes on and every check ends.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SchemaChecks, schemaChecks } from '../../src/platform/schema-checks.ts'

const long = { deadlineMs: 120_000, idleMs: 60_000, heapMbMax: 512 }
const checks = new SchemaChecks(long)
after(() => checks.close())

const names = Array.from({ length: 9_999 }, (_, index) => `n${index}`)
const byName = (value: unknown) => Object.fromEntries(names.map((name) => [name, value]))

/** A pattern that takes for ever with a value that almost fits. */
const slow = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } }
const almost = { a: `${'a'.repeat(60)}!` }

const large: Record<string, Record<string, unknown>> = {
  'an enum of 9,999 objects': { properties: { a: { enum: names.map((name) => ({ name })) } } },
  'ten enums of 9,999 strings': {
    properties: Object.fromEntries(names.slice(0, 10).map((name) => [name, { enum: names }])),
  },
  '9,999 required names': { required: names },
  '9,999 alternatives': { anyOf: names.map((name) => ({ required: [name] })) },
}

for (const [title, rest] of Object.entries(large)) {
  test(`${title} are valid, and the event loop goes on while they are checked`, async () => {
    let turns = 0
    let isOver = false
    const count = () => {
      turns++
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    const problem = await checks.schemaProblem({ type: 'object', ...rest })
    isOver = true
    assert.equal(problem, null)
    // On the event loop a check would take one turn.
    assert.ok(turns > 10, `${turns} turns of the event loop`)
  })
}

test('a schema that would take too long to compile is refused', async () => {
  const problem = await new SchemaChecks().schemaProblem({ type: 'object', properties: byName({ type: 'string' }) })
  assert.match(problem ?? '', /^(is too large to be checked|takes too long to check): make/)
})

test('a check that does not end is given up, and the next one is not harmed', async (t) => {
  const short = new SchemaChecks({ ...long, deadlineMs: 3_000 })
  t.after(() => short.close())
  const slowly = short.misfits(slow, [almost])
  assert.deepEqual(await slowly, ['it takes too long to check: make the schema simpler'])
  assert.deepEqual(await checks.misfits(slow, [{ a: 'aaa' }, almost]), [null])
})

test('a check that waits for one that does not end may be made again', async (t) => {
  const short = new SchemaChecks({ ...long, deadlineMs: 500 })
  t.after(() => short.close())
  const first = short.misfits(slow, [almost])
  const second = short.schemaProblem({ type: 'object', title: 'waits' })
  await assert.rejects(second, { code: 'overloaded', details: { retryAfterS: 1 } })
  await first
})

test('the values up to the first that fits are checked', async () => {
  const schema = { type: 'object', required: ['a'] }
  const [missing, fits, ...rest] = await checks.misfits(schema, [{}, { a: 1 }, {}])
  assert.match(missing ?? '', /must have required property 'a'/)
  assert.deepEqual([fits, rest], [null, []])
})

test('what is known of a schema needs no second check', async () => {
  const once = new SchemaChecks(long)
  const [good, bad] = [
    { type: 'object', title: 'known' },
    { type: 'object', properties: 7 },
  ]
  assert.equal(await once.schemaProblem(good), null)
  const problem = await once.schemaProblem(bad)
  assert.match(problem ?? '', /is not a valid JSON Schema/)
  await once.close()
  assert.equal(await once.schemaProblem(good), null)
  assert.equal(await once.schemaProblem(bad), problem)
  await assert.rejects(once.answerSchemaProblem(good), { code: 'shutting_down' })
})

test('the thread of the server does not keep the program running', async () => {
  assert.equal(await schemaChecks.schemaProblem({ type: 'object' }), null)
})
