// The scripted Messages API: each field of a step has its effect, and received requests can be looked up.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { type Step, startUpstream, type Upstream, type UpstreamOptions } from '../../src/demo/upstream.ts'

type Event = { type: string; index?: number; delta?: Record<string, unknown>; [field: string]: unknown }
type Message = { role: string; content: string | Record<string, unknown>[] }

async function withUpstream(run: (up: Upstream) => Promise<void>, options: UpstreamOptions = {}): Promise<void> {
  const up = await startUpstream(options)
  try {
    await run(up)
  } finally {
    await up.close()
  }
}

function post(up: Upstream, fields: Record<string, unknown> = {}, init: RequestInit = {}): Promise<Response> {
  const body = { model: 'claude-x', stream: true, max_tokens: 100, messages: [user('hi')], ...fields }
  return fetch(`${up.url}/v1/messages?beta=true`, { method: 'POST', body: JSON.stringify(body), ...init })
}

const user = (content: Message['content']): Message => ({ role: 'user', content })
const assistant = (content: Message['content']): Message => ({ role: 'assistant', content })
const directive = (...steps: Step[]): string => steps.map((step) => `[[fake ${JSON.stringify(step)}]]`).join(' ')
const ask = (up: Upstream, ...steps: Step[]) => post(up, { messages: [user(directive(...steps))] })

async function eventsOf(response: Response | Promise<Response>): Promise<Event[]> {
  const text = await (await response).text()
  const data = text.split('\n').filter((line) => line.startsWith('data: '))
  return data.map((line) => JSON.parse(line.slice(6)))
}

const deltasOf = (events: Event[], field: string) => events.flatMap((event) => event.delta?.[field] ?? [])
const textOf = (events: Event[]) => deltasOf(events, 'text').join('')
const names = (events: Event[]) => events.map((event) => event.type)

/** What arrives until the stream ends or breaks. */
async function readUntilBroken(response: Response): Promise<{ text: string; broken: boolean }> {
  let text = ''
  try {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
  } catch {
    return { text, broken: true }
  }
  return { text, broken: false }
}

const count = (text: string, part: string) => text.split(part).length - 1

test('a request without instructions gets a short text in twenty deltas', () =>
  withUpstream(async (up) => {
    const response = await post(up)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    assert.match(response.headers.get('request-id') ?? '', /^req_/)
    const events = await eventsOf(response)
    assert.equal(names(events)[0], 'message_start')
    assert.equal(deltasOf(events, 'text').length, 20)
    assert.deepEqual(names(events).slice(-3), ['content_block_stop', 'message_delta', 'message_stop'])
    assert.deepEqual(events.at(-2)?.delta, { stop_reason: 'end_turn', stop_sequence: null })
  }))

test('text is split into the requested number of deltas and arrives complete, emoji included', () =>
  withUpstream(async (up) => {
    const text = 'ab😀😀😀 ünï – and so on'
    const events = await eventsOf(ask(up, { text, tokens: 5 }))
    assert.equal(textOf(events), text)
    const pieces = deltasOf(events, 'text')
    assert.ok(pieces.length > 1 && pieces.length <= 5)
    assert.ok(pieces.every((piece) => String(piece).isWellFormed()))
  }))

test('a request that does not stream gets the same content as one JSON message', () =>
  withUpstream(async (up) => {
    const step = { text: 'hello', thinking: 2, stop_sequence: 'X', stop_reason: 'stop_sequence' }
    const response = await post(up, { stream: false, messages: [user(directive(step))] })
    const message = JSON.parse(await response.text())
    assert.deepEqual(
      message.content.map((block: { type: string }) => block.type),
      ['thinking', 'text'],
    )
    assert.equal(message.content[0].thinking, 'think0 think1 ')
    assert.equal(message.content[1].text, 'hello')
    assert.equal(message.stop_reason, 'stop_sequence')
    assert.equal(message.stop_sequence, 'X')
  }))

