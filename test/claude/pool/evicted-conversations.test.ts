// What is remembered of conversations whose processes were given to others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTurn } from '../../../src/claude/cli/profile.ts'
import { EvictedConversations } from '../../../src/claude/pool/evicted-conversations.ts'
import { conversationFingerprint } from '../../../src/claude/sessions/conversation-fingerprint.ts'
import type { RunRequest } from '../../../src/core/agent.ts'
import type { AssistantBlock, ConversationMessage } from '../../../src/core/conversation.ts'
import { plainRequest } from './pool-scene.ts'

const text = (words: string) => ({ type: 'text' as const, text: words })
const thinking: AssistantBlock = { type: 'thinking', thinking: 'Hm.', signature: 'signed' }

const conversation = (prompt: string, answer: AssistantBlock[]): ConversationMessage[] => [
  { role: 'user', content: [text(prompt)] },
  { role: 'assistant', content: answer },
]

const loaded = (messages: ConversationMessage[]) => ({
  sessionId: 'id',
  contentFingerprint: conversationFingerprint(messages),
  messages,
})

const requestWith = (session: RunRequest['session']): RunRequest => ({ ...plainRequest, session })
const history = (messages: ConversationMessage[]) => requestWith({ kind: 'history', messages })

test('thinking that the client did not send back is there again', () => {
  const evicted = new EvictedConversations()
  const whole = conversation('one', [thinking, text('uno')])
  const returned = history(conversation('one', [text('uno')]))
  assert.deepEqual(evicted.complete(toTurn(returned)).history, conversation('one', [text('uno')]))
  evicted.note(loaded(whole))
  assert.ok(evicted.has({ request: returned }))
  assert.deepEqual(evicted.complete(toTurn(returned)).history, whole)
  const other = history(conversation('one', [text('another')]))
  assert.equal(evicted.has({ request: other }), false)
  assert.deepEqual(evicted.complete(toTurn(other)).history, conversation('one', [text('another')]))
})

test('conversations with a file are known by their id', () => {
  const evicted = new EvictedConversations()
  evicted.note({ sessionId: 'a', contentFingerprint: null, messages: [] })
  assert.ok(evicted.has({ request: requestWith({ kind: 'continue', sessionId: 'a' }) }))
  assert.equal(evicted.has({ request: requestWith({ kind: 'continue', sessionId: 'b' }) }), false)
  assert.equal(evicted.has({ request: requestWith({ kind: 'new' }) }), false)
})

test('the oldest are forgotten, by number and by size', () => {
  const evicted = new EvictedConversations()
  const small = (count: number) => conversation(`prompt ${count}`, [text('answer')])
  for (let count = 1; count <= 501; count++) evicted.note(loaded(small(count)))
  assert.deepEqual(
    [1, 2, 501].map((count) => evicted.has({ request: history(small(count)) })),
    [false, true, true],
  )
  const large = (count: number) => conversation(`${count} ${'x'.repeat(5_000_000)}`, [thinking, text('answer')])
  for (let count = 1; count <= 4; count++) evicted.note(loaded(large(count)))
  assert.deepEqual(
    [1, 2, 4].map((count) => evicted.complete(toTurn(history(large(count)))).history?.[1]?.content.length),
    [2, 2, 2],
  )
  const returned = (count: number) => history(conversation(`${count} ${'x'.repeat(5_000_000)}`, [text('answer')]))
  assert.deepEqual(
    [1, 2, 4].map((count) => evicted.complete(toTurn(returned(count))).history?.[1]?.content.length),
    [1, 2, 2],
  )
})
