// The generated parts of docs/metrics.md: the metrics in the registry, and the spans that a collector receives. Not for the text around
// them.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { type AgentStats, noQuota } from '../src/core/agent.ts'
import { endOfRun, type RunEnd } from '../src/core/events.ts'
import type { AnswerFacts, RunFacts } from '../src/core/observer.ts'
import { AppError } from '../src/errors.ts'
import { Metrics } from '../src/observability/metrics.ts'
import type { Part } from './document-part.ts'

const noStats: AgentStats = {
  processes: { live: 0, idle: 0, spare: 0, busy: 0, starting: 0, max: 0 },
  queue: { waiting: 0, limit: 0 },
  quota: noQuota,
}

/** The library's own metrics of the process and of Node are not listed: they differ by system and version. */
const isForeign = (name: string) => /^(process|nodejs)_/.test(name)

const code = (text: string) => `\`${text}\``

async function metricTable(): Promise<string> {
  const registry = await new Metrics(() => noStats).load()
  const all = await registry.getMetricsAsJSON()
  const rows = all.flatMap(({ name, type, help }) => {
    if (isForeign(name)) return []
    const labels = labelsOf(registry.getSingleMetric(name)).map(code).join(', ')
    return [`| ${code(name)} | ${type} | ${labels} | ${help} |`]
  })
  return ['| name | type | labels | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** The library has them, but its types do not. */
function labelsOf(metric: unknown): string[] {
  const { labelNames } = metric as { labelNames?: unknown }
  if (!Array.isArray(labelNames)) throw new Error('a metric does not name its labels')
  return labelNames.map(String)
}

/** What the values of a label mean. */
const labelMeanings: Record<string, string> = {
  client: 'the client program, from its `user-agent`: `openai-python`, `anthropic-node`, `claude-code`, `curl`, `browser` …, `other`, `none`',
  code: 'an error code ([errors](errors.md)), or `ok`',
  error_type: 'an error code, or empty',
  field: 'a field of a request',
  gen_ai_request_model: 'the full name of the model',
  gen_ai_token_type: '`input` (including cached tokens), `output`',
  kind: '`plain`: the model alone; `agent`: Claude Code itself',
  method: "the request's method",
  model: 'the same as `gen_ai_request_model`; `unknown` if a run ended before its model was known',
  outcome: '`succeeded`, `failed`, `cancelled`',
  reason: '`max_tokens`, `stop_sequence`',
  route: "the route's pattern, such as `/v1/runs/:id`; `none` for an unknown path",
  state: '`idle`, `busy`, `starting`, `spare`',
  status: 'the HTTP status; 499 if the client disconnected. For retries: the status of the API, or `none`',
  surface: '`native`, `openai`, `anthropic`, `ollama`; `none` for an unknown path',
  type: '`input`, `output`, `cache_read`, `cache_write`',
  window: "a window of the plan, in the CLI's words: `five_hour`, `seven_day` …",
} // biome-ignore format: a table reads better with a line for each

/** Throws if a label has no description. */
async function labelTable(): Promise<string> {
  const registry = await new Metrics(() => noStats).load()
  const all = (await registry.getMetricsAsJSON()).filter(({ name }) => !isForeign(name))
  const labels = new Set(all.flatMap(({ name }) => labelsOf(registry.getSingleMetric(name))))
  const rows = [...labels].sort().map((label) => `| ${code(label)} | ${meaningOf(label, labelMeanings)} |`)
  return ['| label | meaning |', '| --- | --- |', ...rows].join('\n')
}

const spanMeanings: Record<string, string> = {
  request: 'an HTTP request, named by method and route; it continues the trace of its `traceparent`',
  run: 'one run, a child of the request that started it',
  queue: 'part of the run: waiting for a process',
  process: 'part of the run: preparing the process',
  turn: "part of the run: Claude's work",
  'process start': 'starting a CLI process; a trace of its own',
}

function meaningOf(name: string, meanings: Record<string, string>): string {
  const meaning = meanings[name]
  if (meaning === undefined) throw new Error(`docs/metrics.md does not describe ${name}`)
  return meaning
}

const end: RunEnd = {
  ...endOfRun({ sessionId: 's', model: 'm' }, new AppError('timeout', 'late')),
  stopReason: 'max_tokens',
  costUsd: 0.5,
}

const run: RunFacts = {
  request: { runId: 'run_1', plain: null, streaming: true },
  startedAtMs: Date.UTC(2026, 0, 1),
  waitedMs: 1,
  processReadyMs: 2,
  firstContentMs: 3,
  durationMs: 4,
  retries: [529],
  end,
}

const answer: AnswerFacts = {
  method: 'POST',
  route: '/v1/chat',
  status: 504,
  durationMs: 4,
  code: 'timeout',
  userAgent: 'curl/8',
  ignored: [],
}

type Span = { name: string; attributes: { key: string }[] }
type Export = { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }

/** The spans that the exporter sends for work with every attribute. */
async function exportedSpans(): Promise<Span[]> {
  const bodies: Export[] = []
  const collector = createServer(async (request, response) => {
    bodies.push((await json(request)) as Export)
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((ready) => collector.listen(0, '127.0.0.1', ready))
  const { startTracing } = await import('../src/observability/tracing.ts')
  const { port } = collector.address() as AddressInfo
  const tracing = startTracing(`http://127.0.0.1:${port}/v1/traces`, '0')
  tracing.beginRequest?.('POST', undefined).end(answer)
  tracing.onRun(run)
  tracing.onProcessStart(1, 'claude_failed')
  await tracing.close()
  collector.close()
  return bodies.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  )
}

async function spanTable(): Promise<string> {
  const spans = await exportedSpans()
  const found = new Map(spans.map(({ name, attributes }) => [name.startsWith('POST ') ? 'request' : name, attributes]))
  const missing = Object.keys(spanMeanings).find((name) => !found.has(name))
  if (missing !== undefined) throw new Error(`the span ${missing} did not reach the collector`)
  const order = Object.keys(spanMeanings)
  const rows = [...found]
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([name, attributes]) => {
      const keys = attributes.map(({ key }) => code(key)).sort()
      return `| ${name} | ${meaningOf(name, spanMeanings)} | ${keys.join(', ')} |`
    })
  return ['| span | meaning | attributes |', '| --- | --- | --- |', ...rows].join('\n')
}

export const metricsParts: Part[] = [
  { file: 'docs/metrics.md', name: 'metrics', make: metricTable },
  { file: 'docs/metrics.md', name: 'labels', make: labelTable },
  { file: 'docs/metrics.md', name: 'spans', make: spanTable },
]
