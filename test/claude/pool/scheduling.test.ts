// Which run gets which process and when: the order and limit of the queue, the spacing of starts, spares, eviction, auxiliary requests,
// failed starts, retirement and the end. On fake workers and a clock that is moved by hand; what real processes do is tested in reuse.test.ts
// and auxiliary-requests.test.ts.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AbilityFailed, AbilityRefused, allAbilities, ClaudeReplaced } from '../../../src/claude/cli/abilities.ts'
import { SilentProcess } from '../../../src/claude/cli/errors-from-sdk.ts'
import { TranscriptWriter } from '../../../src/claude/sessions/transcript.ts'
import { noOptions, noPlainOptions } from '../../../src/core/agent.ts'
import type { ConversationMessage } from '../../../src/core/conversation.ts'
import { AppError } from '../../../src/errors.ts'
import { until } from '../../faults/killed-scene.ts'
import { settle } from '../../helpers/hand-clock.ts'
import { agentRequest, assertSucceeded, fixedModel, openPool, plainRequest } from './pool-scene.ts'

const failed = new AppError('claude_failed', 'It does not start.')
const auxiliary = { isAuxiliary: true }

/** A conversation as the client sends it back: what was said, and the answer of the fake worker. */
const after = (prompt: string): { session: { kind: 'history'; messages: ConversationMessage[] } } => ({
  session: {
    kind: 'history',
    messages: [
      { role: 'user', content: [{ type: 'text', text: prompt }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Hello from the model.' }] },
    ],
  },
})

test('a run gets a process, and the next one the same process', async (t) => {
  const { run, reply, spawner, pool } = openPool(t)
  const first = await run('one')
  assert.equal(pool.stats().processes.busy, 1)
  await reply('one')
  assertSucceeded(first)
  const second = await run('two')
  await reply('two')
  assertSucceeded(second)
  assert.deepEqual(
    spawner.workers.map(({ prompts }) => prompts),
    [['one', 'two']],
  )
  assert.deepEqual(pool.stats().processes, { live: 1, idle: 1, spare: 1, busy: 0, starting: 0, max: 2 })
})

test('runs that wait get their processes in order of arrival', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 1 } })
  const names = ['one', 'two', 'three', 'four']
  const runs = []
  for (const name of names) runs.push(await run(name))
  assert.deepEqual(pool.stats().queue, { waiting: 3, limit: 9 })
  for (const name of names) await reply(name)
  for (const each of runs) assertSucceeded(each)
  assert.deepEqual(spawner.workers[0]?.prompts, names)
})

test('of conversations that come in turn, and are one more than there are processes, most find theirs', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 4, warm: 1 } })
  const prompts = new Map<string, string[]>()
  let misses = 0
  for (let round = 1; round <= 6; round++) {
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const past = prompts.get(name) ?? []
      const prompt = `${name}${round}`
      const messages = past.flatMap((each) => after(each).session.messages)
      const before = spawner.workers.map(({ conversation }) => conversation)
      await run(prompt, { session: { kind: 'history', messages } })
      const conversation = spawner.workingOn(prompt).conversation
      if (round > 2 && !before.includes(conversation)) misses++
      await reply(prompt)
      prompts.set(name, [...past, prompt])
      await clock.advance(10)
    }
  }
  // All 20 of them, if the one that waited longest were always given away.
  assert.ok(misses <= 6, `${misses} of 20 were handed to another process`)
})

test('as many processes start at the same time as there are cores', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 5, startsMax: 2 }, isManual: true })
  const names = ['one', 'two', 'three', 'four']
  const runs = []
  for (const name of names) runs.push(await run(name))
  assert.equal(spawner.workers.length, 2)
  spawner.workers[0]?.start()
  await settle()
  assert.deepEqual(pool.stats().processes, { live: 3, idle: 0, spare: 0, busy: 1, starting: 2, max: 5 })
  for (let count = 1; count < names.length; count++) {
    spawner.workers[count]?.start()
    await settle()
  }
  assert.equal(spawner.workers.length, 4)
  for (const name of names) await reply(name)
  for (const each of runs) assertSucceeded(each)
})

test('above twice the number of cores, a process is started only for a run that has waited for a second', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 9, warm: 1, eagerMax: 2 } })
  for (const name of ['one', 'two', 'three', 'four']) await run(name)
  assert.equal(spawner.live.length, 2)
  await clock.advance(999)
  assert.equal(spawner.live.length, 2)
  await clock.advance(1)
  assert.equal(spawner.live.length, 4)
  for (const name of ['one', 'two', 'three', 'four']) await reply(name)
  // An agent of its own kind finds none, and does not wait.
  await run('agent', agentRequest)
  assert.equal(spawner.live.length, 5)
})