test('thinking comes before the text and ends with a signature', () =>
  withUpstream(async (up) => {
    const events = await eventsOf(ask(up, { thinking: 3, tokens: 2 }))
    const kinds = events.flatMap((event) => event.delta?.type ?? [])
    const thoughts = ['thinking_delta', 'thinking_delta', 'thinking_delta', 'signature_delta']
    assert.deepEqual(kinds, [...thoughts, 'text_delta', 'text_delta'])
  }))

test('usage, model, stop_reason and stop_sequence are as scripted', () =>
  withUpstream(async (up) => {
    const usage = { input_tokens: 1000, output_tokens: 7 }
    const step = { usage, model: 'other', stop_reason: 'max_tokens', stop_sequence: 'END' }
    const events = await eventsOf(ask(up, step))
    const start = events[0]?.message as { model: string; usage: Record<string, number> }
    assert.equal(start.model, 'other')
    assert.equal(start.usage.input_tokens, 1000)
    assert.deepEqual(events.at(-2)?.delta, { stop_reason: 'max_tokens', stop_sequence: 'END' })
    assert.deepEqual(events.at(-2)?.usage, { output_tokens: 7 })
  }))

test('gap, ttft and start_delay slow the answer down', () =>
  withUpstream(async (up) => {
    const startedAt = performance.now()
    await eventsOf(ask(up, { tokens: 4, gap: 20, ttft: 60, start_delay: 60 }))
    assert.ok(performance.now() - startedAt >= 195)
  }))

test('ping events are sent between the deltas', () =>
  withUpstream(async (up) => {
    const events = await eventsOf(ask(up, { tokens: 6, ping: 2 }))
    assert.equal(names(events).filter((name) => name === 'ping').length, 3)
  }))

test('a tool call uses the offered name, even if the step contains only its end', () =>
  withUpstream(async (up) => {
    const tools = [{ name: 'mcp__client__weather' }, { name: 'Bash' }]
    const step = { tool: 'weather', input: { city: 'Köln', days: [1, 2] } }
    const events = await eventsOf(post(up, { tools, messages: [user(directive(step))] }))
    const block = events.find((event) => event.type === 'content_block_start')?.content_block as Event
    assert.equal(block.name, 'mcp__client__weather')
    assert.deepEqual(JSON.parse(deltasOf(events, 'partial_json').join('')), step.input)
    assert.deepEqual(events.at(-2)?.delta, { stop_reason: 'tool_use', stop_sequence: null })
  }))

test('several tools are called in one message, after the text if the step has one', () =>
  withUpstream(async (up) => {
    const step = { text: 'both', tools: [{ name: 'A', input: { n: 1 } }, { name: 'B' }] }
    const response = await post(up, {
      stream: false,
      tools: [{ name: 'A' }, { name: 'B' }],
      messages: [user(directive(step))],
    })
    const { content } = JSON.parse(await response.text())
    assert.deepEqual(
      content.map((block: { type: string; name?: string; input?: unknown }) => [block.type, block.name, block.input]),
      [
        ['text', undefined, undefined],
        ['tool_use', 'A', { n: 1 }],
        ['tool_use', 'B', {}],
      ],
    )
  }))

test('a tool that is not offered is called only when forced', () =>
  withUpstream(async (up) => {
    const isCalled = async (step: Step) => deltasOf(await eventsOf(ask(up, step)), 'partial_json').length > 0
    assert.equal(await isCalled({ tool: 'Nope' }), false)
    assert.equal(await isCalled({ tool: 'Nope', force_tool: true }), true)
  }))

test('the directives of a prompt answer the requests of one agent loop in turn', () =>
  withUpstream(async (up) => {
    const tools = [{ name: 'Bash' }]
    const prompt = user([
      { type: 'text', text: '<system-reminder>[[fake {"text":"not this"}]]</system-reminder>' },
      { type: 'text', text: directive({ tool: 'Bash' }, { text: 'second' }) },
    ])
    const result = user([{ type: 'tool_result', tool_use_id: 'x', content: [] }])
    const system = { role: 'system', content: '# Environment' }
    const first = await eventsOf(post(up, { tools, messages: [prompt, system] }))
    assert.equal(deltasOf(first, 'partial_json').join(''), '{}')
    const loop = [prompt, system, assistant([{ type: 'tool_use', id: 'x', name: 'Bash', input: {} }]), result]
    assert.equal(textOf(await eventsOf(post(up, { tools, messages: loop }))), 'second')
    const longer = [...loop, assistant('second'), user([])]
    assert.equal(textOf(await eventsOf(post(up, { tools, messages: longer }))), 'second')
  }))

