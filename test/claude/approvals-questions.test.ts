// Claude's own questions to a person, with the real CLI: they wait, are answered by their own words, and the answers reach the model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunReply } from '../../src/surfaces/native/run-schemas.ts'
import { chat, post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { bash, heard, runOf, start, Talk } from './approvals-scene.ts'

const option = (label: string) => ({ label, description: `it is ${label}` })
const colour = { question: 'Which colour?', header: 'Colour', options: ['Red', 'Blue'].map(option), multiSelect: false }
const fruit = { question: 'Which fruit?', header: 'Fruit', options: ['Fig', 'Kiwi'].map(option), multiSelect: true }
const asking = (...questions: unknown[]) =>
  `go ${step({ tool: 'AskUserQuestion', input: { questions } })} ${step({ text: 'thanks' })}`

test('a question waits for its answers, and these reach the model', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: asking(colour, fruit) })
  const asked = await talk.nextOf('question')
  assert.ok(asked.type === 'question')
  assert.deepEqual(asked.questions, [colour, fruit])
  const waiting = await runOf(server, talk.runId)
  assert.deepEqual([waiting.status, waiting.pending], ['waiting', [asked]])
  const given = { 'Which colour?': 'Blue', 'Which fruit?': ['Fig', 'Kiwi'] }
  const { status, body } = await talk.answer(asked, { answers: given }, 'answers')
  assert.equal(status, 200)
  RunReply.parse(body)
  const end = await talk.rest()
  assert.ok(end.type === 'done')
  assert.deepEqual([end.result, end.permission_denials], ['thanks', []])
  const said = heard(server).join()
  assert.match(said, /Which colour\?.*Blue/)
  assert.match(said, /Which fruit\?.*Fig, Kiwi/)
  assert.deepEqual(talk.told, ['allow by caller'])
})

test('a text that is none of the options is an answer, too', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: asking(colour) })
  const asked = await talk.nextOf('question')
  await talk.answer(asked, { answers: { 'Which colour?': 'something between teal and "grey"' } }, 'answers')
  assert.equal((await talk.rest()).type, 'done')
  assert.match(heard(server).join(), /something between teal and/)
})

test('answers that do not fit the questions are refused in words that say how, and the run waits on', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: asking(colour, fruit) })
  const asked = await talk.nextOf('question')
  const cases: [body: Record<string, unknown>, message: RegExp][] = [
    [{}, /^answers is required/],
    [{ answers: {} }, /lacks an answer to "Which colour\?"/],
    [{ answers: { 'Which colour?': 'Red' } }, /lacks an answer to "Which fruit\?"/],
    [{ answers: { 'Which colour?': 'Red', 'Which fruit?': 'Fig', 'Which car?': 'x' } }, /"Which car\?", which was not/],
    [{ answers: { 'Which colour?': 5 } }, /must be the label of an option/],
    [{ answers: [], more: 1 }, /^(answers|more)/],
  ]
  for (const [body, message] of cases) {
    const answer = await talk.answer(asked, body, 'answers')
    assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_request'], JSON.stringify(body))
    assert.match(String(answer.body.error), message)
  }
  assert.equal((await runOf(server, talk.runId)).status, 'waiting')
  talk.hangUp()
})

test('an answer by the wrong route is refused, and told the right one', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: `${asking(colour)}` })
  const asked = await talk.nextOf('question')
  const wrong = await talk.answer(asked, { behavior: 'allow' })
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'invalid_request'])
  assert.match(String(wrong.body.error), /question: answer it under \/v1\/runs\/\{id\}\/answers\/\{request_id\}/)
  await talk.answer(asked, { answers: { 'Which colour?': 'Red' } }, 'answers')
  await talk.rest()
  const other = await Talk.begin(server, { prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}` })
  const permission = await other.next()
  const also = await other.answer(permission, { answers: { 'Which colour?': 'Red' } }, 'answers')
  assert.equal(also.status, 400)
  assert.match(String(also.body.error), /permission_request: answer it under \/v1\/runs\/\{id\}\/permissions\//)
  await other.answer(permission, { behavior: 'deny' })
  await other.rest()
})

test('a question that was answered, or was never asked, is not found', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: asking(colour) })
  const asked = await talk.nextOf('question')
  const answers = { 'Which colour?': 'Red' }
  const codes = async (requestId: string) => {
    const { status, body } = await post(server, `/v1/runs/${talk.runId}/answers/${requestId}`, { answers })
    return [status, body.code]
  }
  assert.deepEqual(await codes('ask_none'), [404, 'not_found'])
  await talk.answer(asked, { answers }, 'answers')
  await talk.rest()
  assert.deepEqual(await codes(asked.request_id), [404, 'not_found'])
})

test('a run without approvals has nobody to ask, so that Claude is not offered to', async (t) => {
  const server = await start(t)
  const forced = step({ tool: 'AskUserQuestion', input: { questions: [colour] }, force_tool: true })
  const reply = await chat(server, { prompt: `go ${forced} ${step({ text: 'then not' })}` })
  assert.equal(reply.result, 'then not')
  const offered = (server.upstream.requests.at(-1)?.body?.tools ?? []).map(({ name }) => name)
  assert.ok(offered.includes('Bash'))
  assert.equal(offered.includes('AskUserQuestion'), false)
})