test('after runs that had to wait, there are as many processes as they needed', async (t) => {
  const { run, reply, pool, clock } = openPool(t, {
    limits: { maxProcesses: 5, warm: 1, startsMax: 1, startSpacingMs: 2000 },
  })
  const names = ['one', 'two', 'three', 'four', 'five', 'six']
  for (const name of names) await run(name)
  assert.equal(pool.stats().processes.live, 1)
  await clock.advance(1000)
  for (const name of names) await reply(name)
  await clock.advance(20_000)
  assert.deepEqual(pool.stats().processes, { live: 5, idle: 5, spare: 5, busy: 0, starting: 0, max: 5 })
  await clock.advance(60_000)
  assert.equal(pool.stats().processes.live, 1, 'and they end when they are not used')
})

test('for runs that wait a moment, no more processes are started', async (t) => {
  const { run, reply, pool, clock } = openPool(t, {
    limits: { maxProcesses: 5, warm: 1, startsMax: 1, startSpacingMs: 2000 },
  })
  const names = ['one', 'two', 'three', 'four', 'five', 'six']
  for (const name of names) await run(name)
  for (const name of names) await reply(name)
  await clock.advance(20_000)
  assert.equal(pool.stats().processes.live, 1)
})

test('a conversation whose process is about to end goes on in any process', async (t) => {
  const { run, reply, spawner, configDir, cwd } = openPool(t, { limits: { maxProcesses: 1 } })
  const toolless = { plain: null, options: { ...noOptions, tools: [], systemPrompt: 'S' } }
  await run('one', { ...toolless, session: { kind: 'new' } })
  await reply('one')
  const [first] = spawner.workers
  assert.ok(first?.conversation)
  const { sessionId } = first.conversation
  new TranscriptWriter({ configDir, cwd, sessionId, version: '2.1.332' }).append(
    [
      { role: 'user', content: [{ type: 'text', text: 'one' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Hello.' }] },
    ],
    'S',
  )
  first.isSlowToEnd = true
  await run('two', fixedModel('two'))
  const third = await run('three', { ...toolless, session: { kind: 'continue', sessionId } })
  first.die()
  await settle()
  await reply('two')
  // It reads a file.
  await until('it has a process', () => spawner.workers.some(({ prompts }) => prompts.includes('three')))
  await reply('three')
  assertSucceeded(third)
  const last = spawner.workers.at(-1)
  assert.deepEqual([last?.spawnMode.kind, last?.conversation?.sessionId], ['new', sessionId])
})

test('when memory is short, no process is started beside others, and idle ones end', async (t) => {
  let isShort = false
  const { run, reply, spawner, pool, clock } = openPool(t, {
    limits: { maxProcesses: 9 },
    isMemoryShort: () => isShort,
  })
  for (const name of ['one', 'two', 'three']) await run(name)
  for (const name of ['one', 'two']) await reply(name)
  isShort = true
  const waiting = [await run('four'), await run('five'), await run('six')]
  // The one that was idle beside the first of them is ended.
  assert.deepEqual([spawner.live.length, pool.stats().queue.waiting], [2, 2])
  for (const name of ['three', 'four', 'five', 'six']) await reply(name)
  for (const each of waiting) assertSucceeded(each)
  await clock.advance(20_000)
  assert.equal(spawner.live.length, 1, 'one is left')
  assert.equal(spawner.workers.length, 3)
  isShort = false
  for (const name of ['seven', 'eight']) await run(name)
  assert.equal(spawner.live.length, 2)
})

test('however short memory is, the first process starts', async (t) => {
  const { run, reply } = openPool(t, { isMemoryShort: () => true })
  const first = await run('one')
  await reply('one')
  assertSucceeded(first)
})

test('room is made in order of arrival too', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('one')
  await run('two', fixedModel('two'))
  await run('three', fixedModel('three'))
  await run('four')
  await reply('one')
  assert.deepEqual(
    spawner.live.map(({ prompts }) => prompts),
    [['two'], ['three']],
  )
  assert.equal(pool.stats().queue.waiting, 1)
})

test('beyond the limit of the queue a run is refused, and those that wait are not disturbed', async (t) => {
  const { run, reply, pool } = openPool(t, { limits: { maxProcesses: 1, queueLimit: 2 } })
  const admitted = [await run('one'), await run('two'), await run('three')]
  const refused = await run('four')
  assert.equal(refused.refusal?.code, 'queue_full')
  assert.equal(refused.refusal?.details.retryAfterS, 2)
  assert.equal(pool.stats().queue.waiting, 2)
  for (const name of ['one', 'two', 'three']) await reply(name)
  for (const each of admitted) assertSucceeded(each)
})

test('one owner cannot fill the queue for another', async (t) => {
  const { run, reply, pool } = openPool(t, { limits: { maxProcesses: 1, queueLimit: 2 } })
  const flood = { owner: 'key_flood' }
  for (const name of ['one', 'two', 'three']) await run(name, flood)
  assert.equal((await run('four', flood)).refusal?.code, 'queue_full')
  const other = await run('other', { owner: 'key_other' })
  const nobody = await run('nobody')
  assert.deepEqual(pool.stats().queue, { waiting: 4, limit: 2 })
  for (const name of ['one', 'other', 'nobody']) await reply(name)
  assertSucceeded(other)
  assertSucceeded(nobody)
})

test('owners take turns, and the runs of each keep their order', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 1 } })
  for (const name of ['a1', 'a2', 'a3', 'a4']) await run(name, { owner: 'key_a' })
  for (const name of ['b1', 'b2']) await run(name, { owner: 'key_b' })
  await run('c1')
  const order = ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']
  for (const name of order) await reply(name)
  assert.deepEqual(spawner.workers[0]?.prompts, order)
})

