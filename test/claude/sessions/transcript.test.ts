// Conversation files: the SDK reads back what was written, and a conversation is found by its id in any folder.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { findTranscript, type TranscriptMessage, TranscriptWriter } from '../../../src/claude/sessions/transcript.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'

const run = promisify(execFile)

/** Calls the SDK in a separate process: it takes its folder from the environment. */
async function callSdk(folders: TestFolders, expression: string, ...args: unknown[]): Promise<unknown> {
  const script = [
    'import * as sdk from "@anthropic-ai/claude-agent-sdk"',
    `const answer = await (${expression})(sdk, ...${JSON.stringify(args)})`,
    'process.stdout.write(JSON.stringify(answer))',
  ]
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script.join('\n')], {
    cwd: dirname(dirname(dirname(import.meta.dirname))),
    env: { HOME: folders.home, PATH: '/usr/bin:/bin' },
  })
  return JSON.parse(stdout)
}

type SdkMessage = { type: string; uuid: string; session_id: string; message: { role: string; content: unknown } }

const messagesOf = async (folders: TestFolders, sessionId: string) =>
  (await callSdk(
    folders,
    '(sdk, id, dir) => sdk.getSessionMessages(id, { dir })',
    sessionId,
    folders.cwd,
  )) as SdkMessage[]

const user = (text: string): TranscriptMessage => ({ role: 'user', content: [{ type: 'text', text }] })
const assistant = (text: string): TranscriptMessage => ({
  id: `msg_${text}`,
  type: 'message',
  role: 'assistant',
  model: 'claude-x',
  content: [{ type: 'text', text }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
})

function makeWriter(t: TestContext): { folders: TestFolders; writer: TranscriptWriter } {
  const folders = makeFolders(t)
  const { configDir, cwd } = folders
  return { folders, writer: new TranscriptWriter({ configDir, cwd, sessionId: randomUUID(), version: '2.1.330' }) }
}

function fileOf(folders: TestFolders): string {
  const projects = join(folders.configDir, 'projects')
  const [folder = ''] = readdirSync(projects)
  const [file = ''] = readdirSync(join(projects, folder))
  return join(projects, folder, file)
}

type Entry = { uuid: string; parentUuid: string | null; type: string; [field: string]: unknown }
const entriesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry)

for (const systemPrompt of [null, 'You are brief.']) {
  test(`the SDK reads back what was written, ${systemPrompt === null ? 'without' : 'with'} a system prompt`, async (t) => {
    const { folders, writer } = makeWriter(t)
    const exchanges: [question: string, answer: string][] = [
      ['one', 'first'],
      ['two ü \u2028 "', 'second'],
      ['three', 'third'],
    ]
    for (const [question, answer] of exchanges) await writer.append([user(question), assistant(answer)], systemPrompt)
    const messages = await messagesOf(folders, writer.sessionId)
    assert.deepEqual(
      messages.map(({ type, message }) => [type, (message.content as { text: string }[])[0]?.text]),
      exchanges.flatMap(([question, answer]) => [
        ['user', question],
        ['assistant', answer],
      ]),
    )
    for (const message of messages) assert.equal(message.session_id, writer.sessionId)
    assert.equal(new Set(messages.map((message) => message.uuid)).size, 6)
  })
}

test('the SDK lists what was written, with its folder and first prompt', async (t) => {
  const { folders, writer } = makeWriter(t)
  await writer.append([user('What is this?'), assistant('It is this.')], 'S')
  const sessions = (await callSdk(folders, '(sdk, dir) => sdk.listSessions({ dir })', folders.cwd)) as Record<
    string,
    unknown
  >[]
  assert.equal(sessions.length, 1)
  assert.equal(sessions[0]?.sessionId, writer.sessionId)
  assert.equal(sessions[0]?.cwd, folders.cwd)
  assert.equal(sessions[0]?.firstPrompt, 'What is this?')
  const all = (await callSdk(folders, '(sdk) => sdk.listSessions()')) as unknown[]
  assert.equal(all.length, 1)
})

