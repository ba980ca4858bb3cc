// Prometheus metrics of the server: requests, cost, durations, processes. The library is loaded after the server
// listens; whatever happens earlier is queued and recorded then.
import type { Registry } from 'prom-client'
import type { AgentStats } from '../core/agent.ts'
import type { RunEnd } from '../core/events.ts'
import type { AnswerFacts, Observer, RunFacts } from '../core/observer.ts'
import { clientName } from './client-names.ts'
import { LabelValues } from './label-values.ts'

type QuotaWindow = AgentStats['quota']['windows'][number]

type Library = typeof import('prom-client')

/** Seconds. A warm process answers within tens of milliseconds; an agent run may take an hour. */
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]
const tokenBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576]

function makeMeters({ Counter, Histogram }: Library, registry: Registry) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets = secondsBuckets) =>
    new Histogram({ name, help, labelNames, buckets, registers })
  const seconds = 'http_server_request_duration_seconds'
  return {
    requestSeconds: histogram(seconds, 'Time to the end of an answer.', ['method', 'route', 'status']),
    requests: counter('claude_serve_requests_total', 'Answered requests.', ['route', 'status', 'surface', 'client']),
    errors: counter('claude_serve_errors_total', 'Refused or failed requests, by error code.', ['code', 'surface']),
    ignored: counter('claude_serve_ignored_fields_total', 'Request fields that had no effect.', ['field']),
    runs: counter('claude_serve_runs_total', 'Runs that ended.', ['kind', 'model', 'outcome', 'code']),
    waitSeconds: histogram('claude_serve_queue_wait_seconds', 'Time until a run had a process.', ['kind']),
    firstSeconds: histogram('claude_serve_time_to_first_content_seconds', 'Time to the first word, thought or tool call.', ['kind', 'model']),
    firstToken: histogram('gen_ai_server_time_to_first_token_seconds', 'The same, under the name that OpenTelemetry defines.', ['gen_ai_request_model']),
    runSeconds: histogram('gen_ai_server_request_duration_seconds', 'Time from the acceptance of a run to its end.', ['gen_ai_request_model', 'error_type']),
    tokens: counter('claude_serve_tokens_total', 'Tokens as the API counts them.', ['type', 'model']),
    tokenUsage: histogram('gen_ai_client_token_usage', 'Tokens per run.', ['gen_ai_token_type', 'gen_ai_request_model'], tokenBuckets),
    cost: counter('claude_serve_cost_usd_total', 'Cost of runs at list prices, in US dollars.', ['model']),
    retries: counter('claude_serve_retries_total', 'Retries of API requests by the CLI, by the status that the API returned.', ['status']),
    truncations: counter('claude_serve_truncations_total', 'Answers that ended at a limit or stop sequence.', ['reason']),
    processStarts: counter('claude_serve_process_starts_total', 'CLI process starts, including failed ones.', ['code']),
    processSeconds: histogram('claude_serve_process_start_seconds', 'Time until a CLI process was ready.', []),
  } // biome-ignore format: a table reads better with a line for each
}

type Meters = ReturnType<typeof makeMeters>

/** Records queued until the library is loaded: bounded, in case it never is. */
const pendingMax = 10_000

export class Metrics implements Observer {
  readonly #stats: () => AgentStats
  #loading: Promise<Registry> | null = null
  #meters: Meters | null = null
  #pending: ((meters: Meters) => void)[] = []
  readonly #models = new LabelValues(64)
  readonly #fields = new LabelValues(128)

  constructor(stats: () => AgentStats) {
    this.#stats = stats
  }

  /** The metrics in Prometheus's text format, with their content type. */
  async read(): Promise<{ type: string; text: string }> {
    const registry = await this.load()
    return { type: registry.contentType, text: await registry.metrics() }
  }