test('who was served last comes last, even if the others arrive later', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 1 } })
  for (const name of ['a1', 'a2', 'a3']) await run(name, { owner: 'key_a' })
  await reply('a1')
  await run('b1', { owner: 'key_b' })
  const order = ['a2', 'b1', 'a3']
  for (const name of order) await reply(name)
  assert.deepEqual(spawner.workers[0]?.prompts, ['a1', ...order])
})

test('an owner has no more processes at once than its limit, and nobody waits behind it', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 3 } })
  const limited = { owner: 'key_a', ownerRunsMax: 1 }
  for (const name of ['a1', 'a2']) await run(name, limited)
  for (const name of ['b1', 'b2']) await run(name, { owner: 'key_b' })
  const working = () => spawner.live.map(({ prompts }) => prompts.at(-1))
  assert.deepEqual(working(), ['a1', 'b1', 'b2'])
  await reply('b1')
  assert.ok(!working().includes('a2'))
  await reply('a1')
  assert.ok(working().includes('a2'))
})

test('a run that was accepted earlier waits, even if the queue is full', async (t) => {
  const { run, reply } = openPool(t, { limits: { maxProcesses: 1, queueLimit: 0 } })
  const again = [await run('one', { isAccepted: true }), await run('two', { isAccepted: true })]
  for (const name of ['one', 'two']) await reply(name)
  for (const each of again) assertSucceeded(each)
})

test('with a queue of no length a run gets an idle process, and is refused if there is none', async (t) => {
  const { run, reply, pool } = openPool(t, { limits: { warm: 1, queueLimit: 0, maxProcesses: 1 } })
  assert.equal((await run('one')).refusal?.code, 'queue_full')
  await pool.warmUp(plainRequest)
  await settle()
  const second = await run('two')
  await run('three')
  await reply('two')
  assertSucceeded(second)
})

test('a run that is cancelled in the queue leaves it at once, with the reason', async (t) => {
  const { run, reply, pool } = openPool(t, { limits: { maxProcesses: 1 } })
  await run('one')
  const second = await run('two')
  const third = await run('three')
  const reason = new AppError('cancelled', 'The client disconnected.')
  second.cancel(reason)
  await settle()
  assert.equal(second.refusal, reason)
  assert.equal(pool.stats().queue.waiting, 1)
  await reply('one')
  await reply('three')
  assertSucceeded(third)
})

test('processes start one at a time, with the spacing between them', async (t) => {
  const { run, clock, spawner } = openPool(t, { limits: { maxProcesses: 3, startSpacingMs: 250 } })
  for (const name of ['one', 'two', 'three']) await run(name)
  assert.equal(spawner.workers.length, 1)
  await clock.advance(249)
  assert.equal(spawner.workers.length, 1)
  await clock.advance(2)
  assert.equal(spawner.workers.length, 2)
  await clock.advance(251)
  assert.equal(spawner.workers.length, 3)
})