test('tool calls and their results are read back', async (t) => {
  const { folders, writer } = makeWriter(t)
  const call = {
    ...assistant(''),
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'StructuredOutput', input: { a: 1 } }],
  }
  const result: TranscriptMessage = {
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' }],
  }
  await writer.append([user('one'), call, result, assistant('done')], null)
  const messages = await messagesOf(folders, writer.sessionId)
  assert.deepEqual(
    messages.map(({ message }) => (message.content as { type: string }[])[0]?.type),
    ['text', 'tool_use', 'tool_result', 'text'],
  )
})

test('a turn without an answer does not split the conversation', async (t) => {
  const { folders, writer } = makeWriter(t)
  await writer.append([user('one')], 'S')
  await writer.append([user('two'), assistant('second')], 'S')
  await writer.append([user('three')], 'S')
  await writer.append([user('four'), assistant('fourth')], 'S')
  const messages = await messagesOf(folders, writer.sessionId)
  const texts = messages.map(({ message }) => (message.content as { text: string }[])[0]?.text)
  assert.deepEqual(texts, ['one', 'two', 'second', 'three', 'four', 'fourth'])
})

test('each entry refers to the one before, and a system prompt is recorded once', async (t) => {
  const { folders, writer } = makeWriter(t)
  for (const text of ['one', 'two']) await writer.append([user(text), assistant(text)], 'You are brief.')
  const entries = entriesOf(fileOf(folders))
  assert.deepEqual(
    entries.map((entry) => entry.type),
    ['user', 'attachment', 'assistant', 'user', 'assistant'],
  )
  for (const [index, entry] of entries.entries()) assert.equal(entry.parentUuid, entries[index - 1]?.uuid ?? null)
  assert.equal(new Set(entries.map((entry) => entry.uuid)).size, entries.length)
})

test('only the owner can read a conversation', { skip: process.platform === 'win32' }, async (t) => {
  const { folders, writer } = makeWriter(t)
  await writer.append([user('one')], null)
  const file = fileOf(folders)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(dirname(file)).mode & 0o777, 0o700)
})

test('a written conversation is found by its id, with its folder', async (t) => {
  const { folders, writer } = makeWriter(t)
  await writer.append([user('one'), assistant('first')], 'S')
  const found = await findTranscript(folders.configDir, writer.sessionId)
  assert.deepEqual(found, { file: fileOf(folders), cwd: folders.cwd })
})

function writeFolder(folders: TestFolders, name: string, sessionId: string, lines: string[]): string {
  const file = join(folders.configDir, 'projects', name, `${sessionId}.jsonl`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, lines.join('\n'))
  return file
}

const sessionId = '11111111-1111-4111-8111-111111111111'
const firstLines: [title: string, lines: string[], cwd: string | null][] = [
  ['its first line names it', ['{"cwd":"/a"}', '{"cwd":"/b"}'], '/a'],
  ['a later line names it', ['{"type":"summary"}', '{"type":"mode"}', '{"cwd":"/a","type":"user"}'], '/a'],
  ['a line is broken', ['{"cwd":"/brok', '{"cwd":"/a"}'], '/a'],
  ['a line mentions one in its text', ['{"content":"\\"cwd\\": \\"/b\\""}', '{"cwd":"/a"}'], '/a'],
  ['it is not a string', ['{"cwd":7}', '{"cwd":"/a"}'], '/a'],
  ['no line names it', ['{"type":"user"}'], null],
  ['the file is empty', [], null],
]
for (const [title, lines, cwd] of firstLines) {
  test(`the folder of a conversation if ${title}: ${cwd}`, async (t) => {
    const folders = makeFolders(t)
    writeFolder(folders, 'another', '22222222-2222-4222-8222-222222222222', ['{"cwd":"/elsewhere"}'])
    const file = writeFolder(folders, '-some-folder', sessionId, lines)
    assert.deepEqual(await findTranscript(folders.configDir, sessionId), { file, cwd })
  })
}

test('a conversation that does not exist is not found, with or without other conversations', async (t) => {
  const folders = makeFolders(t)
  assert.equal(await findTranscript(folders.configDir, sessionId), null)
  writeFolder(folders, 'a', '22222222-2222-4222-8222-222222222222', [])
  assert.equal(await findTranscript(folders.configDir, sessionId), null)
})
