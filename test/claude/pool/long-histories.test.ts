// What is learned for long histories, and when: with processes that do not exist. What reaches the model is in test/claude/long-histories.test.ts.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { allAbilities } from '../../../src/claude/cli/abilities.ts'
import { toProfile, toTurn } from '../../../src/claude/cli/profile.ts'
import { LongHistories } from '../../../src/claude/pool/long-histories.ts'
import type { PoolWorker, Spawn } from '../../../src/claude/pool/pool-worker.ts'
import type { ResolvedRequest } from '../../../src/claude/pool/resolve-request.ts'
import { transcriptFile } from '../../../src/claude/sessions/transcript.ts'
import type { ConversationMessage } from '../../../src/core/conversation.ts'
import { HandClock, settle } from '../../helpers/hand-clock.ts'
import { makeFolders } from '../../helpers/test-server.ts'
import { plainRequest } from './pool-scene.ts'

const messages = Array.from({ length: 4 }, (_, index): ConversationMessage => {
  const content = [{ type: 'text' as const, text: `message ${index}` }]
  return index % 2 === 0 ? { role: 'user', content } : { role: 'assistant', content }
})

function open(t: TestContext) {
  const { root: privateDir, cwd, configDir } = makeFolders(t)
  const clock = new HandClock()
  const warnings: string[] = []
  const starts: { succeed(): void; fail(): void }[] = []
  const spawn: Spawn = (_spec, mode) => {
    const { promise: ready, resolve, reject } = Promise.withResolvers<{ models: [] }>()
    starts.push({ succeed: () => resolve({ models: [] }), fail: () => reject(new Error('no process')) })
    const file = transcriptFile(configDir, cwd, mode.sessionId)
    const startConversation = async () => {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `${JSON.stringify({ type: 'attachment', attachment: { type: 'date' } })}\n`)
    }
    return { ready, startConversation, acquire: () => {}, retire: async () => {} } as unknown as PoolWorker
  }
  const context = { spawn, clock, configDir, privateDir, abilities: { of: () => allAbilities } }
  const histories = new LongHistories(4, { ...context, onWarning: (message) => warnings.push(message) })
  const resolvedFor = (model: string): ResolvedRequest => {
    const options = { ...plainRequest.options, model }
    const request = { ...plainRequest, options, session: { kind: 'history' as const, messages } }
    const profile = toProfile(request, { cwd, abilities: allAbilities, hasHooks: false })
    const claude = { path: '/claude', version: '2.1.332', state: 'stamp' }
    return { request, turn: toTurn(request), profile, key: 'key', fingerprint: 'print', claude, isHeld: false }
  }
  const prepare = (model: string, signal = new AbortController().signal) =>
    histories.prepare(resolvedFor(model), signal)
  const written = () => readdirSync(privateDir).filter((name) => name.endsWith('.jsonl'))
  return { clock, starts, warnings, prepare, written, configDir }
}

test('kinds of requests are learned one after the other, each once', async (t) => {
  const { prepare, starts, written, configDir } = open(t)
  const wanted = ['one', 'two', 'one'].map((model) => prepare(model))
  await settle()
  assert.equal(starts.length, 1)
  starts[0]?.succeed()
  assert.ok(await wanted[0])
  assert.ok(await wanted[2])
  await settle()
  assert.equal(starts.length, 2)
  starts[1]?.succeed()
  assert.ok(await wanted[1])
  assert.equal(written().length, 3)
  const left = readdirSync(configDir, { recursive: true }).filter((name) => String(name).endsWith('.jsonl'))
  assert.deepEqual(left, [])
})

test('what could not be learned is not wanted for a while, and is then learned', async (t) => {
  const { prepare, starts, warnings, clock } = open(t)
  const first = prepare('one')
  await settle()
  starts[0]?.fail()
  assert.equal(await first, null)
  assert.equal(await prepare('one'), null)
  assert.equal(starts.length, 1)
  await clock.advance(600_000)
  const later = prepare('one')
  await settle()
  starts[1]?.succeed()
  assert.ok(await later)
  assert.equal(warnings.length, 1)
})

test('nothing is written for a request that was given up meanwhile', async (t) => {
  const { prepare, starts, written } = open(t)
  const controller = new AbortController()
  const wanted = prepare('one', controller.signal)
  await settle()
  controller.abort()
  starts[0]?.succeed()
  assert.equal(await wanted, null)
  assert.deepEqual(written(), [])
})