test('a run takes the process of an earlier one that ends while its own still starts', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 2 }, isManual: true })
  const first = await run('one')
  spawner.workers[0]?.start()
  await settle()
  const second = await run('two')
  assert.equal(spawner.workers.length, 2)
  await reply('one')
  assertSucceeded(first)
  await reply('two')
  assertSucceeded(second)
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'two'])
  assert.equal(spawner.workers[1]?.state, 'starting')
})

for (const kind of ['continue', 'fork'] as const) {
  test(`a process that has read a conversation for a run that left before its turn is not used again (${kind})`, async (t) => {
    const { run, reply, spawner, cwd } = openPool(t, { isManual: true })
    const request = { ...agentRequest, session: { kind, sessionId: 'session-1' }, options: { ...noOptions, cwd } }
    const first = await run('one', request)
    first.cancel(new AppError('cancelled', 'The client disconnected.'))
    await settle()
    spawner.workers[0]?.start()
    await settle()
    const second = await run('two', request)
    assert.equal(spawner.workers.length, 2)
    spawner.workers[1]?.start()
    await settle()
    await reply('two')
    assertSucceeded(second)
    assert.deepEqual(
      spawner.workers.map(({ prompts }) => prompts),
      [[], ['two']],
    )
  })
}

test('two runs that wait for starting processes wait for two, not for one each time something happens', async (t) => {
  const { run, spawner, clock } = openPool(t, { limits: { maxProcesses: 4 }, isManual: true })
  await run('one')
  await run('two')
  await clock.advance(10_000)
  assert.equal(spawner.workers.length, 2)
})

test('a spare is started for a profile in recent use', async (t) => {
  const { run, reply, clock, spawner, pool } = openPool(t, { limits: { warm: 1, startSpacingMs: 250 } })
  await run('one')
  assert.equal(spawner.workers.length, 1)
  await clock.advance(251)
  assert.equal(spawner.workers.length, 2)
  assert.equal(pool.stats().processes.spare, 1)
  const second = await run('two')
  await reply('two')
  assertSucceeded(second)
  assert.deepEqual(spawner.workers[1]?.prompts, ['two'])
})

test('a spare does not start beside the first words of a turn', async (t) => {
  const { run, pool, clock, spawner } = openPool(t, { limits: { warm: 1, startSpacingMs: 250 } })
  await pool.warmUp(plainRequest)
  await clock.advance(10_000)
  await run('one')
  assert.equal(spawner.workers.length, 1)
  await clock.advance(249)
  assert.equal(spawner.workers.length, 1)
  await clock.advance(2)
  assert.equal(spawner.workers.length, 2)
})

test('without spares, none is started', async (t) => {
  const { run, reply, clock, spawner } = openPool(t)
  await run('one')
  await reply('one')
  await clock.advance(30_000)
  assert.equal(spawner.workers.length, 1)
})

test('a profile that was not used for an hour gets no spare any more, and its spare is ended', async (t) => {
  const { run, reply, clock, spawner } = openPool(t, { limits: { warm: 1, keepAliveMs: 60_000 } })
  await run('one', fixedModel('rare'))
  await reply('one')
  await clock.advance(30 * 60_000)
  assert.equal(spawner.live.length, 1, 'a spare, although nobody returned to the conversation')
  await clock.advance(31 * 60_000 + 60_000)
  assert.deepEqual(spawner.live, [])
})

test('an agent whose settings have changed gets a new process, and its old spare is ended', async (t) => {
  const { run, reply, clock, spawner, cwd } = openPool(t, { limits: { warm: 1, maxProcesses: 4, keepAliveMs: 60_000 } })
  await run('one', agentRequest)
  await reply('one')
  await settle()
  const [, spare] = spawner.workers
  assert.equal(spare?.state, 'idle')
  writeFileSync(join(cwd, 'CLAUDE.md'), 'The magic word is abracadabra.')
  await run('two', agentRequest)
  assert.deepEqual(spare?.prompts, [])
  assert.equal(spawner.workingOn('two').fingerprint === spare?.fingerprint, false)
  await clock.advance(66_000)
  assert.equal(spare?.state, 'gone')
})

