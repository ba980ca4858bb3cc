// Runs of the real CLI that need a person's permission before a tool is used, or ask a person a question: what the answer
// does, who may give it and when. Timeouts and the life of such a run are tested in core/runs-approvals.test.ts.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { RunList, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { chat, post, readChatEvents } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { bash, Conversation, get, resultsForModel, runOf, startServer } from './approvals-scene.ts'

const server = await startServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 3 } })
/** Most tests are turns of one conversation, which need no process of their own. */
const conversation = new Conversation(server)
const start = conversation.start.bind(conversation)
const done = step({ text: 'done' })

test('a command runs only after it is allowed', async () => {
  const run = await start(`go ${bash('echo yes > made')} ${done}`)
  const approval = await run.next()
  assert.deepEqual([approval.tool_name, approval.input.command], ['Bash', 'echo yes > made'])
  const waiting = await runOf(server, run.runId)
  assert.deepEqual([waiting.status, waiting.pending], ['waiting', [approval]])
  assert.equal(conversation.has('made'), false)
  const { status, body } = await run.answer(approval, { behavior: 'allow' })
  assert.equal(status, 200)
  RunReply.parse(body)
  const end = await run.finish()
  assert.deepEqual([end.type, end.type === 'done' && end.result], ['done', 'done'])
  assert.equal(readFileSync(join(conversation.cwd, 'made'), 'utf8'), 'yes\n')
  assert.deepEqual(run.answered, ['allow by caller'])
  assert.deepEqual((await runOf(server, run.runId)).pending, [])
  const late = await run.answer(approval, { behavior: 'deny' })
  assert.deepEqual([late.status, late.body.code], [404, 'not_found'])
})

test('a command that is allowed with other input runs with that input', async () => {
  const run = await start(`go ${bash('echo bad > bad')} ${done}`)
  const approval = await run.next()
  await run.answer(approval, { behavior: 'allow', updated_input: { command: 'echo good > good', description: 'x' } })
  assert.equal((await run.finish()).type, 'done')
  assert.equal(readFileSync(join(conversation.cwd, 'good'), 'utf8'), 'good\n')
  assert.equal(conversation.has('bad'), false)
})

test('the message of a denial reaches the model as the error of its tool, and the run continues', async () => {
  const run = await start(`go ${bash('touch denied')} ${step({ text: 'well then' })}`)
  await run.answer(await run.next(), { behavior: 'deny', message: 'Not on a Sunday, thank you.' })
  const end = await run.finish()
  assert.ok(end.type === 'done')
  assert.equal(end.result, 'well then')
  assert.match(resultsForModel(server).join(), /Not on a Sunday, thank you\./)
  assert.deepEqual(
    run.results.map(({ is_error }) => is_error),
    [true],
  )
  assert.equal(end.permission_denials[0]?.tool_name, 'Bash')
  assert.equal(conversation.has('denied'), false)
})

test('two permission prompts at once are answered separately', async () => {
  const call = (command: string) => ({ name: 'Bash', input: { command, description: 'x' } })
  const both = step({ tools: [call('touch refused'), call('touch allowed')] })
  const run = await start(`go ${both} ${done}`)
  for (let count = 0; count < 2; count++) {
    const approval = await run.next()
    await run.answer(approval, { behavior: approval.input.command === 'touch allowed' ? 'allow' : 'deny' })
  }
  assert.equal((await run.finish()).type, 'done')
  assert.deepEqual(['refused', 'allowed'].map(conversation.has.bind(conversation)), [false, true])
})

test('a remembered permission is not requested again in the conversation, but others are', async () => {
  const remembering = new Conversation(server)
  const run = await remembering.start(`go ${bash('touch one')} ${bash('touch one two')} ${bash('mkdir three')} ${done}`)
  await run.answer(await run.next(), { behavior: 'allow', remember: true })
  const second = await run.next()
  assert.equal(second.input.command, 'mkdir three')
  assert.equal(remembering.has('two'), true)
  await run.answer(second, { behavior: 'deny' })
  assert.equal((await run.finish()).type, 'done')
  // The conversation remembers, its settings on disk do not.
  const again = await remembering.start(`more ${bash('touch one four')} ${step({ text: 'ok' })}`)
  assert.equal((await again.finish()).type, 'done')
  assert.equal(remembering.has('four'), true)
  for (const name of ['settings.json', 'settings.local.json']) {
    assert.equal(remembering.has(join('.claude', name)), false, name)
  }
  const also = await start(`other ${bash('touch one')} ${step({ text: 'ok' })}`)
  await also.answer(await also.next(), { behavior: 'deny' })
  await also.finish()
})

