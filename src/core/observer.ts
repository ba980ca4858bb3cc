// Reports what the server does, for metrics and traces: HTTP responses, runs, process starts. Observers must be fast
// and must not throw. Nothing here contains the text of a run.
import { toAppError } from '../errors.ts'
import { type Agent, type RunRequest, withRun } from './agent.ts'
import { endOfRun, isContent, type RunEnd, type RunEvent } from './events.ts'

/** An answered HTTP request. `route` is its pattern; null if no route matched. Times are in milliseconds. */
export type AnswerFacts = {
  method: string
  route: string | null
  status: number
  durationMs: number
  /** Our error code if the request was refused or failed; null otherwise. */
  code: string | null
  userAgent: string
  /** Fields of the request that had no effect. */
  ignored: string[]
}

/**
 * A run that has ended. `waitedMs` is how long it had no process; the times after it count from the start of the run.
 */
export type RunFacts = {
  request: Pick<RunRequest, 'runId' | 'plain' | 'streaming' | 'traceparent'>
  /** On the wall clock, in milliseconds since 1970. */
  startedAtMs: number
  waitedMs: number | null
  processReadyMs: number | null
  firstContentMs: number | null
  durationMs: number
  /** The status that the model's API returned before each retry of the CLI; null if there was none. */
  retries: (number | null)[]
  end: RunEnd
}

/** A request in progress, as part of a trace. */
export type RequestTrace = { traceparent: string; end(facts: AnswerFacts): void }

export type Observer = {
  /** `traceparent` is the caller's own trace context, if the request has one. */
  beginRequest?(method: string, traceparent: string | undefined): RequestTrace
  onAnswer(facts: AnswerFacts): void
  onRun(facts: RunFacts): void
  /** A CLI process is ready (`code` is null) or could not be started (`code` is the error code). */
  onProcessStart(durationMs: number, code: string | null): void
}

/** An agent that reports its runs to the observer. */
export function withObserver(agent: Agent, observer: Observer): Agent {
  return withRun(agent, (request, signal) => observeRun(agent, observer, request, signal))
}

async function* observeRun(
  agent: Agent,
  observer: Observer,
  request: RunRequest,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const recorder = new RunRecorder(request)
  try {
    for await (const event of agent.run(request, signal)) {
      // Readers may stop at the last event, so this cannot wait until after it.
      if (event.type === 'run-end') observer.onRun(recorder.facts(event))
      else recorder.record(event)
      yield event
    }
  } catch (error) {
    observer.onRun(recorder.facts(endOfRun({ sessionId: '', model: '' }, toAppError(error))))
    throw error
  }
}

class RunRecorder {
  readonly #request: RunRequest
  readonly #startedAtMs = Date.now()
  readonly #started = performance.now()
  readonly #retries: (number | null)[] = []
  #waitedMs: number | null = null
  #processReadyMs: number | null = null
  #firstContentMs: number | null = null

  constructor(request: RunRequest) {
    this.#request = request
  }

  record(event: RunEvent): void {
    if (event.type === 'retry') this.#retries.push(event.upstreamStatus)
    if (event.type === 'run-start') {
      this.#processReadyMs = this.#since()
      this.#waitedMs = event.waitedMs ?? null
    }
    if (this.#firstContentMs === null && isContent(event)) this.#firstContentMs = this.#since()
  }

  facts(end: RunEnd): RunFacts {
    const { runId, plain, streaming, traceparent } = this.#request
    return {
      request: { runId, plain, streaming, ...(traceparent === undefined ? {} : { traceparent }) },
      startedAtMs: this.#startedAtMs,
      waitedMs: this.#waitedMs,
      processReadyMs: this.#processReadyMs,
      firstContentMs: this.#firstContentMs,
      durationMs: this.#since(),
      retries: this.#retries,
      end,
    }
  }

  #since(): number {
    return performance.now() - this.#started
  }
}

/** Several observers as one. Of those that trace requests, only the last one does. */
export function allObservers(observers: readonly Observer[]): Observer {
  const tracer = observers.findLast(({ beginRequest }) => beginRequest !== undefined)
  return {
    ...(tracer?.beginRequest ? { beginRequest: tracer.beginRequest } : {}),
    onAnswer: (facts) => {
      for (const observer of observers) observer.onAnswer(facts)
    },
    onRun: (facts) => {
      for (const observer of observers) observer.onRun(facts)
    },
    onProcessStart: (durationMs, code) => {
      for (const observer of observers) observer.onProcessStart(durationMs, code)
    },
  }
}
