// Failures of the model's API from the point of view of the server's caller: each has its own status and code, the
// CLI's error text is never an answer, a broken answer never looks complete, and the server continues.
import assert from 'node:assert/strict'
import { after, describe, type TestContext } from 'node:test'
import type { ErrorCode } from '../../../src/errors.ts'
import type { ChatEvent } from '../../../src/surfaces/native/reply-schemas.ts'
import { processesIn, until } from '../../faults/killed-scene.ts'
import { type Answer, chat, chatStream, openStream, post, readChatEvents, textOf } from '../../helpers/client.ts'
import { extendedTest, test, testIf } from '../../helpers/extended.ts'
import { SkippingClock } from '../../helpers/hand-clock.ts'
import { startTestServer, step, type TestServer } from '../../helpers/test-server.ts'

const hooks = { after: after as TestContext['after'] }
const server = await startTestServer(hooks, { config: { maxProcesses: 1 } })
const { upstream } = server

type Reply = { answer: Answer | null; events: ChatEvent[] }

/** Sends a request in one way or the other; a stream that is rejected with a status counts as an answer. */
async function ask(target: TestServer, how: 'chat' | 'stream', body: Record<string, unknown>): Promise<Reply> {
  const whole = { tools: [], system_prompt: 'S', ...body }
  if (how === 'chat') return { answer: await post(target, '/v1/chat', whole), events: [] }
  const response = await openStream(target, whole)
  const { status, headers } = response
  const events: ChatEvent[] = []
  if (status === 200) {
    for await (const event of readChatEvents(response)) events.push(event)
    return { answer: null, events }
  }
  return { answer: { status, headers, body: (await response.json()) as Answer['body'] }, events: [] }
}

/** The answer, or the stream's last event. */
function endOf({ answer, events }: Reply): Record<string, unknown> {
  const end = answer?.body ?? events.at(-1)
  assert.ok(end)
  return { ...end }
}

/** The requests with this word that reached the model's API. */
const requestsWith = (word: string) => upstream.requests.filter(({ raw }) => raw.includes(word))

type Failure = {
  title: string
  script: Record<string, unknown>
  status: number
  code: ErrorCode
  upstreamStatus?: number
  retryAfter?: string
  error: RegExp
  /** How often the model's API is called; absent if that is up to the CLI. */
  requests?: number
}

const noRetry = { headers: { 'x-should-retry': 'false' } }

/** The wait of 30 s is this server's guess: if the CLI gives up at once, it does not report what the API requested. */
const failures: Failure[] = [
  {
    title: '400',
    script: { status: 400 },
    status: 400,
    code: 'invalid_request',
    upstreamStatus: 400,
    error: /scripted 400/,
  },
  {
    title: 'a prompt that is too long',
    script: { status: 400, message: 'prompt is too long: 300000 tokens > 200000 maximum' },
    status: 400,
    code: 'invalid_request',
    upstreamStatus: 400,
    error: /Prompt is too long/,
  },
  {
    title: '401',
    script: { status: 401 },
    status: 503,
    code: 'claude_not_logged_in',
    upstreamStatus: 401,
    error: /Run \S+claude-serve login in a terminal/,
  },
  {
    title: '403',
    script: { status: 403 },
    status: 503,
    code: 'claude_not_logged_in',
    upstreamStatus: 403,
    error: /Run \S+claude-serve login in a terminal/,
  },
  { title: '404', script: { status: 404 }, status: 400, code: 'model_not_found', upstreamStatus: 404, error: /model/ },
  {
    title: '413',
    script: { status: 413 },
    status: 413,
    code: 'body_too_large',
    upstreamStatus: 413,
    error: /too large/,
  },
  {
    title: '429 with a wait of an hour',
    script: { status: 429, retry_after: 3600 },
    status: 429,
    code: 'rate_limited',
    upstreamStatus: 429,
    retryAfter: '30',
    error: /429/,
    requests: 1,
  },
  {
    title: '429 with a wait of seven seconds that must not be retried',
    script: { status: 429, retry_after: 7, ...noRetry },
    status: 429,
    code: 'rate_limited',
    upstreamStatus: 429,
    retryAfter: '30',
    error: /429/,
    requests: 1,
  },
  {
    title: '500',
    script: { status: 500 },
    status: 502,
    code: 'claude_failed',
    upstreamStatus: 500,
    error: /500/,
    requests: 3,
  },
  {
    title: '529',
    script: { status: 529 },
    status: 503,
    code: 'overloaded',
    upstreamStatus: 529,
    retryAfter: '5',
    error: /529/,
    requests: 3,
  },
  {
    title: 'an HTML page',
    script: { malformed: 'html' },
    status: 502,
    code: 'claude_failed',
    error: /API Error/,
  },
]

