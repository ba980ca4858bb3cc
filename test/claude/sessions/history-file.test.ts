// How much of a history a file can hold, and what is in it.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { additionsIn, messagesForFile, writeHistoryFile } from '../../../src/claude/sessions/history-file.ts'
import type { ConversationMessage } from '../../../src/core/conversation.ts'

const user = (text: string): ConversationMessage => ({ role: 'user', content: [{ type: 'text', text }] })
const answer = (text: string): ConversationMessage => ({ role: 'assistant', content: [{ type: 'text', text }] })
const call: ConversationMessage = { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] }
const result: ConversationMessage = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [] }] }

const rows: [title: string, history: ConversationMessage[], count: number][] = [
  ['nothing', [], 0],
  ['a whole conversation', [user('1'), answer('2'), user('3'), answer('4')], 4],
  ['one whose last question has no answer', [user('1'), answer('2'), user('3')], 2],
  ['one in which a tool was called and answered', [user('1'), call, result, answer('2')], 4],
  ['one in which a tool is being called', [user('1'), answer('2'), user('3'), call], 2],
  ['one in which tools are called from the first answer on', [user('1'), call, result, call], 0],
  ['one in which an answer and a result meet', [user('1'), answer('2'), result], 0],
  ['one whose last answer is none to the CLI', [user('1'), answer('2'), user('3'), answer('(no content)')], 2],
  ['one that begins with an answer', [answer('0'), user('1'), answer('2')], 0],
  ['one whose first message is blank', [user(' \n'), answer('2')], 0],
]

for (const [title, history, count] of rows) {
  test(`${title}: ${count} of ${history.length} messages can be in a file`, () => {
    assert.equal(messagesForFile(history), count)
  })
}

test('a file has what the CLI adds after the first message, each entry referring to the one before', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const recorded = [
    { type: 'user', message: user('Hello'), uuid: '1' },
    { type: 'attachment', attachment: { type: 'environment' }, rendered: [{ content: 'Here.' }], sessionId: 'old' },
    { type: 'attachment', attachment: { type: 'prompt_snapshot', systemPrompt: ['S'] } },
    { type: 'attachment', attachment: { type: 'date', date: '2026-11-30' } },
    { type: 'assistant', message: answer('Too long.') },
  ]
  const additions = additionsIn(Buffer.from(recorded.map((entry) => JSON.stringify(entry)).join('\n')))
  const messages = [user('1'), call, result, answer('2')]
  const rest = [user('3')]
  const file = writeHistoryFile({ folder, messages, rest, additions, cwd: '/work', version: '2.1.332', model: 'm-1' })
  const entries = readFileSync(file.path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    entries.map(({ type, attachment, message }) => [type, attachment?.type ?? message.role, message?.content]),
    [
      ['user', 'user', messages[0]?.content],
      ['attachment', 'environment', undefined],
      ['attachment', 'date', undefined],
      ['assistant', 'assistant', messages[1]?.content],
      ['user', 'user', messages[2]?.content],
      ['assistant', 'assistant', messages[3]?.content],
    ],
  )
  assert.deepEqual(entries[1].rendered, [{ content: 'Here.' }])
  for (const [index, entry] of entries.entries()) {
    assert.equal(entry.parentUuid, entries[index - 1]?.uuid ?? null)
    assert.equal(entry.sessionId, file.sessionId)
  }
  assert.equal(entries[3].message.model, 'm-1')
  assert.deepEqual([file.firstId, file.lastId, file.rest], [entries[0].uuid, entries[4].uuid, rest])
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
})
