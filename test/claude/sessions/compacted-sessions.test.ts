// Conversations that the CLI has compacted: everything a person has seen is listed, from before and after each place where the CLI put a
// summary in the place of what came before. The file in test/fixtures is one that CLI 2.1.330 wrote, shortened.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { createSessionFiles } from '../../../src/claude/sessions/session-files.ts'
import { projectFolder, TranscriptWriter } from '../../../src/claude/sessions/transcript.ts'
import type { SessionMessage } from '../../../src/core/sessions.ts'
import { MessageList } from '../../../src/surfaces/native/session-reply-schemas.ts'
import { chat } from '../../helpers/client.ts'
import { inTerminal } from '../../helpers/terminal.ts'
import { makeFolders, startTestServer, step } from '../../helpers/test-server.ts'

const fixture = new URL('../../fixtures/compacted-session.jsonl', import.meta.url)
const fixtureId = '44444444-4444-4444-8444-444444444444'
/** The id of an entry of the fixture by its number. */
const entry = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

type Entry = Record<string, unknown> & { uuid?: string }

const fixtureEntries = (): Entry[] =>
  readFileSync(fixture, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** For all conversations of this file: each reader of files starts a thread that loads the SDK. */
const { configDir, home } = makeFolders({ after: after as TestContext['after'] })
// The tests do not depend on how fast a thread starts.
const files = createSessionFiles({ environment: { HOME: home }, deadlineMs: 250_000 })
after(() => files.close())

/** Stores a conversation, and returns its id. */
function store(entries: readonly Entry[]): string {
  const folder = projectFolder(configDir, '/tmp/proj')
  mkdirSync(folder, { recursive: true })
  const id = randomUUID()
  const lines = entries.map((each) => `${JSON.stringify(each)}\n`.replaceAll(fixtureId, id))
  writeFileSync(join(folder, `${id}.jsonl`), lines.join(''))
  return id
}

function describe({ role, content }: SessionMessage): string {
  const [block] = content
  if (block?.type === 'compaction') return `${role}: compacted (${block.trigger}, ${block.preTokens})`
  return `${role}: ${block?.type === 'text' ? block.text : block?.type}`
}

async function listAll(id: string, limit = 200): Promise<SessionMessage[]> {
  const messages: SessionMessage[] = []
  let cursor: string | null = null
  do {
    const page = await files.messages(id, { limit, cursor })
    assert.ok(page.items.length <= limit)
    messages.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return messages
}

/** Without the lines about the command itself. */
const describeAll = async (id: string, limit?: number) =>
  (await listAll(id, limit)).map(describe).filter((text) => !/<(command|local-command)/.test(text))

const whole = [
  'user: one',
  'assistant: uno',
  'user: two',
  'assistant: dos',
  'system: compacted (manual, 30)',
  'user: three',
  'assistant: tres',
  'system: compacted (manual, 30)',
  'user: four',
  'assistant: cuatro',
]

test('a conversation that was compacted twice is listed as a whole, with a mark at each place', async () => {
  const id = store(fixtureEntries())
  assert.deepEqual(await describeAll(id), whole)
  const marks = (await listAll(id)).filter(({ role }) => role === 'system')
  assert.deepEqual(
    marks.map((message) => [message.id, message.createdAtMs !== null]),
    [
      [entry(15), true],
      [entry(32), true],
    ],
  )
  const [block] = marks[0]?.content ?? []
  assert.ok(block?.type === 'compaction')
  assert.match(block.summary ?? '', /The user counts in Spanish\.$/)
})

test('pages of a compacted conversation cover all of it, whatever their size', async () => {
  const id = store(fixtureEntries())
  for (const limit of [1, 3, 5]) assert.deepEqual(await describeAll(id, limit), whole, `limit ${limit}`)
})

test('a boundary that does not name what came before it follows what the file has before it', async () => {
  const lost = entry(999)
  for (const logicalParentUuid of [undefined, lost]) {
    const entries = fixtureEntries().map((each) =>
      each.subtype === 'compact_boundary' ? { ...each, logicalParentUuid } : each,
    )
    assert.deepEqual(await describeAll(store(entries)), whole)
  }
})

test('a boundary that follows itself, and a kept message that is written again after the summary, end in no circle', async () => {
  const circle = fixtureEntries().map((each) =>
    each.uuid === entry(15) ? { ...each, logicalParentUuid: entry(16) } : each,
  )
  assert.deepEqual(await describeAll(store(circle)), whole)
  const again = fixtureEntries()
  const kept = again.find(({ uuid }) => uuid === entry(14))
  again.splice(again.findIndex(({ uuid }) => uuid === entry(16)) + 1, 0, { ...kept, parentUuid: entry(16) })
  assert.deepEqual(await describeAll(store(again)), whole)
})

test('a copy of a compacted conversation is listed as a whole, too', async () => {
  const id = store(fixtureEntries())
  const copy = await files.fork(id, null)
  const { items } = await files.messages(copy, { limit: 200, cursor: null })
  assert.deepEqual(
    items.map(describe).filter((text) => !/<(command|local-command)/.test(text)),
    whole,
  )
})

test('a boundary without details has a mark without details', async () => {
  const entries = fixtureEntries().map((each) =>
    each.subtype === 'compact_boundary' ? { ...each, compactMetadata: undefined } : each,
  )
  const expected = whole.map((text) => text.replace('(manual, 30)', '(null, null)'))
  assert.deepEqual(await describeAll(store(entries)), expected)
})

test('what the CLI wrote for itself before a compaction stays hidden', async () => {
  const hidden = [
    { uuid: entry(901), parentUuid: entry(14), isMeta: true },
    { uuid: entry(902), parentUuid: entry(14), isSidechain: true },
  ].map((more) => ({
    type: 'user',
    sessionId: fixtureId,
    timestamp: '2026-11-29T23:27:05.000Z',
    message: { role: 'user', content: 'hidden' },
    ...more,
  }))
  const entries = fixtureEntries()
  entries.splice(
    entries.findIndex(({ uuid }) => uuid === entry(15)),
    0,
    ...hidden,
  )
  const boundary = entries.find(({ uuid }) => uuid === entry(15))
  assert.ok(boundary)
  boundary.logicalParentUuid = entry(901)
  assert.deepEqual(await describeAll(store(entries)), whole)
})

test('a branch that was left before a compaction is not listed, and one that goes on from before it has no mark', async () => {
  const message = (uuid: string, parentUuid: string, content: string) => ({
    ...fixtureEntries()[0],
    uuid,
    parentUuid,
    message: { role: 'user', content },
  })
  const left = fixtureEntries()
  left.splice(
    left.findIndex(({ uuid }) => uuid === entry(13)),
    0,
    message(entry(903), entry(12), 'left'),
  )
  assert.deepEqual(await describeAll(store(left)), whole)
  const goesOn = [...fixtureEntries(), message(entry(904), entry(14), 'another way')]
  assert.deepEqual(await describeAll(store(goesOn)), [...whole.slice(0, 4), 'user: another way'])
})

test('a boundary that the CLI wrote when a person went back is no compaction', async () => {
  const entries = fixtureEntries().slice(0, -8)
  const back = entry(905)
  const kept = [1, 11, 13, 14].map(entry)
  entries.push(
    {
      ...entries.find(({ uuid }) => uuid === entry(32)),
      uuid: back,
      logicalParentUuid: entry(31),
      compactMetadata: { trigger: 'manual', preTokens: 9, preservedMessages: { anchorUuid: back, uuids: kept } },
    },
    { ...entries[0], uuid: entry(906), parentUuid: entry(14), message: { role: 'user', content: 'another way' } },
  )
  // The CLI itself says that the kept messages come after the boundary.
  const last = entries.at(-1)
  assert.ok(last)
  last.parentUuid = back
  assert.deepEqual(await describeAll(store(entries)), [...whole.slice(0, 4), 'user: another way'])
})

test('a terminal compacts: the API lists all of it, and the conversation continues as the CLI continues it', async (t) => {
  const server = await startTestServer(t)
  const { upstream, folders } = server
  const session = randomUUID()
  const writer = new TranscriptWriter({ ...folders, sessionId: session, version: '2.1.330' })
  const turn = (role: 'user' | 'assistant', text: string) => ({ role, content: [{ type: 'text' as const, text }] })
  writer.append(
    [turn('user', 'first [[1]]'), turn('assistant', 'uno'), turn('user', 'second'), turn('assistant', 'dos')],
    null,
  )
  await inTerminal(server, `--resume=${session}`, '/compact')
  const { result } = await chat(server, { prompt: `third ${step({ text: 'tres' })}`, session_id: session })
  assert.equal(result, 'tres')
  const sent = JSON.stringify(upstream.requests.at(-1)?.body?.messages)
  assert.ok(sent.includes('This session is being continued from a previous conversation'))
  assert.ok(!sent.includes('first [['))

  const response = await fetch(`${server.url}/v1/sessions/${session}/messages`)
  const { messages } = MessageList.parse(await response.json())
  const texts = messages.map(({ role, content: [block] }) =>
    block?.type === 'text' ? `${role}: ${block.text.split(' [[')[0]}` : `${role}: ${block?.type}`,
  )
  assert.deepEqual(
    texts.filter((text) => !/<(command|local-command)/.test(text)),
    [
      'user: first',
      'assistant: uno',
      'user: second',
      'assistant: dos',
      'system: compact_boundary',
      'user: third',
      'assistant: tres',
    ],
  )
})