test('after a run that has changed settings, a spare that has read the new ones is started', async (t) => {
  const { run, reply, spawner, cwd } = openPool(t, { limits: { warm: 1, maxProcesses: 4 } })
  await run('one', agentRequest)
  const [, spare] = spawner.workers
  writeFileSync(join(cwd, 'CLAUDE.md'), 'The magic word is abracadabra.')
  await reply('one')
  const [, , next] = spawner.workers
  assert.ok(spare && next)
  assert.notEqual(next.fingerprint, spare.fingerprint)
  await run('two', agentRequest)
  assert.deepEqual(next.prompts, ['two'])
})

test('the least recently used idle process makes room for a run that none suits', async (t) => {
  const { run, reply, clock, spawner } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('old', fixedModel('old'))
  await reply('old')
  await clock.advance(10)
  await run('new', fixedModel('new'))
  await reply('new')
  const third = await run('third', fixedModel('third'))
  assert.deepEqual(
    spawner.live.map(({ prompts }) => prompts[0]),
    ['new', 'third'],
  )
  await reply('third')
  assertSucceeded(third)
})

test('while one process ends to make room, no second one is ended for the same run', async (t) => {
  const { run, reply, clock, spawner } = openPool(t, { limits: { maxProcesses: 2 } })
  for (const name of ['one', 'two']) {
    await run(name, fixedModel(name))
    await reply(name)
    await clock.advance(10)
  }
  const [first, second] = spawner.workers
  assert.ok(first && second)
  first.isSlowToEnd = true
  await run('three', fixedModel('three'))
  await clock.advance(10_000)
  assert.deepEqual([first.state, second.state], ['ending', 'idle'])
  first.die()
  await settle()
  await reply('three')
  assert.equal(second.state, 'idle')
})

test('a busy process is never ended to make room', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 1 } })
  const first = await run('one', fixedModel('one'))
  await run('two', fixedModel('two'))
  assert.equal(pool.stats().queue.waiting, 1)
  assert.equal(spawner.live.length, 1)
  await reply('one')
  assertSucceeded(first)
  await settle()
  await reply('two')
})

test('a conversation that is sent again continues on the process that holds it', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('one')
  await run('other')
  await reply('one')
  await clock.advance(10)
  await reply('other')
  const next = await run('two', after('one'))
  await reply('two')
  assertSucceeded(next)
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'two'])
  assert.equal(spawner.workers[0]?.conversation?.turns, 2)
})

test('a new conversation takes a process that nobody returned to rather than one that somebody did', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('one')
  await run('other')
  await reply('one')
  await run('two', after('one'))
  await reply('two')
  await clock.advance(10)
  await reply('other')
  await run('new')
  assert.deepEqual(spawner.workers[1]?.prompts, ['other', 'new'])
})

test('an auxiliary request leaves the last process to the conversation that it accompanies', async (t) => {
  const { run, reply, pool } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('one')
  const title = await run('title', auxiliary)
  assert.equal(pool.stats().queue.waiting, 1)
  const second = await run('two')
  assert.equal(pool.stats().queue.waiting, 1, 'a later run passes it')
  await reply('one')
  await reply('two')
  await settle()
  await reply('title')
  assertSucceeded(second)
  assertSucceeded(title)
})

test('an auxiliary request does not take the process that holds the last conversation', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 2 } })
  await run('one')
  await reply('one')
  await run('title', auxiliary)
  assert.equal(spawner.workers.length, 2)
  await reply('title')
  await run('two', after('one'))
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'two'])
})

test('an auxiliary request waits for the process that starts for it, whatever happens meanwhile', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 2 }, isManual: true })
  await run('one')
  spawner.workers[0]?.start()
  await settle()
  await reply('one')
  await run('title', auxiliary)
  await clock.advance(10_000)
  spawner.workers[1]?.start()
  await settle()
  assert.deepEqual(
    spawner.workers.map(({ prompts }) => prompts),
    [['one'], ['title']],
  )
})

test('with a single process an auxiliary request gets it, once it is idle', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 1 } })
  await run('one')
  const title = await run('title', auxiliary)
  await reply('one')
  await reply('title')
  assertSucceeded(title)
  assert.equal(spawner.workers.length, 1)
})

test('items of batches leave the last process to other runs', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 2, warm: 0 } })
  const item = (name: string) => run(name, { isBatchItem: true, isAccepted: true })
  await item('item 1')
  await item('item 2')
  assert.equal(pool.stats().queue.waiting, 1)
  const one = await run('one')
  assert.equal(spawner.workers.length, 2, 'it passes the item that waits')
  await reply('one')
  assertSucceeded(one)
  assert.equal(pool.stats().queue.waiting, 1)
  await reply('item 1')
  await reply('item 2')
  assert.equal(pool.stats().queue.waiting, 0)
})