/** Others that are told apart by nothing but their status, in errors-from-sdk.test.ts. */
const further = new Set([
  '403',
  '404',
  '413',
  '429 with a wait of seven seconds that must not be retried',
  'an HTML page',
])

describe('a failure before the first word has its own status', { concurrency: 2 }, () => {
  // A stream that waits too long for a process starts before it can fail: streams of the others are tested with a scripted agent.
  const cases = [
    ...failures.map((failure) => [failure, 'chat'] as const),
    ...failures.flatMap((failure) => (failure.title === '529' ? [[failure, 'stream'] as const] : [])),
  ]
  for (const [{ title, script, status, code, upstreamStatus, retryAfter, error, requests }, how] of cases) {
    testIf(!further.has(title))(`${title}, ${how}`, async () => {
      const word = `${title}, ${how}.`
      const { answer, events } = await ask(server, how, { prompt: `${word} ${step(script)}` })
      assert.deepEqual(events, [])
      assert.ok(answer)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.equal(answer.body.code, code)
      assert.match(String(answer.body.error), error)
      assert.equal(answer.body.upstream_status, upstreamStatus)
      assert.equal(answer.headers.get('retry-after'), retryAfter ?? null)
      assert.equal('result' in answer.body, false)
      if (requests !== undefined) assert.equal(requestsWith(word).length, requests)
    })
  }
})

test('after all of them the server continues', async () => {
  assert.match((await chat(server, { prompt: 'and now', tools: [], system_prompt: 'S' })).result, /^tok0/)
})

for (const how of ['chat', 'stream'] as const) {
  const refusal = { text: 'I will not', tokens: 3, stop_reason: 'refusal' }

  testIf(how === 'stream')(`a refusal is an error, not an answer, ${how}`, async () => {
    // The CLI retries once, unless words of the refused answer were already emitted.
    upstream.enqueue(...(how === 'stream' ? [refusal] : [refusal, refusal]))
    const reply = await ask(server, how, { prompt: 'refuse' })
    assert.equal(endOf(reply).code, 'invalid_request')
    assert.match(String(endOf(reply).error), /safeguards/)
    assert.doesNotMatch(textOf(reply.events), /API Error|safeguards/)
    assert.equal('result' in endOf(reply), false)
  })
}

test('an answer that follows a refusal is the answer', async () => {
  upstream.enqueue({ text: 'I will not', tokens: 3, stop_reason: 'refusal' }, { text: 'well then', tokens: 2 })
  const reply = await ask(server, 'chat', { prompt: 'refuse' })
  assert.equal(endOf(reply).result, 'well then')
})

const broken = [
  ['a connection that breaks', { cut: 3 }],
  ['a body that ends early', { eof: 3 }],
] as const

