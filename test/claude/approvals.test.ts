// Runs of the real CLI that ask a person before a tool is used: what the answer does, who may give it and when.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RunList, RunReply } from '../../src/surfaces/native/run-schemas.ts'
import type { ChatEvent } from '../../src/surfaces/native/schemas.ts'
import { chat, post, readChatEvents } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { bash, get, heard, runOf, start, Talk } from './approvals-scene.ts'

test('a command runs only after it was allowed', async (t) => {
  const server = await start(t)
  const file = join(server.folders.cwd, 'made')
  const talk = await Talk.begin(server, { prompt: `go ${bash('echo yes > made')} ${step({ text: 'done' })}` })
  const asked = await talk.next()
  assert.deepEqual([asked.tool_name, asked.input.command], ['Bash', 'echo yes > made'])
  const waiting = await runOf(server, talk.runId)
  assert.deepEqual([waiting.status, waiting.pending], ['waiting', [asked]])
  assert.equal(existsSync(file), false)
  const { status, body } = await talk.answer(asked, { behavior: 'allow' })
  assert.equal(status, 200)
  RunReply.parse(body)
  const end = await talk.rest()
  assert.deepEqual([end.type, end.type === 'done' && end.result], ['done', 'done'])
  assert.equal(readFileSync(file, 'utf8'), 'yes\n')
  assert.deepEqual(talk.told, ['allow by caller'])
  assert.deepEqual((await runOf(server, talk.runId)).pending, [])
  const late = await talk.answer(asked, { behavior: 'deny' })
  assert.deepEqual([late.status, late.body.code], [404, 'not_found'])
})

test('what was allowed with other input is what runs', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: `go ${bash('echo bad > bad')} ${step({ text: 'done' })}` })
  const asked = await talk.next()
  await talk.answer(asked, { behavior: 'allow', updated_input: { command: 'echo good > good', description: 'x' } })
  assert.equal((await talk.rest()).type, 'done')
  assert.equal(readFileSync(join(server.folders.cwd, 'good'), 'utf8'), 'good\n')
  assert.equal(existsSync(join(server.folders.cwd, 'bad')), false)
})

test('the words of a denial reach the model as the error of its tool, and the run goes on', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, { prompt: `go ${bash('touch made')} ${step({ text: 'well then' })}` })
  await talk.answer(await talk.next(), { behavior: 'deny', message: 'Not on a Sunday, thank you.' })
  const end = await talk.rest()
  assert.ok(end.type === 'done')
  assert.equal(end.result, 'well then')
  assert.match(heard(server).join(), /Not on a Sunday, thank you\./)
  assert.deepEqual(
    talk.results.map(({ is_error }) => is_error),
    [true],
  )
  assert.equal(end.permission_denials[0]?.tool_name, 'Bash')
  assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
})

test('what is to be remembered is not asked again in the conversation, and everything else is', async (t) => {
  const server = await start(t)
  const script = `${bash('touch one')} ${bash('touch one two')} ${bash('mkdir three')} ${step({ text: 'done' })}`
  const talk = await Talk.begin(server, { prompt: `go ${script}` })
  await talk.answer(await talk.next(), { behavior: 'allow', remember: true })
  const second = await talk.next()
  assert.equal(second.input.command, 'mkdir three')
  assert.equal(existsSync(join(server.folders.cwd, 'two')), true)
  await talk.answer(second, { behavior: 'deny' })
  const end = await talk.rest()
  assert.ok(end.type === 'done')
  // The conversation remembers, its settings on disk do not.
  const { session_id } = end
  const again = await Talk.begin(server, {
    prompt: `more ${bash('touch one four')} ${step({ text: 'ok' })}`,
    session_id,
  })
  assert.equal((await again.rest()).type, 'done')
  assert.equal(existsSync(join(server.folders.cwd, 'four')), true)
  for (const name of ['settings.json', 'settings.local.json']) {
    assert.equal(existsSync(join(server.folders.cwd, '.claude', name)), false, name)
  }
  const other = await Talk.begin(server, { prompt: `other ${bash('touch one')} ${step({ text: 'ok' })}` })
  await other.answer(await other.next(), { behavior: 'deny' })
  await other.rest()
})

test('a command that is to be remembered does not let other commands run for which no rule is narrow enough', async (t) => {
  const server = await start(t)
  const outside = join(server.folders.root, 'outside')
  const script = `${bash(`touch ${outside} && rm two`)} ${bash('curl -s http://127.0.0.1:9/')} ${step({ text: 'done' })}`
  const talk = await Talk.begin(server, { prompt: `go ${script}` })
  const asked = await talk.next()
  assert.deepEqual(asked.suggestions, [])
  await talk.answer(asked, { behavior: 'allow', remember: true })
  const second = await talk.next()
  assert.equal(second.input.command, 'curl -s http://127.0.0.1:9/')
  await talk.answer(second, { behavior: 'deny' })
  assert.equal((await talk.rest()).type, 'done')
})