test('items of batches wait behind all other runs, of whichever owner', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 1, warm: 0 } })
  await run('one')
  await run('item 1', { isBatchItem: true, isAccepted: true, owner: 'other' })
  await run('item 2', { isBatchItem: true, isAccepted: true })
  await run('two')
  await run('three')
  const expected = ['one', 'two', 'three', 'item 1', 'item 2']
  for (const prompt of expected) await reply(prompt)
  assert.deepEqual(
    spawner.workers.flatMap(({ prompts }) => prompts),
    expected,
  )
})

test('after a failed start a run gets a second process', async (t) => {
  const { run, reply, spawner, warnings } = openPool(t, { isManual: true })
  const first = await run('one')
  spawner.workers[0]?.failStart(failed)
  await settle()
  assert.equal(spawner.workers.length, 2)
  spawner.workers[1]?.start()
  await settle()
  await reply('one')
  assertSucceeded(first)
  assert.deepEqual(warnings, ['a CLI process could not be started'])
})

test('after a second failed start a run is refused with the reason', async (t) => {
  const { run, spawner, pool } = openPool(t, { isManual: true })
  const first = await run('one')
  for (const index of [0, 1]) {
    spawner.workers[index]?.failStart(failed)
    await settle()
  }
  assert.equal(first.refusal, failed)
  assert.equal(spawner.workers.length, 2)
  assert.deepEqual(pool.stats().processes, { live: 0, idle: 0, spare: 0, busy: 0, starting: 0, max: 2 })
  assert.equal(pool.stats().queue.waiting, 0)
})

test('a profile whose process does not start gets no spares', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { warm: 1, maxProcesses: 6 }, isManual: true })
  await run('one')
  spawner.workers[0]?.start()
  await settle()
  await reply('one')
  await run('two', fixedModel('broken'))
  spawner.workers.at(-1)?.failStart(failed)
  await settle()
  spawner.workers.at(-1)?.failStart(failed)
  await settle()
  const count = spawner.workers.length
  await clock.advance(600_000)
  const later = spawner.workers.slice(count).filter(({ profile }) => profile.prompt.kind === 'fixed')
  assert.deepEqual(later, [])
})

test('a start that the system refuses at once ends the wait of its run only', async (t) => {
  const { run, reply, spawner } = openPool(t)
  await run('one')
  spawner.refusal = new AppError('cwd_not_found', 'the working folder no longer exists')
  const second = await run('two')
  assert.equal(second.refusal?.code, 'cwd_not_found')
  await reply('one')
  const third = await run('three')
  await reply('three')
  assertSucceeded(third)
})

test('if the executable was replaced meanwhile, the request is resolved again', async (t) => {
  const { run, reply, spawner } = openPool(t)
  spawner.refusal = new ClaudeReplaced('/claude was replaced')
  const first = await run('one')
  await reply('one')
  assertSucceeded(first)
})

test('a run whose process is lost before its first word gets another one', async (t) => {
  const { run, reply, spawner, warnings } = openPool(t)
  const first = await run('one')
  spawner.workingOn('one').die()
  await settle()
  assert.equal(spawner.workers.length, 2)
  await reply('one')
  assertSucceeded(first)
  assert.deepEqual(warnings, ['a CLI process was lost'])
})

test('a run whose second process is lost too fails with the reason', async (t) => {
  const { run, spawner } = openPool(t)
  const first = await run('one')
  spawner.workers[0]?.die()
  await settle()
  spawner.workers[1]?.die()
  await settle()
  assert.equal(first.refusal?.code, 'claude_failed')
  assert.equal(spawner.workers.length, 2)
})

test('a process that cannot be prepared is ended, and the run gets another', async (t) => {
  const { run, reply, spawner, abilities } = openPool(t)
  await run('one')
  await reply('one')
  const [worker] = spawner.workers
  assert.ok(worker)
  worker.refusal = new Error('the CLI did not rewind the conversation')
  const second = await run('two')
  assert.equal(worker.state, 'gone')
  await reply('two')
  assertSucceeded(second)
  assert.deepEqual(abilities(), allAbilities)
})