describe('an answer that is cut off', { concurrency: 2 }, () => {
  const text = 'one two three four five six '
  for (const [title, script] of broken) {
    // With time between the words: those that arrive together with the break may be lost, and then nothing was emitted.
    testIf(title === 'a connection that breaks')(
      `${title}: a stream ends with an error after the emitted words`,
      async () => {
        const prompt = `${title} live ${step({ ...script, text, tokens: 6, gap: 250, times: 1 })}`
        const { events } = await ask(server, 'stream', { prompt })
        assert.deepEqual(
          events.map(({ type }) => type),
          ['start', 'delta', 'delta', 'delta', 'error'],
        )
        assert.ok(text.startsWith(textOf(events)))
        const end = events.at(-1)
        assert.equal(end?.type === 'error' && end.code, 'claude_failed')
        assert.match((await chat(server, { prompt: 'and now', tools: [], system_prompt: 'S' })).result, /^tok0/)
      },
    )

    testIf(title === 'a connection that breaks')(`${title}: a whole answer is that of the retry, once`, async () => {
      const prompt = `${title} whole ${step({ ...script, text, tokens: 6, times: 1 })}`
      const { answer } = await ask(server, 'chat', { prompt })
      assert.equal(answer?.status, 200, JSON.stringify(answer?.body))
      assert.equal(answer?.body.result, text)
      assert.equal(requestsWith(`${title} whole`).length, 2)
    })

    testIf(title === 'a body that ends early')(`${title}, each time: an error, not a partial answer`, async () => {
      const { answer } = await ask(server, 'chat', {
        prompt: `${title} always ${step({ ...script, text, tokens: 6 })}`,
      })
      assert.equal(answer?.status, 502)
      assert.equal(answer?.body.code, 'claude_failed')
      assert.match(String(answer?.body.error), /[Cc]onnection/)
    })

    testIf(title === 'a body that ends early')(
      `${title} before the first word: the answer of the retry is emitted`,
      async () => {
        const [failure] = Object.keys(script)
        const prompt = `${title} at once ${step({ [failure ?? '']: 0, text, tokens: 6, times: 1 })}`
        const { events } = await ask(server, 'stream', { prompt })
        assert.equal(textOf(events), text)
        assert.equal(events.at(-1)?.type, 'done')
      },
    )
  }

  for (const how of ['chat', 'stream'] as const) {
    for (const [title, script, code] of [
      ['an error event in the middle', { sse_error: 'overloaded_error', after: 3 }, 'overloaded'],
      ['an error event before the first word', { sse_error: 'overloaded_error' }, 'overloaded'],
      ['a line that is not JSON in the middle', { malformed: 'json', after: 3 }, 'claude_failed'],
    ] as const) {
      testIf(how === 'stream')(`${title} is an error, ${how}`, async () => {
        const reply = await ask(server, how, { prompt: step({ ...script, text, tokens: 6 }) })
        assert.equal(endOf(reply).code, code, JSON.stringify(endOf(reply)))
        assert.ok(text.startsWith(textOf(reply.events)))
        assert.equal('result' in endOf(reply), false)
        assert.match((await chat(server, { prompt: 'and now', tools: [], system_prompt: 'S' })).result, /^tok0/)
      })
    }
  }
})

describe('an answer that the CLI repairs by itself', () => {
  const tooLong = (text: string) => ({ text, tokens: 2, stop_reason: 'max_tokens' })
  for (const how of ['chat', 'stream'] as const) {
    /** Sends a request either way; returns the emitted text and the end. */
    const request = async () => {
      const reply = await ask(server, how, { prompt: 'tell me' })
      const end = endOf(reply)
      assert.ok('result' in end, JSON.stringify(end))
      return { text: how === 'stream' ? textOf(reply.events) : String(end.result), end }
    }

    testIf(how === 'stream')(
      `an answer that was continued after the output limit is emitted once and in order, ${how}`,
      async () => {
        upstream.enqueue(tooLong('one two '), tooLong('three four '), { text: 'five six', tokens: 2 })
        const { text, end } = await request()
        assert.equal(text, 'one two three four five six')
        assert.equal(end.result, text)
        assert.equal(end.stop_reason, 'end_turn')
      },
    )

    testIf(how === 'stream')(
      `an answer that remains beyond the output limit is emitted as far as it goes, ${how}`,
      async () => {
        upstream.enqueue(tooLong('a b '), tooLong('c d '), tooLong('e f '), tooLong('g h '))
        const { text, end } = await request()
        assert.equal(text, 'a b c d e f g h ')
        assert.equal(end.result, text)
        assert.equal(end.stop_reason, 'max_tokens')
      },
    )

    testIf(how === 'chat')(`an empty answer is requested once more, ${how}`, async () => {
      upstream.enqueue({ text: '' }, { text: 'now then' })
      const { text, end } = await request()
      assert.equal(text, 'now then')
      assert.equal(end.result, text)
    })

    testIf(how === 'chat')(`an answer that remains empty is an empty answer, ${how}`, async () => {
      upstream.enqueue({ text: '' }, { text: '' })
      const { text, end } = await request()
      assert.equal(text, '')
      assert.equal(end.result, '')
    })

    testIf(how === 'chat')(`thinking is not part of the answer, ${how}`, async () => {
      upstream.enqueue({ thinking: 5, text: 'the answer', tokens: 2 })
      const { text, end } = await request()
      assert.equal(text, 'the answer')
      assert.equal(end.result, text)
    })
  }
})

