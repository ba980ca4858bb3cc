// A conversation in a real terminal with a real server: prompts, history, stopping, approvals, questions and the commands with a slash.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { historyFileName } from '../../../src/commands/chat/history.ts'
import { startTestServer, step } from '../../helpers/test-server.ts'
import { noTerminal } from '../command-process.ts'
import { ctrlC, ctrlD, enter, startTyping, up } from '../typing.ts'

/** Its text is written as escapes, because what is typed appears on the screen too. */
function say(text: string, fields: Record<string, unknown> = {}): string {
  const codes = Array.from(text, (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`)
  return step({ ...fields, text: '@' }).replace('"@"', () => `"${codes.join('')}"`)
}
const skip = noTerminal

test('prompts continue one session; its answers are rendered; the up key brings prompts back', { skip }, async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const typing = startTyping(t, folders, ['chat'])
  await typing.until(/> /)
  typing.type(`zebra-1 ${say('It is **bold**\u001b[2J.')}${enter}`)
  await typing.until('It is \u001b[1mbold\u001b[22m\u241b[2J.')
  await typing.until(/\$\S+, \S+ s/)
  await typing.until(/> /)
  typing.type(`zebra-2 ${say('second')}${enter}`)
  await typing.until(/second\r\n/)
  await typing.until(/> /)
  const request = await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra-2'))
  assert.ok(request.raw.includes('zebra-1'))
  typing.type(up)
  await typing.until(/zebra-2/)
  typing.type(ctrlC)
  typing.type(ctrlD)
  await typing.until(/continue later: \S*claude-serve chat --session [0-9a-f-]{36}/)
  assert.equal(await typing.exit(), 0)

  const path = join(folders.dataDir, historyFileName)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).slice(0, 7)),
    ['zebra-1', 'zebra-2'],
  )
  const again = startTyping(t, folders, ['chat', '--continue'])
  await again.until(/> /)
  again.type(up)
  await again.until(/zebra-2/)
  again.type(up)
  await again.until(/zebra-1/)
  again.type(`${ctrlC}/new${enter}`)
  await again.until(/starts a new conversation/)
  again.type(`/exit${enter}`)
  assert.equal(await again.exit(), 0)
  assert.doesNotMatch(again.rest, /continue later/)
})

test('Ctrl-C stops the answer and the conversation goes on; a second time leaves', { skip }, async (t) => {
  const server = await startTestServer(t)
  const typing = startTyping(t, server.folders, ['chat'])
  await typing.until(/> /)
  typing.type(`one ${say('Hello there everybody', { tokens: 3, gap: 100_000 })}${enter}`)
  await typing.until(/Hello/)
  typing.type(ctrlC)
  await typing.until(/stopped/)
  await typing.until(/> /)
  // The conversation has waited for the end of the run.
  const { runs } = (await (await fetch(`${server.url}/v1/runs`)).json()) as { runs: { status: string }[] }
  assert.deepEqual(
    runs.map(({ status }) => status),
    ['cancelled'],
  )
  typing.type(`two ${say('and on')}${enter}`)
  await typing.until(/and on\r\n/)
  await typing.until(/> /)
  typing.type(ctrlC)
  await typing.until(/Ctrl-C again/)
  typing.type(ctrlC)
  assert.equal(await typing.exit(), 0)
})

const write = (path: string) => step({ tool: 'Write', input: { file_path: path, content: 'x' } })

test('permissions are requested in the terminal, and only what is typed then counts', { skip }, async (t) => {
  const server = await startTestServer(t)
  const typing = startTyping(t, server.folders, ['chat'])
  const path = (name: string) => join(server.folders.cwd, name)
  await typing.until(/> /)
  // The second line is typed before the question is on the screen.
  typing.type(`write ${write(path('one'))}${say('Done.')}${enter}y${enter}`)
  const request = await typing.until(/what to do instead: /)
  assert.match(request, /Claude asks for permission to use Write\n(?:.*\n)*? {2}file_path: \S+one\n/)
  assert.equal(existsSync(path('one')), false)
  typing.type(`y${enter}`)
  await typing.until(/Done\./)
  assert.equal(existsSync(path('one')), true)
  await typing.until(/> /)
  typing.type(`write ${write(path('two'))}${say('Not done.')}${enter}`)
  await typing.until(/what to do instead: /)
  typing.type(`use another name${enter}`)
  await typing.until(/Not done\./)
  assert.equal(existsSync(path('two')), false)
  await server.upstream.waitForRequest(({ raw }) => raw.includes('use another name'))
  await typing.until(/> /)
  typing.type(`${up}`)
  // Answers are not among the prompts.
  assert.doesNotMatch(await typing.until(/\/two/), /another name/)
  typing.type(`${ctrlC}${ctrlD}`)
  assert.equal(await typing.exit(), 0)
})

test('Ctrl-C at a question cancels the run', { skip }, async (t) => {
  const server = await startTestServer(t)
  const typing = startTyping(t, server.folders, ['chat'])
  await typing.until(/> /)
  typing.type(`write ${write(join(server.folders.cwd, 'one'))}${say('Done.')}${enter}`)
  await typing.until(/what to do instead: /)
  typing.type(ctrlC)
  await typing.until(/stopped/)
  await typing.until(/> /)
  assert.equal(existsSync(join(server.folders.cwd, 'one')), false)
  typing.type(`/quit${enter}`)
  assert.equal(await typing.exit(), 0)
})

test('if stdout is no terminal, it has the answers alone, as they are', { skip }, async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const answer = 'It is **bold**\u0007.'
  for (const words of [['chat'], ['chat', '--json']]) {
    const typing = startTyping(t, folders, words, { stdout: 'answers' })
    await typing.until(/> /)
    typing.type(`bold ${say(answer)}${enter}`)
    // What was typed is on the screen, and the answer is not.
    const screen = await typing.until(/> /)
    assert.ok(screen.includes('bold [[fake') && !screen.includes('**.'), screen)
    typing.type(ctrlD)
    assert.equal(await typing.exit(), 0)
    const text = readFileSync(join(folders.cwd, 'answers'), 'utf8')
    if (words.includes('--json')) assert.equal(JSON.parse(text).result, answer)
    else assert.equal(text, `${answer}\n`)
  }
})

test('what another client has answered is no longer a question', { skip }, async (t) => {
  const server = await startTestServer(t)
  const typing = startTyping(t, server.folders, ['chat'])
  await typing.until(/> /)
  typing.type(`write ${write(join(server.folders.cwd, 'one'))}${say('Done.')}${enter}`)
  await typing.until(/what to do instead: /)
  const list = await fetch(`${server.url}/v1/runs?status=waiting`)
  const { runs } = (await list.json()) as { runs: { id: string; pending: { request_id: string }[] }[] }
  const [run] = runs
  const path = `/v1/runs/${run?.id}/permissions/${run?.pending[0]?.request_id}`
  const headers = { 'content-type': 'application/json' }
  await fetch(`${server.url}${path}`, { method: 'POST', headers, body: '{"behavior":"allow"}' })
  await typing.until(/Done\./)
  await typing.until(/> /)
  typing.type(ctrlD)
  assert.equal(await typing.exit(), 0)
})

test("Claude's questions are answered by number or in one's own words", { skip }, async (t) => {
  const server = await startTestServer(t)
  const typing = startTyping(t, server.folders, ['chat'])
  const option = (label: string) => ({ label, description: `about ${label}` })
  const questions = [
    { question: 'Which color?', header: 'c', multiSelect: false, options: [option('Red'), option('Blue')] },
    { question: 'Which sizes?', header: 's', multiSelect: true, options: [option('S'), option('M'), option('L')] },
  ]
  await typing.until(/> /)
  typing.type(`ask ${step({ tool: 'AskUserQuestion', input: { questions } })}${say('Thanks.')}${enter}`)
  await typing.until(/2 {2}Blue: about Blue\r\n.*own words: /)
  typing.type(`7${enter}`)
  await typing.until(/own words: /)
  typing.type(`2${enter}`)
  await typing.until(/Which sizes\?/)
  await typing.until(/own words: /)
  typing.type(`1, 3${enter}`)
  await typing.until(/Thanks\./)
  const { raw } = await server.upstream.waitForRequest((request) => request.raw.includes('tool_result'))
  assert.match(raw, /Blue/)
  assert.match(raw, /S, L/)
  typing.type(ctrlD)
  assert.equal(await typing.exit(), 0)
})

test('models, sessions and mistakes', { skip }, async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const typing = startTyping(t, folders, ['chat', '--model', 'opus'])
  await typing.until(/> /)
  typing.type(`/model${enter}`)
  await typing.until(/\* opus\r\n/)
  typing.type(`/model sonet${enter}`)
  await typing.until(/there is no model "sonet": did you mean sonnet\?/)
  typing.type(`/model haiku${enter}`)
  await typing.until(/the model is haiku from now on/)
  typing.type(`/resum${enter}`)
  await typing.until(/there is no command \/resum: did you mean \/resume\?/)
  typing.type(`/resume${enter}`)
  await typing.until(/there are no sessions in /)
  // A path is no command, and a line that ends with a backslash continues.
  typing.type(`/etc/hosts\\${enter}`)
  await typing.until(/… /)
  typing.type(`lion-2 ${say('read')}${enter}`)
  await typing.until(/read\r\n/)
  const request = await server.upstream.waitForRequest(({ raw }) => raw.includes('lion-2'))
  assert.match(request.body?.model ?? '', /haiku/)
  assert.ok(request.raw.includes(String.raw`/etc/hosts\nlion-2`))
  await typing.until(/> /)
  typing.type(`/new${enter}/resume${enter}`)
  const listed = await typing.until(/continue one with/)
  const [, id] = /^([0-9a-f-]{36}) /m.exec(listed) ?? []
  typing.type(`/resume 123${enter}`)
  await typing.until(/"123" is not the id of a session/)
  typing.type(`/resume ${id}${enter}`)
  await typing.until(/continuing: /)
  // A pasted text is one prompt.
  typing.type(`\u001b[200~tiger-1\rtiger-2 \u001b[201~${say('pasted')}${enter}`)
  await typing.until(/pasted\r\n/)
  const pasted = await server.upstream.waitForRequest(({ raw }) => raw.includes('tiger-1'))
  assert.ok(pasted.raw.includes(String.raw`tiger-1\ntiger-2`) && pasted.raw.includes('lion-2'))
  typing.type(ctrlD)
  assert.equal(await typing.exit(), 0)
})