test('two calls that ask at once are answered each for itself', async (t) => {
  const server = await start(t)
  const call = (command: string) => ({ name: 'Bash', input: { command, description: 'x' } })
  const both = step({ tools: [call('touch one'), call('touch two')] })
  const talk = await Talk.begin(server, { prompt: `go ${both} ${step({ text: 'done' })}` })
  for (let count = 0; count < 2; count++) {
    const asked = await talk.next()
    await talk.answer(asked, { behavior: asked.input.command === 'touch two' ? 'allow' : 'deny' })
  }
  assert.equal((await talk.rest()).type, 'done')
  assert.deepEqual(
    ['one', 'two'].map((name) => existsSync(join(server.folders.cwd, name))),
    [false, true],
  )
})

test('what nobody answers in time is denied, and the run goes on', async (t) => {
  const server = await start(t, { config: { approvalTimeoutMs: 300 } })
  const talk = await Talk.begin(server, { prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}`, timeout_s: 20 })
  await talk.next()
  assert.equal((await talk.rest()).type, 'done')
  assert.deepEqual(talk.told, ['deny by timeout'])
  assert.match(heard(server).join(), /Nobody answered within/)
  assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
})

test("the time that a person takes is not the run's", async (t) => {
  const server = await start(t, { config: { approvalTimeoutMs: 6000 } })
  await chat(server, { prompt: 'one' })
  const talk = await Talk.begin(server, { prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}`, timeout_s: 5 })
  await talk.next()
  // Denied after 6 seconds, of which none count.
  assert.equal((await talk.rest()).type, 'done')
})

for (const how of ['hangs up', 'cancels'] as const) {
  test(`a client that ${how} while it is asked ends the run, and the conversation goes on`, async (t) => {
    const server = await start(t)
    const { session_id } = await chat(server, { prompt: 'one' })
    const talk = await Talk.begin(server, { prompt: `two ${bash('touch made')}`, session_id })
    const asked = await talk.next()
    const { runId } = talk
    if (how === 'hangs up') talk.hangUp()
    else {
      const { status, body } = await post(server, `/v1/runs/${runId}/cancel`, {})
      const run = RunReply.parse(body)
      assert.deepEqual([status, run.status, run.pending], [200, 'cancelled', []])
      const end = await talk.rest()
      assert.deepEqual([end.type, end.type === 'error' && end.code], ['error', 'cancelled'])
    }
    const reply = await chat(server, { prompt: `three ${step({ text: 'drei' })}`, session_id })
    assert.deepEqual([reply.session_id, reply.result], [session_id, 'drei'])
    assert.equal((await runOf(server, runId)).status, 'cancelled')
    assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
    const { status, body } = await talk.answer(asked, { behavior: 'allow' })
    assert.deepEqual([status, body.code], [404, 'not_found'])
  })
}

test('a run without approvals is denied what needs them, as ever', async (t) => {
  const server = await start(t)
  for (const approvals of [false, undefined]) {
    const prompt = `go ${bash('touch made')} ${step({ text: 'ok' })}`
    const reply = await chat(server, { prompt, ...(approvals === undefined ? {} : { approvals }) })
    assert.deepEqual([reply.result, reply.permission_denials[0]?.tool_name], ['ok', 'Bash'])
    assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
  }
})

test('a run in the background waits for its answer, which comes by another connection', async (t) => {
  const server = await start(t)
  const talk = await Talk.begin(server, {
    prompt: `go ${bash('touch made')} ${step({ text: 'done' })}`,
    background: true,
  })
  const asked = await talk.next()
  const { runId } = talk
  talk.hangUp()
  const { runs } = await get(server, '/v1/runs?status=waiting', RunList)
  assert.deepEqual(
    runs.map(({ id, pending }) => [id, pending]),
    [[runId, [asked]]],
  )
  await talk.answer(asked, { behavior: 'allow' })
  const again = await fetch(`${server.url}/v1/runs/${runId}/events?events=full`)
  const events: ChatEvent[] = []
  for await (const event of readChatEvents(again)) events.push(event)
  assert.equal(events.at(-1)?.type, 'done')
  assert.deepEqual(events.slice(0, talk.events.length), talk.events)
  assert.equal(existsSync(join(server.folders.cwd, 'made')), true)
  assert.deepEqual((await get(server, '/v1/runs?status=waiting', RunList)).runs, [])
})