test('a retry delay of a few seconds that the API requests is observed', async () => {
  const events = await chatStream(server, {
    prompt: `wait ${step({ status: 429, retry_after: 2, times: 1 })}`,
    tools: [],
    system_prompt: 'S',
  })
  assert.deepEqual([events.at(0)?.type, events.at(-1)?.type], ['start', 'done'])
})

describe('an API that falls silent', () => {
  for (const how of ['chat', 'stream'] as const) {
    for (const hang of ['headers', 'body'] as const) {
      testIf((how === 'chat') === (hang === 'headers'))(
        `before its ${hang}: the timeout of the request ends it, ${how}`,
        async () => {
          const prompt = `${hang} ${how} by time ${step({ hang })}`
          const { answer } = await ask(server, how, { prompt, timeout_s: 0.4 })
          assert.equal(answer?.status, 504)
          assert.equal(answer?.body.code, 'timeout')
          assert.equal(answer?.body.error, 'Request timed out')
          // On a slow machine the time may be up before the request is made.
          const word = `${hang} ${how} by time`
          if (requestsWith(word).length > 0) await upstream.waitForAbort(({ raw }) => raw.includes(word))
        },
      )
    }
  }

  // A fake CLI shows the same in faults/fake-cli.test.ts.
  extendedTest('for longer than the silence limit: a timeout, and the process continues', async (t) => {
    const clock = new SkippingClock()
    // The time that goes forward is meant for the silence alone.
    const processLimits = { controlMs: 1e9, interruptMs: 30_000 }
    const patient = await startTestServer(t, { clock, processLimits, config: { maxProcesses: 1 } })
    const processes = () => processesIn(patient.folders).map(({ pid }) => pid)
    /** What the CLI had sent before the time went forward may arrive after it: once more, then. */
    const untilSilent = async <T>(reply: Promise<T>): Promise<T> => {
      let hasEnded = false
      void reply.finally(() => {
        hasEnded = true
      })
      await until('the silence has ended the run', () => {
        clock.skip(200_000)
        return hasEnded
      })
      return reply
    }
    await chat(patient, { prompt: 'first', tools: [], system_prompt: 'S' })
    const first = processes()
    for (const [how, hang] of [
      ['chat', 'headers'],
      ['stream', 'body'],
    ] as const) {
      const reached = patient.upstream.waitForRequest(({ raw }) => raw.includes(`silent ${hang}`))
      const reply = ask(patient, how, { prompt: `silent ${hang} ${step({ hang })}` })
      await reached
      const { answer } = await untilSilent(reply)
      assert.equal(answer?.status, 504)
      assert.equal(answer?.body.code, 'timeout')
      assert.match(String(answer?.body.error), /^Request timed out/)
      await chat(patient, { prompt: 'and now', tools: [], system_prompt: 'S' })
    }
    const prompt = `words, then silence ${step({ tokens: 6, gap: 60_000 })}`
    const response = await openStream(patient, { tools: [], system_prompt: 'S', prompt })
    const events = readChatEvents(response)
    const types: string[] = []
    const rest = async () => {
      for await (const { type } of events) types.push(type)
    }
    while (types.at(-1) !== 'delta') types.push((await events.next()).value?.type ?? 'end')
    await untilSilent(rest())
    assert.deepEqual(types, ['start', 'delta', 'error'])
    assert.deepEqual(processes(), first)
  })
})