  load(): Promise<Registry> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<Registry> {
    const library = await import('prom-client')
    const registry = new library.Registry()
    library.collectDefaultMetrics({ register: registry })
    this.#addGauges(library, registry)
    const meters = makeMeters(library, registry)
    this.#meters = meters
    for (const note of this.#pending.splice(0)) note(meters)
    return registry
  }

  /** Gauges are read on each scrape. */
  #addGauges({ Gauge }: Library, registry: Registry): void {
    const stats = this.#stats
    const registers = [registry]
    const names = ['idle', 'busy', 'starting', 'spare'] as const
    new Gauge({
      name: 'claude_serve_processes',
      help: 'Live CLI processes by state; idle ones include the spares.',
      labelNames: ['state'],
      registers,
      collect() {
        const { processes } = stats()
        for (const state of names) this.set({ state }, processes[state])
      },
    })
    const gauge = (name: string, help: string, read: (stats: AgentStats) => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read(stats()))
        },
      })
    const ofWindows = (name: string, help: string, read: (window: QuotaWindow) => number | null) =>
      new Gauge({
        name,
        help,
        labelNames: ['window'],
        registers,
        collect() {
          this.reset()
          for (const window of stats().quota.windows) {
            const value = read(window)
            if (value !== null) this.set({ window: window.name }, value)
          }
        },
      })
    ofWindows(
      'claude_serve_quota_utilization',
      "How much of the plan's window is used, from 0 to 1.",
      (window) => window.utilization,
    )
    ofWindows(
      'claude_serve_quota_resets_at_seconds',
      'When the window begins anew, in seconds since 1970.',
      (window) => (window.resets_at === null ? null : Date.parse(window.resets_at) / 1000),
    )
    gauge('claude_serve_processes_max', 'Maximum number of CLI processes.', ({ processes }) => processes.max)
    gauge('claude_serve_queue_waiting', 'Runs waiting for a process.', ({ queue }) => queue.waiting)
    gauge('claude_serve_queue_limit', 'Maximum number of waiting runs of one API key.', ({ queue }) => queue.limit)
  }

  #record(note: (meters: Meters) => void): void {
    if (this.#meters !== null) note(this.#meters)
    else if (this.#pending.length < pendingMax) this.#pending.push(note)
  }

  onAnswer(facts: AnswerFacts): void {
    const ignored = facts.ignored.map((field) => this.#fields.limit(field))
    this.#record((meters) => countAnswer(meters, { ...facts, ignored }))
  }

  onRun(facts: RunFacts): void {
    const model = this.#models.limit(facts.end.model || 'unknown')
    this.#record((meters) => countRun(meters, facts, model))
  }

  onProcessStart(durationMs: number, code: string | null): void {
    this.#record(({ processStarts, processSeconds }) => {
      processStarts.inc({ code: code ?? 'ok' })
      if (code === null) processSeconds.observe(durationMs / 1000)
    })
  }
}

/** The surface by the route's path; `none` for an unknown path. */
function surfaceOf(route: string | null): string {
  if (route === null) return 'none'
  if (/\/(chat\/completions|responses|embeddings)/.test(route)) return 'openai'
  if (route.startsWith('/api/')) return 'ollama'
  if (/\/messages/.test(route) && !/\/sessions\//.test(route)) return 'anthropic'
  return route === '/mcp' ? 'mcp' : 'native'
}

function countAnswer(
  meters: Meters,
  { method, route, status, durationMs, code, userAgent, ignored }: AnswerFacts,
): void {
  const [path, surface] = [route ?? 'none', surfaceOf(route)]
  meters.requestSeconds.observe({ method, route: path, status }, durationMs / 1000)
  meters.requests.inc({ route: path, status, surface, client: clientName(userAgent) })
  if (code !== null) meters.errors.inc({ code, surface })
  for (const field of ignored) meters.ignored.inc({ field })
}

function countRun(
  meters: Meters,
  { request, waitedMs, firstContentMs, durationMs, retries, end }: RunFacts,
  model: string,
): void {
  const { outcome, error, costUsd, stopReason } = end
  const kind = request.plain === null ? 'agent' : 'plain'
  meters.runs.inc({ kind, model, outcome, code: error?.code ?? 'ok' })
  if (waitedMs !== null) meters.waitSeconds.observe({ kind }, waitedMs / 1000)
  if (firstContentMs !== null) {
    meters.firstSeconds.observe({ kind, model }, firstContentMs / 1000)
    meters.firstToken.observe({ gen_ai_request_model: model }, firstContentMs / 1000)
  }
  meters.runSeconds.observe({ gen_ai_request_model: model, error_type: error?.code ?? '' }, durationMs / 1000)
  countTokens(meters, model, end)
  if (costUsd !== null) meters.cost.inc({ model }, costUsd)
  for (const status of retries) meters.retries.inc({ status: status ?? 'none' })
  if (stopReason === 'max_tokens' || stopReason === 'stop_sequence') meters.truncations.inc({ reason: stopReason })
}

function countTokens({ tokens, tokenUsage }: Meters, model: string, { usage }: RunEnd): void {
  const { inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens } = usage
  const byType = {
    input: inputTokens,
    output: outputTokens,
    cache_read: cacheReadInputTokens,
    cache_write: cacheCreationInputTokens,
  }
  for (const [type, count] of Object.entries(byType)) if (count > 0) tokens.inc({ type, model }, count)
  const names = { gen_ai_request_model: model }
  tokenUsage.observe(
    { gen_ai_token_type: 'input', ...names },
    inputTokens + cacheReadInputTokens + cacheCreationInputTokens,
  )
  tokenUsage.observe({ gen_ai_token_type: 'output', ...names }, outputTokens)
}
