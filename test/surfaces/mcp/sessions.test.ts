// The limits of MCP sessions, with a clock that the test moves: how many there are, how long they may be idle, and whose they are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/errors.ts'
import { McpSessions, sessionLimits } from '../../../src/surfaces/mcp/sessions.ts'
import { HandClock } from '../../helpers/hand-clock.ts'

/** Sessions whose connections note when they are closed. */
function scene(limits: Partial<typeof sessionLimits> = {}) {
  const clock = new HandClock()
  const sessions = new McpSessions<{ close(): Promise<void> }>(clock, limits)
  const closed: string[] = []
  const add = (id: string, owner: string | null = null) =>
    sessions.add(id, owner, { close: async () => void closed.push(id) })
  return { clock, sessions, closed, add }
}

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

test('a session is found by its owner alone', () => {
  const { sessions, add } = scene()
  const own = add('a', 'key_1')
  assert.equal(sessions.find('a', 'key_1'), own)
  for (const other of ['key_2', null]) assert.throws(() => sessions.find('a', other), hasCode('not_found'))
  add('b')
  assert.throws(() => sessions.find('b', 'key_1'), hasCode('not_found'))
  assert.throws(() => sessions.find('c', null), hasCode('not_found'))
})

test('a session that is idle for an hour ends, one in use does not', async () => {
  const { clock, sessions, closed, add } = scene()
  add('idle')
  const end = sessions.use(add('busy'))
  await clock.advance(sessionLimits.idleMs - 1)
  assert.deepEqual(closed, [])
  await clock.advance(1)
  assert.deepEqual(closed, ['idle'])
  assert.throws(() => sessions.find('idle', null), hasCode('not_found'))
  end()
  await clock.advance(sessionLimits.idleMs - 1)
  sessions.use(sessions.find('busy', null))()
  await clock.advance(sessionLimits.idleMs - 1)
  assert.equal(sessions.size, 1)
  await clock.advance(1)
  assert.deepEqual([closed, sessions.size], [['idle', 'busy'], 0])
})

test('a caller with too many sessions loses the one that is idle for longest', async () => {
  const { clock, sessions, closed, add } = scene({ perOwner: 3 })
  add('other', 'key_2')
  for (const id of ['a', 'b', 'c']) {
    add(id, 'key_1')
    await clock.advance(1)
  }
  sessions.use(sessions.find('a', 'key_1'))()
  add('d', 'key_1')
  assert.deepEqual(closed, ['b'])
  for (const id of ['a', 'c', 'd']) sessions.use(sessions.find(id, 'key_1'))
  assert.throws(() => add('e', 'key_1'), hasCode('rate_limited'))
  assert.deepEqual([closed, sessions.size], [['b'], 4])
})

test('a server with too many sessions ends the one that is idle for longest, whosever it is', async () => {
  const { clock, sessions, closed, add } = scene({ inAll: 2 })
  add('a', 'key_1')
  await clock.advance(1)
  const end = sessions.use(add('b', 'key_2'))
  add('c', 'key_3')
  assert.deepEqual(closed, ['a'])
  sessions.use(sessions.find('c', 'key_3'))
  assert.throws(() => add('d', 'key_4'), hasCode('rate_limited'))
  end()
  add('d', 'key_4')
  assert.deepEqual([closed, sessions.size], [['a', 'b'], 2])
})

test('a session that ended while it was in use does not come back', async () => {
  const { clock, sessions, closed, add } = scene()
  const end = sessions.use(add('a'))
  await sessions.end('a')
  end()
  await clock.advance(2 * sessionLimits.idleMs)
  assert.deepEqual([closed, sessions.size], [['a'], 0])
})

test('all sessions end with the server', async () => {
  const { sessions, closed, add } = scene()
  for (const id of ['a', 'b']) add(id)
  await sessions.close()
  assert.deepEqual([closed, sessions.size], [['a', 'b'], 0])
})