test('a used-up tool step is followed by plain text, unless it sets repeat', () =>
  withUpstream(async (up) => {
    const tools = [{ name: 'Bash' }]
    const result = user([{ type: 'tool_result', tool_use_id: 'x', content: 'ok' }])
    const again = (step: Step) => {
      const messages = [user(directive(step)), assistant([{ type: 'tool_use', id: 'x', name: 'Bash' }]), result]
      return eventsOf(post(up, { tools, messages }))
    }
    assert.match(textOf(await again({ tool: 'Bash' })), /^tok0 /)
    assert.equal(deltasOf(await again({ tool: 'Bash', repeat: true }), 'partial_json').length > 0, true)
  }))

test('only the newest prompt counts, even if the CLI put it into the message of an unanswered one', () =>
  withUpstream(async (up) => {
    const old = directive({ text: 'old' })
    const plain = [user(old), assistant('old'), user('thanks')]
    assert.match(textOf(await eventsOf(post(up, { messages: plain }))), /^tok0 /)
    const merged = (...texts: string[]) => post(up, { messages: [user(texts.map((text) => ({ type: 'text', text })))] })
    const next = directive({ text: 'new' })
    assert.equal(textOf(await eventsOf(merged(`${old}\n`, '[Request interrupted by user]\n', next))), 'new')
    assert.equal(textOf(await eventsOf(merged(`${old}\n`, next))), 'new')
    assert.match(textOf(await eventsOf(merged(`${old}\n`, 'no instructions'))), /^tok0 /)
    assert.equal(textOf(await eventsOf(merged(next, 'a second block of the same prompt'))), 'new')
  }))

test('a directive may contain closing brackets, and a broken one is refused with its text', () =>
  withUpstream(async (up) => {
    assert.equal(textOf(await eventsOf(ask(up, { text: 'a [[b]] c' }))), 'a [[b]] c')
    assert.match(textOf(await eventsOf(post(up, { messages: [user('[[fake news]]')] }))), /^tok0 /)
    const broken = await post(up, { messages: [user('[[fake {"tokens": ]]')] })
    assert.equal(broken.status, 400)
    assert.match(await broken.text(), /tokens/)
  }))

test('an error has the status, type, message and headers of its step', () =>
  withUpstream(async (up) => {
    const headers = { 'x-should-retry': 'false' }
    const plain = await ask(up, { status: 529, headers })
    assert.equal(plain.status, 529)
    assert.equal(plain.headers.get('x-should-retry'), 'false')
    assert.equal(JSON.parse(await plain.text()).error.type, 'overloaded_error')
    const custom = await ask(up, { status: 429, retry_after: 2, error_type: 'odd_error', message: 'slow down' })
    assert.equal(custom.headers.get('retry-after'), '2')
    const { error, request_id } = JSON.parse(await custom.text())
    assert.deepEqual(error, { type: 'odd_error', message: 'slow down' })
    assert.equal(request_id, custom.headers.get('request-id'))
    assert.equal(up.requests.at(-1)?.status, 429)
  }))

test('a failure with times stops after that many tries of the same prompt', () =>
  withUpstream(async (up) => {
    const step = { status: 500, times: 2, text: 'at last' }
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await ask(up, step)).status)
    assert.deepEqual(statuses, [500, 500, 200])
    assert.equal((await ask(up, { ...step, text: 'other prompt' })).status, 500)
  }))

test('hang headers and hang body stay silent until the client disconnects', () =>
  withUpstream(async (up) => {
    for (const hang of ['headers', 'body'] as const) {
      const from = up.requests.length
      const client = new AbortController()
      const messages = [user(directive({ hang }))]
      const response = post(up, { messages }, { signal: client.signal })
      response.catch(() => {})
      const request = await up.waitForRequest(undefined, from)
      assert.equal(up.inFlight(), 1)
      if (hang === 'body') {
        const first = await (await response).body?.getReader().read()
        assert.match(new TextDecoder().decode(first?.value), /message_start/)
      }
      client.abort()
      const gone = await up.waitForAbort((entry) => entry.n === request.n)
      assert.equal(gone, request)
      assert.equal(gone.aborted, true)
      assert.equal(up.inFlight(), 0)
    }
    assert.equal(up.aborted(), 2)
  }))

