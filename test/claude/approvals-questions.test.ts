// Claude's own questions to a person, with the real CLI: they wait, are answered with their own fields, and the answers
// reach the model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { chat, post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { ApprovalRun, bash, resultsForModel, runOf, shareServer } from './approvals-scene.ts'

const option = (label: string) => ({ label, description: `it is ${label}` })
const color = { question: 'Which color?', header: 'Color', options: ['Red', 'Blue'].map(option), multiSelect: false }
const fruit = { question: 'Which fruit?', header: 'Fruit', options: ['Fig', 'Kiwi'].map(option), multiSelect: true }
const askScript = (...questions: unknown[]) =>
  `go ${step({ tool: 'AskUserQuestion', input: { questions } })} ${step({ text: 'thanks' })}`

const shared = await shareServer()

test('a question waits for its answers, which reach the model', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: askScript(color, fruit) })
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
})

test('a text that is not one of the options is accepted as an answer', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: askScript(color) })
  const question = await run.nextOf('question')
  await run.answer(question, { answers: { 'Which color?': 'something between teal and "gray"' } }, 'answers')
  assert.equal((await run.finish()).type, 'done')
  assert.match(resultsForModel(server).join(), /something between teal and/)
})

test('answers that do not match the questions are rejected with an explanation, and the run keeps waiting', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: askScript(color, fruit) })
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
  run.disconnect()
})

test('an answer on the wrong route is rejected with the right one', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: `${askScript(color)}` })
  const question = await run.nextOf('question')
  const wrong = await run.answer(question, { behavior: 'allow' })
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'invalid_request'])
  assert.match(String(wrong.body.error), /question: answer it at \/v1\/runs\/\{id\}\/answers\/\{request_id\}/)
  await run.answer(question, { answers: { 'Which color?': 'Red' } }, 'answers')
  await run.finish()
  const other = await ApprovalRun.start(server, { prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}` })
  const permission = await other.next()
  const also = await other.answer(permission, { answers: { 'Which color?': 'Red' } }, 'answers')
  assert.equal(also.status, 400)
  assert.match(String(also.body.error), /permission_request: answer it at \/v1\/runs\/\{id\}\/permissions\//)
  await other.answer(permission, { behavior: 'deny' })
  await other.finish()
})

test('a question that was answered, or that does not exist, is not found', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: askScript(color) })
  const question = await run.nextOf('question')
  const answers = { 'Which color?': 'Red' }
  const codes = async (requestId: string) => {
    const { status, body } = await post(server, `/v1/runs/${run.runId}/answers/${requestId}`, { answers })
    return [status, body.code]
  }
  assert.deepEqual(await codes('ask_none'), [404, 'not_found'])
  await run.answer(question, { answers }, 'answers')
  await run.finish()
  assert.deepEqual(await codes(question.request_id), [404, 'not_found'])
})

test('a run without approvals does not offer Claude the question tool', async () => {
  const server = shared()
  const forced = step({ tool: 'AskUserQuestion', input: { questions: [color] }, force_tool: true })
  const reply = await chat(server, { cwd: server.folders.cwd, prompt: `go ${forced} ${step({ text: 'then not' })}` })
  assert.equal(reply.result, 'then not')
  const offered = (server.upstream.requests.at(-1)?.body?.tools ?? []).map(({ name }) => name)
  assert.ok(offered.includes('Bash'))
  assert.equal(offered.includes('AskUserQuestion'), false)
})
