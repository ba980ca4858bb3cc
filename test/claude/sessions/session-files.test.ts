// The CLI's own conversation files through the real SDK: sessions of a terminal and of this server are listed, read,
// renamed, copied and deleted.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createSessionFiles } from '../../../src/claude/sessions/session-files.ts'
import { findTranscript, TranscriptWriter } from '../../../src/claude/sessions/transcript.ts'
import type { SessionFiles } from '../../../src/core/sessions.ts'
import type { AppError } from '../../../src/errors.ts'
import { chat } from '../../helpers/client.ts'
import { inTerminal } from '../../helpers/terminal.ts'
import { makeFolders, startTestServer, step, type TestFolders } from '../../helpers/test-server.ts'

const run = promisify(execFile)
const unknownId = '00000000-0000-4000-8000-000000000000'
/** The tests do not depend on how fast a thread starts, nor end because it was idle. */
const patient = { deadlineMs: 250_000, idleMs: 3_600_000 }
const firstPage = { limit: 200, cursor: null }

function filesOf(t: Pick<TestContext, 'after'>, { home }: TestFolders): SessionFiles {
  const files = createSessionFiles({ environment: { HOME: home, PATH: '/usr/bin:/bin' }, ...patient })
  t.after(() => files.close())
  return files
}

/** For conversations that are only asked for by their ids: each reader of files starts a thread that loads the SDK. */
const shared = makeFolders({ after: after as TestContext['after'] })
const sharedFiles = filesOf({ after: after as TestContext['after'] }, shared)

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: AppError) => error.code,
  )

async function textsOf(files: SessionFiles, id: string): Promise<string[]> {
  const { items } = await files.messages(id, firstPage)
  return items.flatMap(({ role, content }) =>
    content.map((block) => `${role}: ${block.type === 'text' ? block.text : block.type}`),
  )
}

test('sessions of a terminal and of this server are listed and read in the same way, and can be renamed, copied and continued', async (t) => {
  const server = await startTestServer(t)
  const input = { command: 'echo from-the-tool' }
  const script = `${step({ text: 'I look.', tool: 'Bash', input })} ${step({ text: 'one' })}`
  const { session_id: terminal } = await inTerminal(server, '--allowedTools=Bash', `from a terminal ${script}`)
  const plain = await chat(server, { prompt: `without tools ${step({ text: 'three' })}`, tools: [] })
  await chat(server, { prompt: step({ text: 'four' }), session_id: plain.session_id, tools: [] })
  const files = filesOf(t, server.folders)

  const listed = await files.list({ cwd: null, limit: null })
  assert.deepEqual(listed.map(({ id }) => id).sort(), [terminal, plain.session_id].sort())
  for (const session of listed) {
    assert.equal(session.cwd, server.folders.cwd)
    assert.ok(session.createdAtMs !== null && session.createdAtMs <= session.updatedAtMs, JSON.stringify(session))
    assert.deepEqual(await files.get(session.id), session)
  }
  const promptOf = (id: string) => listed.find((each) => each.id === id)?.firstPrompt?.split(' [[')[0]
  assert.deepEqual([terminal, plain.session_id].map(promptOf), ['from a terminal', 'without tools'])
  assert.equal((await textsOf(files, plain.session_id)).at(-1), 'assistant: four')
  assert.equal((await textsOf(files, plain.session_id)).length, 4)

  await t.test('a tool that the CLI has used is returned with its call and its result', async () => {
    const { items } = await files.messages(terminal, firstPage)
    const blocks = items.flatMap(({ role, content }) => content.map((block) => ({ role, ...block })))
    assert.deepEqual(
      blocks.map(({ role, type }) => `${role} ${type}`),
      ['user text', 'assistant text', 'assistant tool-use', 'user tool-result', 'assistant text'],
    )
    // The lines of one answer are one message.
    assert.equal(items.length, 4)
    const use = blocks.find((block) => block.type === 'tool-use')
    const result = blocks.find((block) => block.type === 'tool-result')
    assert.equal(use?.name, 'Bash')
    assert.equal(result?.toolId, use?.toolId)
    assert.deepEqual(result?.content, [{ type: 'text', text: 'from-the-tool' }])
    for (const { createdAtMs } of items) assert.ok(createdAtMs !== null)
  })

  await t.test('a session that was renamed or copied can continue in a terminal', async () => {
    await files.rename(terminal, "it's “mine” $HOME")
    assert.equal((await files.get(terminal)).title, "it's “mine” $HOME")
    const copy = await files.fork(terminal, 'The copy')
    assert.notEqual(copy, terminal)
    assert.equal((await files.get(copy)).title, 'The copy')
    assert.deepEqual(await textsOf(files, copy), await textsOf(files, terminal))
    await inTerminal(server, `--resume=${copy}`, `second ${step({ text: 'five' })}`)
    assert.equal((await textsOf(files, copy)).at(-1), 'assistant: five')
    assert.equal((await textsOf(files, terminal)).at(-1), 'assistant: one')
    assert.equal((await files.get(copy)).title, 'The copy')
  })
})

test('a copy without a title of its own has a title that differs from the original', async () => {
  const id = writeSession(shared)
  await sharedFiles.rename(id, 'Original')
  assert.equal((await sharedFiles.get(await sharedFiles.fork(id, null))).title, 'Original (fork)')
})