test('cut breaks the connection after the given number of deltas and does not count as an abort of the client', () =>
  withUpstream(async (up) => {
    for (const cut of [0, 3, 20]) {
      const { text, broken } = await readUntilBroken(await ask(up, { cut }))
      assert.equal(broken, true)
      assert.equal(count(text, 'text_delta'), cut)
      assert.equal(count(text, 'message_stop'), 0)
    }
    assert.equal(up.aborted(), 0)
  }))

test('eof ends the body properly but without message_stop', () =>
  withUpstream(async (up) => {
    const { text, broken } = await readUntilBroken(await ask(up, { eof: 3 }))
    assert.equal(broken, false)
    assert.equal(count(text, 'text_delta'), 3)
    assert.equal(count(text, 'message_stop'), 0)
  }))

test('sse_error ends the stream with an error event after the given number of deltas', () =>
  withUpstream(async (up) => {
    const events = await eventsOf(ask(up, { sse_error: 'overloaded_error', after: 2, message: 'busy' }))
    assert.equal(deltasOf(events, 'text').length, 2)
    assert.deepEqual(events.at(-1), { type: 'error', error: { type: 'overloaded_error', message: 'busy' } })
  }))

test('each kind of malformed answer is malformed in its own way', () =>
  withUpstream(async (up) => {
    const json = await (await ask(up, { malformed: 'json' })).text()
    const last = json.trimEnd().split('\n').at(-1) ?? ''
    assert.throws(() => JSON.parse(last.replace('data: ', '')))
    assert.equal(count(json, 'text_delta'), 2)
    const html = await ask(up, { malformed: 'html' })
    assert.match(html.headers.get('content-type') ?? '', /html/)
    assert.match(await html.text(), /^<!doctype html>/)
    const strange = await eventsOf(ask(up, { malformed: 'event', tokens: 2 }))
    assert.equal(names(strange).filter((name) => name === 'mystery_event').length, 2)
    const nonStream = await ask(up, { malformed: 'nonsse', text: 'whole' })
    assert.equal(JSON.parse(await nonStream.text()).content[0].text, 'whole')
  }))

test('raw is sent unchanged', () =>
  withUpstream(async (up) => {
    assert.equal(await (await ask(up, { raw: 'event: x\ndata: y\n\n' })).text(), 'event: x\ndata: y\n\n')
  }))

test('a step that cannot be carried out is answered with an error instead of silence', () =>
  withUpstream(async (up) => {
    const response = await ask(up, { headers: { 'bad name': 'x' } })
    assert.equal(response.status, 500)
    assert.match(await response.text(), /script cannot be carried out/)
  }))

test('queued steps come first, one for each request, and build on the defaults', () =>
  withUpstream(async (up) => {
    up.setDefaults({ text: 'default' })
    up.enqueue({ status: 503 }, { tokens: 1 })
    assert.equal((await ask(up, { text: 'directive' })).status, 503)
    assert.equal(textOf(await eventsOf(post(up))), 'default')
    assert.equal(textOf(await eventsOf(ask(up, { text: 'directive' }))), 'directive')
    up.enqueue({ status: 503 })
    up.reset()
    assert.match(textOf(await eventsOf(post(up))), /^tok0 /)
    assert.equal(up.requests.length, 1)
    assert.equal(up.requests[0]?.n, 1)
  }))

