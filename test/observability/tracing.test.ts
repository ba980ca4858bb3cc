// Traces at a collector: request, run, queue, process and turn are connected, and no prompt or answer is in them.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { startTestServer } from '../helpers/test-server.ts'

type Span = {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[]
}

type Export = { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }

/** Accepts traces as JSON. */
async function startCollector(t: TestContext) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    bodies.push(await text(request))
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => server.close())
  const spans = () =>
    bodies
      .flatMap((body) => (JSON.parse(body) as Export).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, spans }
}

const attributeOf = ({ attributes }: Span, name: string) => {
  const value = attributes.find(({ key }) => key === name)?.value
  return value?.stringValue ?? value?.intValue
}

test('the trace of a request arrives at the collector and continues the caller’s trace', async (t) => {
  const collector = await startCollector(t)
  const server = await startTestServer(t, {
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    fake: 'well-behaved',
  })
  const [traceId, caller] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const response = await fetch(`${server.url}/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${caller}-01` },
    body: JSON.stringify({ prompt: 'the canary sings', tools: [] }),
  })
  const { run_id: runId } = (await response.json()) as { run_id: string }
  // Pending traces are sent on close.
  await server.close(0)
  const spans = collector.spans()
  const named = (name: string) => {
    const found = spans.filter((span) => span.name === name)
    assert.equal(found.length, 1, `${name}: ${spans.map((span) => span.name).join()}`)
    return found[0] as Span
  }
  const [request, run] = [named('POST /v1/chat'), named('run')]
  assert.deepEqual([request.traceId, request.parentSpanId], [traceId, caller])
  assert.deepEqual([run.traceId, run.parentSpanId], [traceId, request.spanId])
  assert.equal(attributeOf(run, 'claude_serve.run_id'), runId)
  assert.equal(Number(attributeOf(request, 'http.response.status_code')), 200)
  let last = BigInt(run.startTimeUnixNano)
  for (const name of ['queue', 'process', 'turn']) {
    const part = named(name)
    assert.deepEqual([part.traceId, part.parentSpanId], [traceId, run.spanId])
    assert.equal(BigInt(part.startTimeUnixNano), last, `${name} does not start where the previous one ends`)
    last = BigInt(part.endTimeUnixNano)
  }
  assert.equal(last, BigInt(run.endTimeUnixNano))
  named('process start')
  assert.ok(!collector.bodies.join().includes('canary'))
})

test('a request without a valid trace starts one, and an error is recorded with its code', async (t) => {
  const collector = await startCollector(t)
  const environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/own/path` }
  const server = await startTestServer(t, { environment, fake: 'well-behaved' })
  await fetch(`${server.url}/v1/chat`, { headers: { origin: 'http://evil.example', traceparent: 'nonsense' } })
  await server.close(0)
  const [span] = collector.spans()
  assert.ok(span)
  assert.equal(attributeOf(span, 'error.type'), 'origin_not_allowed')
  assert.equal(span.parentSpanId, undefined)
})

test('an unreachable collector delays nothing', async (t) => {
  const server = await startTestServer(t, {
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    fake: 'well-behaved',
  })
  assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  await server.close(0)
})
