// The generated parts of docs/metrics.md: the figures as the registry knows them, and the spans as a collector gets them. Not for the
// words around them.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { AgentStats } from '../src/core/agent.ts'
import { endOfRun, type RunEnd } from '../src/core/events.ts'
import type { AnswerFacts, RunFacts } from '../src/core/observer.ts'
import { AppError } from '../src/errors.ts'
import { Metrics } from '../src/observability/metrics.ts'
import type { Part } from './documents.ts'

const noStats: AgentStats = {
  processes: { live: 0, idle: 0, spare: 0, busy: 0, starting: 0, max: 0 },
  queue: { waiting: 0, limit: 0 },
}

/** The library's own figures of the process and of Node are not ours to list: they differ by system and version. */
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
  return ['| name | type | labels | what |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** The library keeps them, but its types do not say so. */
function labelsOf(metric: unknown): string[] {
  const { labelNames } = metric as { labelNames?: unknown }
  if (!Array.isArray(labelNames)) throw new Error('a figure does not tell its labels')
  return labelNames.map(String)
}

/** What a label can hold. */
const labelMeanings: Record<string, string> = {
  client: 'which program asks, from its `user-agent`: `openai-python`, `anthropic-node`, `claude-code`, `curl`, `browser` …, `other`, `none`',
  code: 'an error code ([errors](errors.md)), `ok` where there was none',
  error_type: 'the same, empty where there was none',
  field: 'a field of a request',
  gen_ai_request_model: 'the model, by its full name',
  gen_ai_token_type: '`input` (cached ones among them), `output`',
  kind: '`plain`: the model alone; `agent`: Claude Code itself',
  method: "the request's method",
  model: 'the same as `gen_ai_request_model`; `unknown` where a run ended before there was one',
  outcome: '`succeeded`, `failed`, `cancelled`',
  reason: '`max_tokens`, `stop_sequence`',
  route: "the route's pattern, such as `/v1/runs/:id`; `none` for a path that is not there",
  state: '`idle`, `busy`, `starting`, `spare`',
  status: 'the HTTP status; 499 where the client hung up. For retries: what the API answered, `none` where it did not',
  surface: '`native`, `openai`, `anthropic`; `none` for a path that is not there',
  type: '`input`, `output`, `cache_read`, `cache_write`',
} // biome-ignore format: a table reads better with a line for each

/** Throws for a label of which nothing is said. */
async function labelTable(): Promise<string> {
  const registry = await new Metrics(() => noStats).load()
  const all = (await registry.getMetricsAsJSON()).filter(({ name }) => !isForeign(name))
  const labels = new Set(all.flatMap(({ name }) => labelsOf(registry.getSingleMetric(name))))
  const rows = [...labels].sort().map((label) => `| ${code(label)} | ${meaningOf(label, labelMeanings)} |`)
  return ['| label | what |', '| --- | --- |', ...rows].join('\n')
}

const spanMeanings: Record<string, string> = {
  request: 'an HTTP request, named by method and route; it goes on with the trace of its `traceparent`',
  run: 'one run, below the request that began it',
  queue: 'part of the run: it waits for a process',
  process: 'part of the run: its process is made ready',
  turn: "part of the run: Claude's work",
  'process start': 'a CLI process is started; a trace of its own',
}

function meaningOf(name: string, meanings: Record<string, string>): string {
  const meaning = meanings[name]
  if (meaning === undefined) throw new Error(`docs/metrics.md does not say what ${name} is`)
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

/** Takes what the exporter sends of work that has every fact. */
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
  if (missing !== undefined) throw new Error(`no span ${missing} has reached the collector`)
  const order = Object.keys(spanMeanings)
  const rows = [...found]
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([name, attributes]) => {
      const keys = attributes.map(({ key }) => code(key)).sort()
      return `| ${name} | ${meaningOf(name, spanMeanings)} | ${keys.join(', ')} |`
    })
  return ['| span | what | attributes |', '| --- | --- | --- |', ...rows].join('\n')
}

export const metricsParts: Part[] = [
  { file: 'docs/metrics.md', name: 'metrics', make: metricTable },
  { file: 'docs/metrics.md', name: 'labels', make: labelTable },
  { file: 'docs/metrics.md', name: 'spans', make: spanTable },
]