test('a request is recorded with its body, its step and masked credentials', () =>
  withUpstream(async (up) => {
    const headers = { authorization: 'Bearer sk-secret-abcd', 'x-api-key': 'sk-ant-test-1234', 'x-other': 'plain' }
    await (await post(up, { system: 'S', messages: [{ role: 'system', content: [] }] }, { headers })).text()
    const [recorded] = up.requests
    assert.equal(recorded?.method, 'POST')
    assert.equal(recorded?.url, '/v1/messages?beta=true')
    assert.equal(recorded?.headers.authorization, 'Bearer ...abcd')
    assert.equal(recorded?.headers['x-api-key'], '...1234')
    assert.equal(recorded?.headers['x-other'], 'plain')
    assert.equal(recorded?.body?.system, 'S')
    assert.equal(recorded?.bytes, recorded?.raw.length)
    assert.equal(recorded?.step?.tokens, 20)
    assert.ok(!JSON.stringify(up.requests).includes('secret'))
  }))

test('waitForRequest sees both earlier and later requests, and fromIndex skips the earlier ones', () =>
  withUpstream(async (up) => {
    await (await post(up, { model: 'one' })).text()
    assert.equal((await up.waitForRequest((entry) => entry.body?.model === 'one')).n, 1)
    const next = up.waitForRequest(undefined, up.requests.length)
    await (await post(up, { model: 'two' })).text()
    assert.equal((await next).body?.model, 'two')
  }))

test('closing the upstream rejects pending waits', async () => {
  const up = await startUpstream()
  const waiting = up.waitForAbort()
  await up.close()
  await assert.rejects(waiting, /closed/)
})

test('only the newest requests are retained', () =>
  withUpstream(
    async (up) => {
      for (const model of ['a', 'b', 'c']) await (await post(up, { model })).text()
      assert.deepEqual(
        up.requests.map((entry) => entry.body?.model),
        ['b', 'c'],
      )
      assert.equal((await up.waitForRequest(undefined, 2)).body?.model, 'c')
    },
    { keep: 2 },
  ))

test('a reader that stops reading stops the answer instead of filling the memory', () =>
  withUpstream(async (up) => {
    const messages = [user(directive({ tokens: 20_000_000 }))]
    const client = request(`${up.url}/v1/messages`, { method: 'POST' })
    const paused = new Promise<void>((resolve) => client.once('response', (response) => resolve(void response.pause())))
    client.end(JSON.stringify({ stream: true, messages }))
    await paused
    // The writer works whenever it can: without back-pressure, twenty million deltas would block the event loop forever.
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    const before = process.memoryUsage().rss
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
    client.destroy()
    await up.waitForAbort()
  }))

test('a large answer arrives complete', () =>
  withUpstream(async (up) => {
    up.setDefaults({ text: 'x'.repeat(5_000_000), tokens: 1000 })
    assert.equal(textOf(await eventsOf(post(up))).length, 5_000_000)
  }))

test('the other routes of the API answer too, and unknown ones return 404', () =>
  withUpstream(async (up) => {
    const models = await fetch(`${up.url}/v1/models`)
    assert.equal(JSON.parse(await models.text()).data[0].id, 'claude-fake-1')
    const counted = await fetch(`${up.url}/v1/messages/count_tokens?beta=true`, { method: 'POST', body: '{"a":123}' })
    assert.deepEqual(JSON.parse(await counted.text()), { input_tokens: 3 })
    assert.equal((await fetch(`${up.url}/nowhere`)).status, 404)
    const notJson = await fetch(`${up.url}/v1/messages`, { method: 'POST', body: '{nope' })
    assert.equal(notJson.status, 400)
    assert.equal(up.requests.at(-1)?.body, null)
  }))

test('below a secret path it answers and records those who know it, and nobody else', async (t) => {
  const upstream = await startUpstream({ secretPath: '/secret' })
  t.after(() => upstream.close())
  const ask = (url: string) =>
    fetch(url, { method: 'POST', body: JSON.stringify({ model: 'm', max_tokens: 1, messages: [] }) })
  const root = `http://127.0.0.1:${upstream.port}`
  for (const path of ['/v1/messages', '/secretv1/messages', '/other/v1/messages']) {
    assert.equal((await ask(`${root}${path}`)).status, 404)
  }
  assert.equal(upstream.requests.length, 0)
  assert.equal(upstream.url, `${root}/secret`)
  assert.equal((await ask(`${upstream.url}/v1/messages`)).status, 200)
  assert.deepEqual(
    upstream.requests.map(({ url }) => url),
    ['/v1/messages'],
  )
})
