// Runs of the real CLI that need a person's permission before a tool is used: what the answer does, who may give it and
// when.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { RunList, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { chat, post, readChatEvents } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { ApprovalRun, bash, get, resultsForModel, runOf, shareServer, startServer } from './approvals-scene.ts'

const shared = await shareServer()

test('a command runs only after it is allowed', async () => {
  const server = shared()
  const file = join(server.folders.cwd, 'made')
  const run = await ApprovalRun.start(server, { prompt: `go ${bash('echo yes > made')} ${step({ text: 'done' })}` })
  const approval = await run.next()
  assert.deepEqual([approval.tool_name, approval.input.command], ['Bash', 'echo yes > made'])
  const waiting = await runOf(server, run.runId)
  assert.deepEqual([waiting.status, waiting.pending], ['waiting', [approval]])
  assert.equal(existsSync(file), false)
  const { status, body } = await run.answer(approval, { behavior: 'allow' })
  assert.equal(status, 200)
  RunReply.parse(body)
  const end = await run.finish()
  assert.deepEqual([end.type, end.type === 'done' && end.result], ['done', 'done'])
  assert.equal(readFileSync(file, 'utf8'), 'yes\n')
  assert.deepEqual(run.answered, ['allow by caller'])
  assert.deepEqual((await runOf(server, run.runId)).pending, [])
  const late = await run.answer(approval, { behavior: 'deny' })
  assert.deepEqual([late.status, late.body.code], [404, 'not_found'])
})

test('a command that is allowed with other input runs with that input', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: `go ${bash('echo bad > bad')} ${step({ text: 'done' })}` })
  const approval = await run.next()
  await run.answer(approval, { behavior: 'allow', updated_input: { command: 'echo good > good', description: 'x' } })
  assert.equal((await run.finish()).type, 'done')
  assert.equal(readFileSync(join(server.folders.cwd, 'good'), 'utf8'), 'good\n')
  assert.equal(existsSync(join(server.folders.cwd, 'bad')), false)
})

test('the message of a denial reaches the model as the error of its tool, and the run continues', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, { prompt: `go ${bash('touch made')} ${step({ text: 'well then' })}` })
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
  assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
})

test('a remembered permission is not requested again in the conversation, but others are', async () => {
  const server = shared()
  const script = `${bash('touch one')} ${bash('touch one two')} ${bash('mkdir three')} ${step({ text: 'done' })}`
  const run = await ApprovalRun.start(server, { prompt: `go ${script}` })
  await run.answer(await run.next(), { behavior: 'allow', remember: true })
  const second = await run.next()
  assert.equal(second.input.command, 'mkdir three')
  assert.equal(existsSync(join(server.folders.cwd, 'two')), true)
  await run.answer(second, { behavior: 'deny' })
  const end = await run.finish()
  assert.ok(end.type === 'done')
  // The conversation remembers, its settings on disk do not.
  const { session_id } = end
  const again = await ApprovalRun.start(server, {
    prompt: `more ${bash('touch one four')} ${step({ text: 'ok' })}`,
    session_id,
  })
  assert.equal((await again.finish()).type, 'done')
  assert.equal(existsSync(join(server.folders.cwd, 'four')), true)
  for (const name of ['settings.json', 'settings.local.json']) {
    assert.equal(existsSync(join(server.folders.cwd, '.claude', name)), false, name)
  }
  const other = await ApprovalRun.start(server, { prompt: `other ${bash('touch one')} ${step({ text: 'ok' })}` })
  await other.answer(await other.next(), { behavior: 'deny' })
  await other.finish()
})

test('remembering a command for which no rule is narrow enough does not allow other commands', async () => {
  const server = shared()
  const outside = join(server.folders.root, 'outside')
  const script = `${bash(`touch ${outside} && rm two`)} ${bash('curl -s http://127.0.0.1:9/')} ${step({ text: 'done' })}`
  const run = await ApprovalRun.start(server, { prompt: `go ${script}` })
  const approval = await run.next()
  assert.deepEqual(approval.suggestions, [])
  await run.answer(approval, { behavior: 'allow', remember: true })
  const second = await run.next()
  assert.equal(second.input.command, 'curl -s http://127.0.0.1:9/')
  await run.answer(second, { behavior: 'deny' })
  assert.equal((await run.finish()).type, 'done')
})

