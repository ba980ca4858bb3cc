// Schemas are checked beside everything else: whatever one holds, the event loop goes on and every check ends.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { SchemaChecks, schemaChecks, schemaThread } from '../../src/platform/schema-checks.ts'
import { RpcError } from '../../src/platform/worker-rpc.ts'
import { test, testIf } from '../helpers/extended.ts'

const long = { deadlineMs: 120_000, idleMs: 60_000, heapMbMax: 512 }
const checks = new SchemaChecks(schemaThread(long))
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
  testIf(title === 'an enum of 9,999 objects')(
    `${title} are valid, and the event loop goes on while they are checked`,
    async () => {
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
    },
  )
}

test('a schema that would take too long to compile is refused', async () => {
  const problem = await new SchemaChecks().schemaProblem({ type: 'object', properties: byName({ type: 'string' }) })
  assert.match(problem ?? '', /^(is too large to be checked|takes too long to check): make/)
})

test('a check that does not end is given up, and the next one is not harmed', async (t) => {
  const short = new SchemaChecks(schemaThread({ ...long, deadlineMs: 3_000 }))
  t.after(() => short.close())
  const slowly = short.misfits(slow, [almost])
  assert.deepEqual(await slowly, ['it takes too long to check: make the schema simpler'])
  assert.deepEqual(await checks.misfits(slow, [{ a: 'aaa' }, almost]), [null])
})

/** A thread whose calls are too late as often as it says, and then succeed. */
function busyThread(lateTimes: number) {
  let calls = 0
  const call = async (_name: string, _args: unknown[]): Promise<unknown> => {
    if (++calls <= lateTimes) throw new RpcError('late')
    return [null]
  }
  return { call, close: async () => {}, count: () => calls }
}

test('a request whose schema waits too long for its turn may be sent again', async () => {
  const checks = new SchemaChecks(busyThread(1))
  await assert.rejects(checks.schemaProblem({ type: 'object' }), { code: 'overloaded', details: { retryAfterS: 1 } })
})

test('an answer waits longer for its turn than a request, and is not lost', async () => {
  const thread = busyThread(5)
  assert.deepEqual(await new SchemaChecks(thread).misfits({ type: 'object' }, [{}]), [null])
  assert.equal(thread.count(), 6)
  await assert.rejects(new SchemaChecks(busyThread(99)).misfits({}, [{}]), { code: 'overloaded' })
})

test('the values up to the first that fits are checked', async () => {
  const schema = { type: 'object', required: ['a'] }
  const [missing, fits, ...rest] = await checks.misfits(schema, [{}, { a: 1 }, {}])
  assert.match(missing ?? '', /must have required property 'a'/)
  assert.deepEqual([fits, rest], [null, []])
})

test('what is known of a schema needs no second check', async () => {
  const once = new SchemaChecks(schemaThread(long))
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

/** A thread that notes which schemas it checks, by title, and finds fault with each. */
function notingThread() {
  const titles: string[] = []
  const call = async (_name: string, [schema]: unknown[]): Promise<unknown> => {
    const { title } = schema as { title: string }
    titles.push(title.trimEnd())
    return { problem: `${title} is wrong, for the ${titles.length}. time` }
  }
  return { call, close: async () => {}, titles }
}

const titled = (title: string) => ({ type: 'object', title })

test('a schema is checked once, however often it comes, at the same time too, and has the same problem each time', async () => {
  const thread = notingThread()
  const once = new SchemaChecks(thread)
  const together = await Promise.all(Array.from({ length: 5 }, () => once.schemaProblem(titled('a'))))
  assert.deepEqual(new Set(together), new Set(['a is wrong, for the 1. time']))
  assert.equal(await once.schemaProblem(titled('a')), 'a is wrong, for the 1. time')
  assert.deepEqual(thread.titles, ['a'])
  await once.answerSchemaProblem(titled('a'))
  await once.schemaProblem({ title: 'a', type: 'object' })
  assert.deepEqual(thread.titles, ['a', 'a', 'a'])
})

test('a check that found no answer is made again', async () => {
  const later = busyThread(1)
  const busy = new SchemaChecks({ ...later, call: async (...args) => (await later.call(...args)) && { problem: null } })
  const refused = await Promise.allSettled([busy.schemaProblem(titled('a')), busy.schemaProblem(titled('a'))])
  assert.deepEqual(
    refused.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await busy.schemaProblem(titled('a')), null)
  assert.equal(later.count(), 2)
})

test('of too many schemas, the one that was used least recently is forgotten', async () => {
  const thread = notingThread()
  const few = new SchemaChecks(thread, { countMax: 2, charsMax: 1_000 })
  for (const title of ['a', 'b', 'a', 'c', 'a', 'b']) await few.schemaProblem(titled(title))
  assert.deepEqual(thread.titles, ['a', 'b', 'c', 'b'])
})

test('problems take no more memory than they may, and a very long one is not remembered', async () => {
  const thread = notingThread()
  const few = new SchemaChecks(thread, { countMax: 9, charsMax: 1_000 })
  const [long, longer] = ['long'.padEnd(800), 'longer'.padEnd(2_000)]
  for (const title of ['a', long, 'a', longer, longer, 'a', 'b', long]) await few.schemaProblem(titled(title))
  assert.deepEqual(thread.titles, ['a', 'long', 'longer', 'longer', 'b', 'long'])
})

test('the thread of the server does not keep the program running', async () => {
  assert.equal(await schemaChecks.schemaProblem({ type: 'object' }), null)
})
