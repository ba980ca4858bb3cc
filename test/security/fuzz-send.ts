// Sends fuzzed bodies through the HTTP application and checks what must hold for every answer, whatever was sent.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { InjectOptions } from 'fastify'
import { createInjectApp, type InjectApp } from '../helpers/inject-app.ts'
import { aborted, failedEnd, goodRun, runEnd, runStart, type Script, ScriptedAgent } from '../helpers/scripted-agent.ts'
import { one, setUp as setUpSessions } from '../helpers/session-app.ts'
import { allSurfaces, eventsOf, native, type Surface } from './surfaces.ts'

/** Sends one body; throws if the answer is not as it must be. */
export type Send = (payload: Buffer) => Promise<void>

type Answer = { statusCode: number; headers: Record<string, unknown>; body: string }

/** Returns whether the body was accepted. */
function checkAnswer({ statusCode, headers, body }: Answer, surface: Surface): boolean {
  assert.ok(statusCode < 500, `${statusCode} ${body}`)
  assert.match(String(headers['x-request-id']), /^req_[0-9a-f]{24}$/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  const type = String(headers['content-type'])
  if (statusCode < 300 && /^(?:text\/event-stream|application\/x-ndjson)/.test(type)) {
    const last = eventsOf(body).at(-1)
    assert.ok(last !== undefined && surface.isEnd(last), 'a stream is not complete')
    return true
  }
  assert.match(type, /^application\/json/)
  const parsed: unknown = JSON.parse(body)
  if (statusCode < 300) return true
  assert.ok(statusCode >= 400, `${statusCode}`)
  const message = surface.messageOf(surface.ErrorBody.parse(parsed))
  assert.ok(message.length > 0)
  assert.ok(Buffer.byteLength(body) < 16_000, 'an error echoes more than the mistake')
  return false
}

/** No internal error was logged, and no shared prototype was changed. */
function assertNoErrors(logLines: readonly Record<string, unknown>[]): void {
  const failure = logLines.find(({ level, msg }) => Number(level) >= 50 || msg === 'unexpected error')
  assert.equal(failure, undefined, JSON.stringify(failure))
  assert.equal(({} as { admin?: unknown }).admin, undefined)
}

const headers = { host: 'localhost', 'content-type': 'application/json' }

const post = ({ inject }: Pick<InjectApp, 'inject'>, url: string, payload: Buffer) =>
  inject({ method: 'POST', url, headers, payload } satisfies InjectOptions)

/** An answer that fits every request, as some of them request JSON. */
const obliging: Script = ({ options: { jsonSchema } }) => [
  ...goodRun(['{}']).slice(0, -1),
  runEnd({ result: '{}', structuredOutput: jsonSchema === null ? null : {} }),
]

/** Ollama's answer to a request without a prompt. */
const isLoadReply = (body: string) => /"done_reason":"(?:un)?load"/.test(body)

/** An accepted body causes one run, unless it is only counted, or only loads a model. */
export async function sendToAgent(t: TestContext, path: string, surface: Surface, isCounted = false): Promise<Send> {
  const agent = new ScriptedAgent(obliging)
  const app = await createInjectApp(t, allSurfaces({ agent }))
  // Thousands of runs must not pile up in memory.
  const remembered = [agent.requests, agent.signals, agent.taken, agent.over, app.logLines]
  return async (payload) => {
    for (const list of remembered) list.length = 0
    const answer = await post(app, path, payload)
    const isAccepted = checkAnswer(answer, surface)
    const runCount = agent.requests.length
    const isRun = isAccepted && !isCounted && !isLoadReply(answer.body)
    assert.equal(runCount, isRun ? 1 : 0, `${answer.statusCode} ${answer.body.slice(0, 200)}`)
    assertNoErrors(app.logLines)
  }
}

export const question = 'Which color?'

const approvals = {
  permissions: { kind: 'permission', toolName: 'Bash', input: { command: 'ls' } },
  answers: { kind: 'question', toolName: 'AskUserQuestion', input: { questions: [{ question }] } },
} as const

/** A run that requests one approval after the other, forever. An accepted body answers the open one. */
export async function sendAnswers(t: TestContext, kind: keyof typeof approvals): Promise<Send> {
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
        ...approvals[kind],
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

/** An accepted body changes the session's file, once. */
export async function sendToSession(
  t: TestContext,
  method: 'PATCH' | 'POST',
  path: string,
  done: RegExp,
): Promise<Send> {
  const { send, files, logLines } = await setUpSessions(t)
  return async (payload) => {
    files.calls.length = 0
    logLines.length = 0
    const { status, headers, body } = await send(method, `/${one}${path}`, payload.toString())
    const isAccepted = checkAnswer({ statusCode: status, headers, body }, native)
    assert.equal(files.calls.filter((call) => done.test(call)).length, isAccepted ? 1 : 0, files.calls.join())
    assertNoErrors(logLines)
  }
}