test('an ability that processes refuse again and again is given up, unless one of them uses it in between', async (t) => {
  const { run, reply, spawner, abilities } = openPool(t, { limits: { refusalsMax: 2 } })
  const converse = async (prompt: string, isRefused: boolean) => {
    const worker = spawner.workers.at(-1)
    if (worker && isRefused) worker.refusal = new AbilityRefused('rewind', 'it would not')
    const pending = await run(prompt)
    await reply(prompt)
    assertSucceeded(pending)
  }
  await converse('one', false)
  await converse('two', true)
  await converse('three', false)
  await converse('four', true)
  assert.deepEqual(abilities(), allAbilities)
  await converse('five', true)
  assert.deepEqual(abilities(), { ...allAbilities, rewind: false })
})

test('a spare that does not answer is ended, and says nothing about what the others can do', async (t) => {
  const { run, reply, clock, spawner, abilities } = openPool(t, { limits: { warm: 1, startSpacingMs: 250 } })
  await run('one')
  await clock.advance(251)
  const spare = spawner.workers[1]
  assert.ok(spare)
  spare.refusal = new SilentProcess('Claude Code did not answer')
  const second = await run('two')
  await clock.advance(251)
  assert.equal(spare.state, 'gone')
  await reply('two')
  assertSucceeded(second)
  assert.deepEqual(abilities(), allAbilities)
})

test('a CLI that does not know how to rewind is not requested again to do so', async (t) => {
  const { run, reply, spawner, abilities } = openPool(t)
  await run('one')
  await reply('one')
  const [worker] = spawner.workers
  assert.ok(worker)
  worker.refusal = new AbilityFailed('rewind', 'Unsupported control request subtype: rewind_conversation')
  await run('two')
  assert.equal(abilities().rewind, false)
  assert.equal(spawner.workingOn('two').profile.reusable, false)
})

test('no idle process is kept if its time is 0: the next run starts one', async (t) => {
  const { run, reply, clock, spawner } = openPool(t, { limits: { keepAliveMs: 0 } })
  await run('one')
  await reply('one')
  await clock.advance(300)
  assert.deepEqual(spawner.live, [])
  const second = await run('two', after('one'))
  await reply('two')
  assertSucceeded(second)
})

test('an idle process is ended when its time is over, one that is used again is not', async (t) => {
  const { run, reply, clock, spawner } = openPool(t, { limits: { keepAliveMs: 60_000 } })
  await run('one', fixedModel('one'))
  await run('two', fixedModel('two'))
  await reply('one')
  await reply('two')
  await clock.advance(50_000)
  await run('again', fixedModel('two'))
  await reply('again')
  await clock.advance(20_000)
  assert.deepEqual(
    spawner.live.map(({ prompts }) => prompts),
    [['two', 'again']],
  )
})

test('a process is replaced after its last request', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { requestsMax: 2 } })
  for (const name of ['one', 'two', 'three']) {
    await run(name)
    await reply(name)
  }
  assert.deepEqual(
    spawner.workers.map(({ prompts }) => prompts),
    [['one', 'two'], ['three']],
  )
  assert.equal(spawner.workers[0]?.state, 'gone')
})

test('a process that has grown too large is replaced, which is looked at every sixteenth request', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { residentBytesMax: 1000 } })
  for (let count = 1; count <= 16; count++) {
    await run(`prompt ${count}`)
    const [worker] = spawner.workers
    assert.equal(worker?.requests, count)
    worker.bytes = 1001
    await reply(`prompt ${count}`)
  }
  assert.equal(spawner.workers[0]?.state, 'gone')
  await run('next')
  assert.equal(spawner.workers.length, 2)
})

test('a process with a budget serves one run', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { warm: 1, maxProcesses: 4 } })
  const budget = { ...agentRequest, options: { ...noOptions, maxBudgetUsd: 1 } }
  await run('one', budget)
  await reply('one')
  await settle()
  assert.deepEqual(spawner.live, [], 'and gets no spare')
  await run('two', budget)
  assert.equal(spawner.workers.length, 2)
})

test('a process with tools serves one conversation only', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 3 } })
  await run('one', agentRequest)
  await reply('one')
  await run('two', agentRequest)
  assert.deepEqual(
    spawner.workers.map(({ prompts }) => prompts),
    [['one'], ['two']],
  )
})