test('remembering a command for which no rule is narrow enough does not allow other commands', async () => {
  const outside = join(server.folders.root, 'outside')
  const script = `${bash(`touch ${outside} && rm two`)} ${bash('curl -s http://127.0.0.1:9/')} ${done}`
  const run = await start(`go ${script}`)
  const approval = await run.next()
  assert.deepEqual(approval.suggestions, [])
  await run.answer(approval, { behavior: 'allow', remember: true })
  const second = await run.next()
  assert.equal(second.input.command, 'curl -s http://127.0.0.1:9/')
  await run.answer(second, { behavior: 'deny' })
  assert.equal((await run.finish()).type, 'done')
})

// The rules that the CLI suggests for these do not match the call that they are for.
for (const command of ['touch a; echo done', 'touch "a b" > out.txt', 'touch a: *']) {
  test(`a remembered call is not requested again, whatever its form: ${command}`, async () => {
    const remembering = new Conversation(server)
    const run = await remembering.start(`go ${bash(command)} ${done}`)
    await run.answer(await run.next(), { behavior: 'allow', remember: true })
    assert.equal((await run.finish()).type, 'done')
    const other = step({ tool: 'Bash', input: { command: `${command} > other`, description: 'more' } })
    const same = step({ tool: 'Bash', input: { command, description: 'once more', timeout: 5000 } })
    const again = await remembering.start(`more ${same} ${other} ${step({ text: 'ok' })}`)
    const second = await again.next()
    assert.equal(second.input.command, `${command} > other`)
    await again.answer(second, { behavior: 'deny' })
    assert.equal((await again.finish()).type, 'done')
    const elsewhere = await new Conversation(server).start(`other ${bash(command)} ${done}`)
    await elsewhere.answer(await elsewhere.next(), { behavior: 'deny' })
    await elsewhere.finish()
  })
}

for (const how of ['disconnects', 'cancels'] as const) {
  test(`a client that ${how} while an approval is pending ends the run, and the conversation can continue`, async () => {
    const run = await start(`two ${bash(`touch ${how}`)}`)
    const approval = await run.next()
    const { runId, sessionId } = run
    if (how === 'disconnects') run.disconnect()
    else {
      const { status, body } = await post(server, `/v1/runs/${runId}/cancel`, {})
      const reply = RunReply.parse(body)
      assert.deepEqual([status, reply.status, reply.pending], [200, 'cancelled', []])
      const end = await run.finish()
      assert.deepEqual([end.type, end.type === 'error' && end.code], ['error', 'cancelled'])
    }
    const next = await start(`three ${step({ text: 'drei' })}`)
    const end = await next.finish()
    assert.deepEqual([end.type === 'done' && end.result, next.sessionId], ['drei', sessionId])
    assert.equal((await runOf(server, runId)).status, 'cancelled')
    assert.equal(conversation.has(how), false)
    const { status, body } = await run.answer(approval, { behavior: 'allow' })
    assert.deepEqual([status, body.code], [404, 'not_found'])
  })
}

test('a background run waits for its answer, which may come on another connection', async () => {
  const run = await start(`go ${bash('touch later')} ${done}`, { background: true })
  const approval = await run.next()
  const { runId } = run
  run.disconnect()
  const { runs } = await get(server, '/v1/runs?status=waiting', RunList)
  assert.deepEqual(
    runs.map(({ id, pending }) => [id, pending]),
    [[runId, [approval]]],
  )
  await run.answer(approval, { behavior: 'allow' })
  const again = await fetch(`${server.url}/v1/runs/${runId}/events?events=full`)
  const events: ChatEvent[] = []
  for await (const event of readChatEvents(again)) events.push(event)
  assert.equal(events.at(-1)?.type, 'done')
  assert.deepEqual(events.slice(0, run.events.length), run.events)
  assert.equal(conversation.has('later'), true)
  assert.deepEqual((await get(server, '/v1/runs?status=waiting', RunList)).runs, [])
})

const option = (label: string) => ({ label, description: `it is ${label}` })
const color = { question: 'Which color?', header: 'Color', options: ['Red', 'Blue'].map(option), multiSelect: false }
const fruit = { question: 'Which fruit?', header: 'Fruit', options: ['Fig', 'Kiwi'].map(option), multiSelect: true }
const askScript = (...questions: unknown[]) =>
  `go ${step({ tool: 'AskUserQuestion', input: { questions } })} ${step({ text: 'thanks' })}`

