// Sends traces of requests and runs to an OpenTelemetry collector (OTLP). Loaded only if the operator has set one. A
// trace holds times, names and numbers, never prompts or answers.
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { AnswerFacts, Observer, RequestTrace, RunFacts } from '../core/observer.ts'

export type Tracing = Observer & { close(): Promise<void> }

/** `url` accepts traces over HTTP. Headers and other settings come from OpenTelemetry's own environment variables. */
export function startTracing(url: string, version: string): Tracing {
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url }))
  const resource = resourceFromAttributes({ 'service.name': 'claude-serve', 'service.version': version })
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] })
  const tracer = provider.getTracer('claude-serve', version)
  return {
    beginRequest: (method, traceparent) => beginRequest(tracer, method, traceparent),
    onAnswer() {},
    onRun: (facts) => recordRun(tracer, facts),
    onProcessStart: (durationMs, code) => recordProcessStart(tracer, durationMs, code),
    // A collector that does not answer must not delay shutdown.
    close: () => Promise.race([provider.shutdown(), delay(closeMs, undefined, { ref: false })]),
  }
}

/** How long sending the remaining traces may delay shutdown, in milliseconds. */
const closeMs = 2_000

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Continues the caller's trace. A header that is not valid starts a new one. */
function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = pattern.exec(traceparent ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true })
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

function beginRequest(tracer: Tracer, method: string, traceparent: string | undefined): RequestTrace {
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER }, contextOf(traceparent))
  return { traceparent: traceparentOf(span), end: (facts) => endRequest(span, facts) }
}

function endRequest(span: Span, { method, route, status, code, userAgent }: AnswerFacts): void {
  span.updateName(route === null ? method : `${method} ${route}`)
  span.setAttributes({ 'http.request.method': method, 'http.response.status_code': status })
  if (route !== null) span.setAttribute('http.route', route)
  if (userAgent !== '') span.setAttribute('user_agent.original', userAgent)
  if (code !== null) span.setAttribute('error.type', code)
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

/** A span for the run, with one for each part: waiting in the queue, preparing the process, Claude's turn. */
function recordRun(tracer: Tracer, facts: RunFacts): void {
  const { request, startedAtMs, waitedMs, processReadyMs, durationMs, end } = facts
  const endAtMs = startedAtMs + durationMs
  const run = tracer.startSpan(
    'run',
    { startTime: startedAtMs, attributes: attributesOf(facts) },
    contextOf(request.traceparent),
  )
  const below = trace.setSpan(context.active(), run)
  const part = (name: string, fromMs: number, toMs: number, attributes: Attributes = {}) =>
    tracer.startSpan(name, { startTime: startedAtMs + fromMs, attributes }, below).end(startedAtMs + toMs)
  part('queue', 0, waitedMs ?? processReadyMs ?? durationMs)
  if (processReadyMs !== null) {
    part('process', waitedMs ?? processReadyMs, processReadyMs)
    part('turn', processReadyMs, durationMs, { 'gen_ai.response.model': end.model })
  }
  if (end.error !== null) run.setStatus({ code: SpanStatusCode.ERROR })
  run.end(endAtMs)
}

function attributesOf({ request, firstContentMs, retries, end }: RunFacts): Attributes {
  const { usage, costUsd, error, stopReason, sessionId, model, outcome } = end
  return {
    'claude_serve.run_id': request.runId,
    'claude_serve.kind': request.plain === null ? 'agent' : 'plain',
    'claude_serve.outcome': outcome,
    'claude_serve.retries': retries.length,
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.response.model': model,
    'gen_ai.conversation.id': sessionId,
    'gen_ai.usage.input_tokens': usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    ...(firstContentMs === null ? {} : { 'claude_serve.time_to_first_content_ms': firstContentMs }),
    ...(costUsd === null ? {} : { 'claude_serve.cost_usd': costUsd }),
    ...(stopReason === null ? {} : { 'gen_ai.response.finish_reasons': [stopReason] }),
    ...(error === null ? {} : { 'error.type': error.code }),
  }
}

/** A trace of its own: a process may start without a request. */
function recordProcessStart(tracer: Tracer, durationMs: number, code: string | null): void {
  const nowMs = Date.now()
  const attributes = code === null ? {} : { 'error.type': code }
  const span = tracer.startSpan('process start', { startTime: nowMs - durationMs, attributes, root: true })
  if (code !== null) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(nowMs)
}