test('the runs of one conversation follow each other, and those of others do not wait for them', async (t) => {
  const { run, reply, spawner, pool } = openPool(t, { limits: { maxProcesses: 3 } })
  await run('one', agentRequest)
  const sessionId = spawner.workers[0]?.conversation?.sessionId ?? ''
  await reply('one')
  const next = { ...agentRequest, session: { kind: 'continue' as const, sessionId } }
  const second = await run('two', next)
  const third = await run('three', next)
  await run('other', agentRequest)
  assert.equal(pool.stats().queue.waiting, 1)
  await reply('two')
  await reply('three')
  assertSucceeded(second)
  assertSucceeded(third)
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'two', 'three'])
})

test('two runs that continue a conversation that no process holds start one process, not two', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 4 } })
  await run('one', agentRequest)
  const sessionId = spawner.workers[0]?.conversation?.sessionId ?? ''
  await reply('one')
  spawner.workers[0]?.die()
  await settle()
  const next = { ...agentRequest, session: { kind: 'continue' as const, sessionId } }
  await run('two', next)
  await run('three', next)
  assert.deepEqual(
    spawner.live.map(({ spawnMode }) => spawnMode),
    [{ kind: 'resume', sessionId }],
  )
  await reply('two')
  await reply('three')
  assert.deepEqual(spawner.workers[1]?.prompts, ['two', 'three'])
})

test('a conversation is unloaded while it is idle, and not while a run uses it', async (t) => {
  const { run, reply, spawner, pool } = openPool(t)
  await run('one', agentRequest)
  const [worker] = spawner.workers
  const sessionId = worker?.conversation?.sessionId ?? ''
  assert.equal(await pool.unloadSession(sessionId), false)
  await reply('one')
  assert.equal(await pool.unloadSession(sessionId), true)
  assert.equal(worker?.state, 'gone')
})

test('tools with a known name and another definition get another process', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 3 } })
  const tool = (description: string) => ({
    plain: { ...noPlainOptions, tools: [{ name: 'look', description, inputSchema: { type: 'object' } }] },
  })
  await run('one', tool('Looks.'))
  await reply('one')
  await run('two', tool('Looks further.'))
  assert.equal(spawner.workers.length, 2)
  await reply('two')
  await run('three', tool('Looks.'))
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'three'])
})

test('a spare that is started ahead serves the first run', async (t) => {
  const { pool, run, spawner } = openPool(t, { limits: { warm: 1 } })
  await pool.warmUp(plainRequest)
  assert.equal(spawner.workers.length, 1)
  await run('one')
  assert.deepEqual(spawner.workers[0]?.prompts, ['one'])
})

test('closing refuses what waits and what comes, and ends every process', async (t) => {
  const { run, pool, spawner, clock } = openPool(t, { limits: { maxProcesses: 1, warm: 1 } })
  const working = await run('one')
  const waiting = await run('two')
  await pool.close(1000)
  await settle()
  assert.equal(waiting.refusal?.code, 'shutting_down')
  assert.equal(working.isOver, true)
  assert.deepEqual(spawner.live, [])
  assert.equal((await run('three')).refusal?.code, 'shutting_down')
  await clock.advance(600_000)
  assert.equal(spawner.workers.length, 1)
})

test('nothing waits for a process after closing', async (t) => {
  const { pool } = openPool(t)
  await pool.close(0)
  await assert.rejects(pool.models(plainRequest), { code: 'shutting_down' })
})

test('a run that must not begin any more when its turn comes is refused, and its process is free for others', async (t) => {
  const { run, reply, spawner } = openPool(t, { limits: { maxProcesses: 1 } })
  const spent = new AppError('budget_exceeded', 'The budget is spent.')
  let isSpent = false
  const mayBegin = async () => {
    if (isSpent) throw spent
  }
  const first = await run('one', { mayBegin })
  const second = await run('two', { mayBegin })
  const third = await run('three')
  isSpent = true
  await reply('one')
  await reply('three')
  assertSucceeded(first)
  assert.equal(second.refusal, spent)
  assertSucceeded(third)
  assert.deepEqual(spawner.workers[0]?.prompts, ['one', 'three'])
})

test('a process that a signal stops while it starts makes way for another', async (t) => {
  const { run, reply, spawner, clock } = openPool(t, { limits: { maxProcesses: 1 }, isManual: true })
  const only = await run('one')
  const [stopped] = spawner.workers
  assert.ok(stopped)
  stopped.isStopped = true
  await clock.advance(5_000)
  assert.equal(spawner.workers.length, 2)
  spawner.workers[1]?.start()
  await settle()
  await reply('one')
  assertSucceeded(only)
})
