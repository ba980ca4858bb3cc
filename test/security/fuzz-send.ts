// Sends the bodies of fuzzing through the HTTP application, and looks at what every answer has to be, whatever was sent.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { InjectOptions } from 'fastify'
import { createInjectApp, type InjectApp } from '../helpers/inject-app.ts'
import { aborted, failedEnd, goodRun, runEnd, runStart, type Script, ScriptedAgent } from '../helpers/scripted-agent.ts'
import { one, setUp as setUpSessions } from '../helpers/session-app.ts'
import { allSurfaces, eventsOf, native, type Surface } from './surfaces.ts'

/** Sends one body; throws where the answer is not what it has to be. */
export type Send = (payload: Buffer) => Promise<void>

type Answer = { statusCode: number; headers: Record<string, unknown>; body: string }

/** Gives whether it was accepted. */
function checkAnswer({ statusCode, headers, body }: Answer, surface: Surface): boolean {
  assert.ok(statusCode < 500, `${statusCode} ${body}`)
  assert.match(String(headers['x-request-id']), /^req_[0-9a-f]{24}$/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  const type = String(headers['content-type'])
  if (statusCode < 300 && type.startsWith('text/event-stream')) {
    const last = eventsOf(body).at(-1)
    assert.ok(last !== undefined && surface.isEnd(last), 'a stream did not end well')
    return true
  }
  assert.match(type, /^application\/json/)
  const parsed: unknown = JSON.parse(body)
  if (statusCode < 300) return true
  assert.ok(statusCode >= 400, `${statusCode}`)
  const message = surface.messageOf(surface.ErrorBody.parse(parsed))
  assert.ok(message.length > 0)
  assert.ok(Buffer.byteLength(body) < 16_000, 'an error gives back more than what went wrong')
  return false
}

/** Nothing went wrong inside, and nothing was changed that all share. */
function assertNoErrors(logLines: readonly Record<string, unknown>[]): void {
  const failure = logLines.find(({ level, msg }) => Number(level) >= 50 || msg === 'unexpected error')
  assert.equal(failure, undefined, JSON.stringify(failure))
  assert.equal(({} as { admin?: unknown }).admin, undefined)
}

const headers = { host: 'localhost', 'content-type': 'application/json' }

const post = ({ inject }: Pick<InjectApp, 'inject'>, url: string, payload: Buffer) =>
  inject({ method: 'POST', url, headers, payload } satisfies InjectOptions)

/** An answer that is right whatever was asked for, which of the requests may ask for JSON. */
const obliging: Script = ({ options: { jsonSchema } }) => [
  ...goodRun(['{}']).slice(0, -1),
  runEnd({ result: '{}', structuredOutput: jsonSchema === null ? null : {} }),
]

/** What is accepted is asked of the agent once; what is only counted is not. */
export async function sendToAgent(t: TestContext, path: string, surface: Surface, isCounted = false): Promise<Send> {
  const agent = new ScriptedAgent(obliging)
  const app = await createInjectApp(t, allSurfaces({ agent }))
  // Thousands of runs are not to be remembered.
  const remembered = [agent.requests, agent.signals, agent.taken, agent.over, app.logLines]
  return async (payload) => {
    for (const list of remembered) list.length = 0
    const answer = await post(app, path, payload)
    const isAccepted = checkAnswer(answer, surface)
    const runCount = agent.requests.length
    assert.equal(runCount, isAccepted && !isCounted ? 1 : 0, `${answer.statusCode} ${answer.body.slice(0, 200)}`)
    assertNoErrors(app.logLines)
  }
}

export const question = 'Which color?'

const asks = {
  permissions: { kind: 'permission', toolName: 'Bash', input: { command: 'ls' } },
  answers: { kind: 'question', toolName: 'AskUserQuestion', input: { questions: [{ question }] } },
} as const

/** A run that asks one thing after the other, for ever. What is accepted answers the one that is open. */
export async function sendAnswers(t: TestContext, kind: keyof typeof asks): Promise<Send> {
  let open = Promise.withResolvers<string>()
  const agent: ScriptedAgent = new ScriptedAgent(async function* (_request, signal) {
    const end = aborted(signal)
    yield runStart()
    for (let count = 1; ; count++) {
      const requestId = `ask_${count}`
      agent.open.add(requestId)
      yield {
        type: 'ask',
        requestId,
        toolId: 'toolu_1',
        description: null,
        blockedPath: null,
        suggestions: [],
        ...asks[kind],
      }
      open.resolve(requestId)
      const failure = await Promise.race([agent.answered(count), end])
      if (failure !== undefined) return yield failedEnd(failure)
      open = Promise.withResolvers()
      yield { type: 'ask-answered', requestId, behavior: 'allow', by: 'caller' }
    }
  })
  const app = await createInjectApp(t, allSurfaces({ agent }))
  void post(app, '/v1/chat', Buffer.from('{"prompt":"hi"}'))
  await agent.requested(1)
  const runId = agent.requests[0]?.runId
  return async (payload) => {
    app.logLines.length = 0
    const requestId = await open.promise
    const before = agent.answers.length
    const isAccepted = checkAnswer(await post(app, `/v1/runs/${runId}/${kind}/${requestId}`, payload), native)
    assert.equal(agent.answers.length - before, isAccepted ? 1 : 0)
    assertNoErrors(app.logLines)
  }
}

/** What is accepted is done to the session's file, once. */
export async function sendToSession(
  t: TestContext,
  method: 'PATCH' | 'POST',
  path: string,
  done: RegExp,
): Promise<Send> {
  const { ask, files, logLines } = await setUpSessions(t)
  return async (payload) => {
    files.calls.length = 0
    logLines.length = 0
    const { status, headers, body } = await ask(method, `/${one}${path}`, payload.toString())
    const isAccepted = checkAnswer({ statusCode: status, headers, body }, native)
    assert.equal(files.calls.filter((call) => done.test(call)).length, isAccepted ? 1 : 0, files.calls.join())
    assertNoErrors(logLines)
  }
}