test('a deleted session is removed from disk and not found by any call', async (t) => {
  const folders = makeFolders(t)
  const [remaining, id] = [writeSession(folders), writeSession(folders)]
  const files = filesOf(t, folders)
  await files.remove(id)
  assert.equal(await findTranscript(folders.configDir, id), null)
  assert.deepEqual(
    (await files.list({ cwd: null, limit: null })).map((session) => session.id),
    [remaining],
  )
  const calls = [files.get(id), files.messages(id, firstPage), files.rename(id, 'x'), files.fork(id, null)]
  for (const call of [...calls, files.remove(id), files.get(unknownId)])
    assert.equal(await codeOf(call), 'session_not_found')
})

test('each environment has its own sessions, whatever the environment of the server', async (t) => {
  const [one, other] = [makeFolders(t), makeFolders(t)]
  const before = { ...process.env }
  const ids = [writeSession(one), writeSession(other)]
  const moved = createSessionFiles({ environment: { HOME: one.home, CLAUDE_CONFIG_DIR: other.configDir }, ...patient })
  t.after(() => moved.close())
  const all = await Promise.all(
    [filesOf(t, one), filesOf(t, other), moved].map((files) => files.list({ cwd: null, limit: null })),
  )
  assert.deepEqual(
    all.map((sessions) => sessions.map(({ id }) => id)),
    [[ids[0]], [ids[1]], [ids[1]]],
  )
  assert.deepEqual({ ...process.env }, before)
})

test('a program that has listed sessions exits by itself', async (t) => {
  const { home } = makeFolders(t)
  const module = new URL('../../../src/claude/sessions/session-files.ts', import.meta.url)
  const script = `const { createSessionFiles } = await import(${JSON.stringify(module)})
    const files = createSessionFiles({ environment: { HOME: ${JSON.stringify(home)} }, ...${JSON.stringify(patient)} })
    process.stdout.write(JSON.stringify(await files.list({ cwd: null, limit: null })))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env: { HOME: home } })
  assert.equal(stdout, '[]')
})

test('a session without messages cannot be copied', async () => {
  const id = writeSession(shared)
  const found = await findTranscript(shared.configDir, id)
  assert.ok(found)
  writeFileSync(found.file, `${JSON.stringify({ type: 'custom-title', customTitle: 'Empty', sessionId: id })}\n`)
  assert.equal((await sharedFiles.get(id)).title, 'Empty')
  assert.deepEqual(await sharedFiles.messages(id, firstPage), { items: [], nextCursor: null })
  assert.equal(await codeOf(sharedFiles.fork(id, null)), 'conflict')
})

test('without sessions the list is empty', async (t) => {
  assert.deepEqual(await filesOf(t, makeFolders(t)).list({ cwd: null, limit: null }), [])
})

test('sessions are listed newest first, up to a limit, or for one folder', async (t) => {
  const folders = makeFolders(t)
  // The first two get the same name on disk, the third a name that is cut.
  const cwds = ['a-b', 'a/b', 'long'.repeat(60)].map((name) => join(folders.root, name))
  const ids: string[] = []
  for (const [index, cwd] of cwds.entries()) {
    mkdirSync(cwd, { recursive: true })
    const id = writeSession(folders, { cwd })
    const found = await findTranscript(folders.configDir, id)
    assert.ok(found)
    utimesSync(found.file, 1_000_000 + index, 1_000_000 + index)
    ids.unshift(id)
  }
  const files = filesOf(t, folders)
  const listed = async (cwd: string | null, limit: number | null) =>
    (await files.list({ cwd, limit })).map(({ id }) => id)
  assert.deepEqual(await listed(null, null), ids)
  assert.deepEqual(await listed(null, 2), ids.slice(0, 2))
  for (const [index, cwd] of cwds.entries()) {
    const id = ids.at(-1 - index)
    assert.ok(id !== undefined && (await listed(cwd, null)).includes(id), cwd)
  }
})

/** A session as this server writes it. */
function writeSession(folders: TestFolders, more: { cwd?: string; messages?: object[] } = {}): string {
  const sessionId = randomUUID()
  const { configDir } = folders
  const writer = new TranscriptWriter({ configDir, cwd: more.cwd ?? folders.cwd, sessionId, version: '2.1.330' })
  const messages = more.messages ?? [
    { role: 'user', content: [{ type: 'text', text: 'question' }] },
    { id: 'msg_1', role: 'assistant', model: 'claude-x', content: [{ type: 'text', text: 'answer' }] },
  ]
  writer.append(messages as Parameters<TranscriptWriter['append']>[0], null)
  return sessionId
}

test('the cursor of a page leads to the next messages', async () => {
  const id = writeSession(shared)
  const first = await sharedFiles.messages(id, { limit: 1, cursor: null })
  assert.equal(first.items[0]?.role, 'user')
  const second = await sharedFiles.messages(id, { limit: 1, cursor: first.nextCursor })
  assert.equal(second.items[0]?.role, 'assistant')
  assert.equal(second.nextCursor, null)
  assert.equal(await codeOf(sharedFiles.messages(id, { limit: 1, cursor: 'x' })), 'invalid_request')
})
