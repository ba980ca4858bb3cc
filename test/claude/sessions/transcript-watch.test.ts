// What counts as another program's work on the file of a conversation.
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder } from '../../../src/claude/sessions/transcript.ts'
import { TranscriptWatch } from '../../../src/claude/sessions/transcript-watch.ts'
import { makeFolders } from '../../helpers/test-server.ts'

const sessionId = '11111111-1111-4111-8111-111111111111'
const entry = (type: string, uuid: string, more: object = {}) => `${JSON.stringify({ type, uuid, ...more })}\n`

function setUp(t: TestContext, first = entry('user', 'u1')) {
  const configDir = makeFolders(t).root
  const cwd = '/work/a project'
  const folder = projectFolder(configDir, cwd)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${sessionId}.jsonl`)
  if (first !== '') writeFileSync(file, first)
  return { configDir, file, watch: new TranscriptWatch({ configDir, cwd, sessionId }) }
}

const added: [name: string, lines: string, isForeign: boolean][] = [
  ['nothing', '', false],
  ["another program's prompt", entry('user', 'x'), true],
  ["another program's answer", entry('assistant', 'x'), true],
  ['its own messages', entry('user', 'own 1') + entry('assistant', 'own 2'), false],
  ["its own message, then another program's", entry('assistant', 'own 1') + entry('user', 'x'), true],
  ['a title, a snapshot', entry('ai-title', 'x') + entry('file-history-snapshot', 'x'), false],
  ["a sub-agent's messages", entry('user', 'x', { isSidechain: true }), false],
  ['what is no JSON', 'what?\n', false],
  ['a line that is not whole yet', entry('user', 'x').slice(0, 9), false],
  ['more than is looked at', entry('ai-title', 'x').repeat(40_000), true],
]
for (const [name, lines, isForeign] of added) {
  test(`${name} ${isForeign ? 'counts' : 'does not count'}`, (t) => {
    const { file, watch } = setUp(t)
    for (const id of ['own 1', 'own 2']) watch.noteOwn(id)
    appendFileSync(file, lines)
    assert.equal(watch.hasForeignMessages(), isForeign)
    assert.equal(watch.hasForeignMessages(), isForeign)
  })
}

test('a line is looked at once it is whole', (t) => {
  const { file, watch } = setUp(t)
  const line = entry('user', 'x')
  appendFileSync(file, entry('ai-title', 'y') + line.slice(0, 9))
  assert.equal(watch.hasForeignMessages(), false)
  appendFileSync(file, line.slice(9))
  assert.equal(watch.hasForeignMessages(), true)
})

test('what is there at the end of a turn is known', (t) => {
  const { file, watch } = setUp(t)
  appendFileSync(file, entry('user', 'x'))
  watch.mark()
  assert.equal(watch.hasForeignMessages(), false)
  appendFileSync(file, entry('user', 'y'))
  assert.equal(watch.hasForeignMessages(), true)
})

test('a file that became shorter counts', (t) => {
  const { file, watch } = setUp(t)
  truncateSync(file, 3)
  assert.equal(watch.hasForeignMessages(), true)
})

test('a file that cannot be read, or is gone, counts and stops nothing', (t) => {
  const { file, watch } = setUp(t)
  rmSync(file)
  assert.equal(watch.hasForeignMessages(), true)
  mkdirSync(file)
  assert.equal(watch.hasForeignMessages(), true)
  rmSync(join(file, '..', '..'), { recursive: true })
  watch.mark()
  assert.equal(watch.hasForeignMessages(), false)
})

test('a file that appears with the first turn is found, also in a folder of another name', (t) => {
  const { configDir, file, watch } = setUp(t, '')
  assert.equal(watch.hasForeignMessages(), false)
  const other = join(configDir, 'projects', 'another-name')
  mkdirSync(other)
  writeFileSync(file, entry('user', 'u1'))
  renameSync(file, join(other, `${sessionId}.jsonl`))
  watch.mark()
  assert.equal(watch.hasForeignMessages(), false)
  appendFileSync(join(other, `${sessionId}.jsonl`), entry('user', 'x'))
  assert.equal(watch.hasForeignMessages(), true)
})