test('a question waits for its answers, which reach the model', async () => {
  const run = await start(askScript(color, fruit))
  const question = await run.nextOf('question')
  assert.ok(question.type === 'question')
  assert.deepEqual(question.questions, [color, fruit])
  const waiting = await runOf(server, run.runId)
  assert.deepEqual([waiting.status, waiting.pending], ['waiting', [question]])
  const chosen = { 'Which color?': 'Blue', 'Which fruit?': ['Fig', 'Kiwi'] }
  const { status, body } = await run.answer(question, { answers: chosen }, 'answers')
  assert.equal(status, 200)
  RunReply.parse(body)
  const end = await run.finish()
  assert.ok(end.type === 'done')
  assert.deepEqual([end.result, end.permission_denials], ['thanks', []])
  const results = resultsForModel(server).join()
  assert.match(results, /Which color\?.*Blue/)
  assert.match(results, /Which fruit\?.*Fig, Kiwi/)
  assert.deepEqual(run.answered, ['allow by caller'])
  const late = await run.answer(question, { answers: chosen }, 'answers')
  assert.deepEqual([late.status, late.body.code], [404, 'not_found'])
})

test('answers that do not match the questions are rejected with an explanation, and the run keeps waiting; a text that is not one of the options is accepted', async () => {
  const run = await start(askScript(color, fruit))
  const question = await run.nextOf('question')
  const cases: [body: Record<string, unknown>, message: RegExp][] = [
    [{}, /^answers is required/],
    [{ answers: {} }, /lacks an answer to "Which color\?"/],
    [{ answers: { 'Which color?': 'Red' } }, /lacks an answer to "Which fruit\?"/],
    [{ answers: { 'Which color?': 'Red', 'Which fruit?': 'Fig', 'Which car?': 'x' } }, /"Which car\?", which was not/],
    [{ answers: { 'Which color?': 5 } }, /must be the label of an option/],
    [{ answers: [], more: 1 }, /^(answers|more)/],
  ]
  for (const [body, message] of cases) {
    const answer = await run.answer(question, body, 'answers')
    assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_request'], JSON.stringify(body))
    assert.match(String(answer.body.error), message)
  }
  assert.equal((await runOf(server, run.runId)).status, 'waiting')
  const unknown = await run.answer({ request_id: 'ask_none' }, { answers: {} }, 'answers')
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'not_found'])
  const answers = { 'Which color?': 'something between teal and "gray"', 'Which fruit?': 'Fig' }
  await run.answer(question, { answers }, 'answers')
  assert.equal((await run.finish()).type, 'done')
  assert.match(resultsForModel(server).join(), /something between teal and/)
})

test('an answer on the wrong route is rejected with the right one', async () => {
  const run = await start(askScript(color))
  const question = await run.nextOf('question')
  const wrong = await run.answer(question, { behavior: 'allow' })
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'invalid_request'])
  assert.match(String(wrong.body.error), /question: answer it at \/v1\/runs\/\{id\}\/answers\/\{request_id\}/)
  await run.answer(question, { answers: { 'Which color?': 'Red' } }, 'answers')
  await run.finish()
  const other = await start(`go ${bash('touch wrong')} ${step({ text: 'ok' })}`)
  const permission = await other.next()
  const also = await other.answer(permission, { answers: { 'Which color?': 'Red' } }, 'answers')
  assert.equal(also.status, 400)
  assert.match(String(also.body.error), /permission_request: answer it at \/v1\/runs\/\{id\}\/permissions\//)
  await other.answer(permission, { behavior: 'deny' })
  await other.finish()
})

test('a run without approvals is denied what needs permission, and does not offer Claude the question tool', async () => {
  const { cwd } = conversation
  const first = await chat(server, { cwd, prompt: `go ${bash('touch no')} ${step({ text: 'ok' })}`, approvals: false })
  assert.deepEqual([first.result, first.permission_denials[0]?.tool_name], ['ok', 'Bash'])
  assert.equal(conversation.has('no'), false)
  const forced = step({ tool: 'AskUserQuestion', input: { questions: [color] }, force_tool: true })
  const prompt = `go ${forced} ${step({ text: 'then not' })}`
  // The default is the same.
  const second = await chat(server, { cwd, prompt, session_id: first.session_id })
  assert.equal(second.result, 'then not')
  const offered = (server.upstream.requests.at(-1)?.body?.tools ?? []).map(({ name }) => name)
  assert.ok(offered.includes('Bash'))
  assert.equal(offered.includes('AskUserQuestion'), false)
})

extendedTest('a permission prompt without an answer in time is denied, and the run continues', async (t) => {
  const hurried = new Conversation(await startServer(t, { config: { approvalTimeoutMs: 300 } }))
  const run = await hurried.start(`go ${bash('touch made')} ${step({ text: 'ok' })}`, { timeout_s: 20 })
  await run.next()
  assert.equal((await run.finish()).type, 'done')
  assert.deepEqual(run.answered, ['deny by timeout'])
  assert.match(resultsForModel(hurried.server).join(), /Nobody answered within/)
  assert.equal(hurried.has('made'), false)
})