test('two permission prompts at once are answered separately', async () => {
  const server = shared()
  const call = (command: string) => ({ name: 'Bash', input: { command, description: 'x' } })
  const both = step({ tools: [call('touch one'), call('touch two')] })
  const run = await ApprovalRun.start(server, { prompt: `go ${both} ${step({ text: 'done' })}` })
  for (let count = 0; count < 2; count++) {
    const approval = await run.next()
    await run.answer(approval, { behavior: approval.input.command === 'touch two' ? 'allow' : 'deny' })
  }
  assert.equal((await run.finish()).type, 'done')
  assert.deepEqual(
    ['one', 'two'].map((name) => existsSync(join(server.folders.cwd, name))),
    [false, true],
  )
})

test('a permission prompt without an answer in time is denied, and the run continues', async (t) => {
  const server = await startServer(t, { config: { approvalTimeoutMs: 300 } })
  const run = await ApprovalRun.start(server, {
    prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}`,
    timeout_s: 20,
  })
  await run.next()
  assert.equal((await run.finish()).type, 'done')
  assert.deepEqual(run.answered, ['deny by timeout'])
  assert.match(resultsForModel(server).join(), /Nobody answered within/)
  assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
})

extendedTest('the time that a person takes to answer does not count towards the timeout of the run', async (t) => {
  const server = await startServer(t, { config: { approvalTimeoutMs: 6000 } })
  await chat(server, { cwd: server.folders.cwd, prompt: 'one' })
  const run = await ApprovalRun.start(server, {
    prompt: `go ${bash('touch made')} ${step({ text: 'ok' })}`,
    timeout_s: 5,
  })
  await run.next()
  // Denied after 6 seconds, of which none count.
  assert.equal((await run.finish()).type, 'done')
})

for (const how of ['disconnects', 'cancels'] as const) {
  test(`a client that ${how} while an approval is pending ends the run, and the conversation can continue`, async () => {
    const server = shared()
    const { session_id } = await chat(server, { cwd: server.folders.cwd, prompt: 'one' })
    const run = await ApprovalRun.start(server, { prompt: `two ${bash('touch made')}`, session_id })
    const approval = await run.next()
    const { runId } = run
    if (how === 'disconnects') run.disconnect()
    else {
      const { status, body } = await post(server, `/v1/runs/${runId}/cancel`, {})
      const reply = RunReply.parse(body)
      assert.deepEqual([status, reply.status, reply.pending], [200, 'cancelled', []])
      const end = await run.finish()
      assert.deepEqual([end.type, end.type === 'error' && end.code], ['error', 'cancelled'])
    }
    const reply = await chat(server, { cwd: server.folders.cwd, prompt: `three ${step({ text: 'drei' })}`, session_id })
    assert.deepEqual([reply.session_id, reply.result], [session_id, 'drei'])
    assert.equal((await runOf(server, runId)).status, 'cancelled')
    assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
    const { status, body } = await run.answer(approval, { behavior: 'allow' })
    assert.deepEqual([status, body.code], [404, 'not_found'])
  })
}

test('a run without approvals is denied what needs permission', async () => {
  const server = shared()
  for (const approvals of [false, undefined]) {
    const prompt = `go ${bash('touch made')} ${step({ text: 'ok' })}`
    const reply = await chat(server, {
      cwd: server.folders.cwd,
      prompt,
      ...(approvals === undefined ? {} : { approvals }),
    })
    assert.deepEqual([reply.result, reply.permission_denials[0]?.tool_name], ['ok', 'Bash'])
    assert.equal(existsSync(join(server.folders.cwd, 'made')), false)
  }
})

test('a background run waits for its answer, which may come on another connection', async () => {
  const server = shared()
  const run = await ApprovalRun.start(server, {
    prompt: `go ${bash('touch made')} ${step({ text: 'done' })}`,
    background: true,
  })
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
  assert.equal(existsSync(join(server.folders.cwd, 'made')), true)
  assert.deepEqual((await get(server, '/v1/runs?status=waiting', RunList)).runs, [])
})
