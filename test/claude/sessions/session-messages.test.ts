// How lines of conversation files become messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toSessionMessages } from '../../../src/claude/sessions/session-messages.ts'

type Line = Parameters<typeof toSessionMessages>[0][number]

const line = (type: string, message: object, more: object = {}) =>
  ({
    type,
    uuid: `uuid-${JSON.stringify(message).length}`,
    session_id: 's',
    message: { role: type, ...message },
    parent_tool_use_id: null,
    parent_agent_id: null,
    timestamp: '2026-11-22T10:00:00.000Z',
    ...more,
  }) as Line

const contentOf = (...content: unknown[]) => toSessionMessages([line('user', { content })])[0]?.content

test('images and documents are reduced to their type and size', () => {
  const data = Buffer.alloc(1000).toString('base64')
  const source = { type: 'base64', media_type: 'image/png', data }
  assert.deepEqual(
    contentOf(
      { type: 'image', source },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'ä' } },
      { type: 'image', source: { type: 'url', url: 'https://example.com/x.png' } },
      { type: 'tool_result', tool_use_id: 't', is_error: true, content: [{ type: 'image', source }] },
    ),
    [
      { type: 'image', mediaType: 'image/png', bytes: 1000 },
      { type: 'document', mediaType: 'text/plain', bytes: 2 },
      { type: 'image', mediaType: null, bytes: null },
      {
        type: 'tool-result',
        toolId: 't',
        isError: true,
        content: [{ type: 'image', mediaType: 'image/png', bytes: 1000 }],
      },
    ],
  )
})

test('a block of an unknown type is returned by its name, and broken ones do no harm', () => {
  assert.deepEqual(contentOf({ type: 'redacted_thinking', data: 'x' }, null, 'x', { type: 7 }, { type: 'image' }), [
    { type: 'other', name: 'redacted_thinking' },
    { type: 'other', name: 'unknown' },
    { type: 'image', mediaType: null, bytes: null },
  ])
  assert.deepEqual(toSessionMessages([line('user', {}), line('assistant', { content: 7 })]).length, 2)
  assert.deepEqual(toSessionMessages([{ ...line('user', {}), message: null }]), [])
})

test('lines that the CLI wrote for itself are left out', () => {
  const content = 'x'
  const lines = [
    line('user', { content }, { is_meta: true }),
    line('user', { content }, { isSidechain: true }),
    line('user', { content }, { parent_tool_use_id: 'toolu_1' }),
    line('system', { content }),
    line('assistant', { model: '<synthetic>', content: [{ type: 'text', text: 'No response requested.' }] }),
    line('user', { content: 'shown' }),
  ]
  assert.deepEqual(
    toSessionMessages(lines).map((message) => message.content),
    [[{ type: 'text', text: 'shown' }]],
  )
})

test('the lines of one answer become one message, those of two become two', () => {
  const answer = (id: string, text: string) =>
    line('assistant', { id, content: [{ type: 'thinking', thinking: text }] })
  const result = line('user', { content: [{ type: 'tool_result', tool_use_id: 't', content: 'done' }] })
  const messages = toSessionMessages([answer('a', '1'), answer('a', '2'), answer('b', '3'), result, answer('b', '4')])
  assert.deepEqual(
    messages.map(({ role, content }) => `${role} ${content.length}`),
    ['assistant 2', 'assistant 1', 'user 1', 'assistant 1'],
  )
})

test('an invalid time becomes null', () => {
  const lines = ['2026-11-22T10:00:00.000Z', 'soon', null].map((timestamp) => line('user', {}, { timestamp }))
  assert.deepEqual(
    toSessionMessages(lines).map(({ createdAtMs }) => createdAtMs),
    [Date.UTC(2026, 10, 22, 10), null, null],
  )
})
