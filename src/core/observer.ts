// What is told of the server's work as it goes on, for figures and traces: answers over HTTP, runs, starts of processes. Whoever
// listens must be quick and must not throw. Nothing here holds what was said in a run.
import { toAppError } from '../errors.ts'
import { type Agent, type RunRequest, withRun } from './agent.ts'
import { endOfRun, isContent, type RunEnd, type RunEvent } from './events.ts'

/** An answered HTTP request. `route` is its pattern, null where there is none. Times in milliseconds. */
export type AnswerFacts = {
  method: string
  route: string | null
  status: number
  durationMs: number
  /** What was refused or failed, as our own code; null where nothing did. */
  code: string | null
  userAgent: string
  /** Fields of the request that had no effect. */
  ignored: string[]
}

/** A run that has ended. `waitedMs` is how long it had no process; the times to come after it are since its beginning. */
export type RunFacts = {
  request: Pick<RunRequest, 'runId' | 'plain' | 'streaming' | 'traceparent'>
  /** On the wall clock, in milliseconds since 1970. */
  startedAtMs: number
  waitedMs: number | null
  processReadyMs: number | null
  firstContentMs: number | null
  durationMs: number
  /** Statuses that the model's API gave before the CLI tried again; null where there was none. */
  retries: (number | null)[]
  end: RunEnd
}

/** A request on its way, as part of a trace. */
export type RequestTrace = { traceparent: string; end(facts: AnswerFacts): void }

export type Observer = {
  /** `traceparent` is what the request brings of the caller's own trace. */
  beginRequest?(method: string, traceparent: string | undefined): RequestTrace
  onAnswer(facts: AnswerFacts): void
  onRun(facts: RunFacts): void
  /** A CLI process is ready, or could not be started; `code` says why. */
  onProcessStart(durationMs: number, code: string | null): void
}

/** An agent of whose runs the observer is told. */
export function withObserver(agent: Agent, observer: Observer): Agent {
  return withRun(agent, (request, signal) => observed(agent, observer, request, signal))
}

async function* observed(
  agent: Agent,
  observer: Observer,
  request: RunRequest,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const notes = new RunNotes(request)
  try {
    for await (const event of agent.run(request, signal)) {
      // Whoever takes the last event does not always ask for one more, so this cannot wait until after it.
      if (event.type === 'run-end') observer.onRun(notes.facts(event))
      else notes.note(event)
      yield event
    }
  } catch (fault) {
    observer.onRun(notes.facts(endOfRun({ sessionId: '', model: '' }, toAppError(fault))))
    throw fault
  }
}

class RunNotes {
  readonly #request: RunRequest
  readonly #startedAtMs = Date.now()
  readonly #started = performance.now()
  readonly #retries: (number | null)[] = []
  #waitedMs: number | null = null
  #begunMs: number | null = null
  #firstContentMs: number | null = null

  constructor(request: RunRequest) {
    this.#request = request
  }

  note(event: RunEvent): void {
    if (event.type === 'retry') this.#retries.push(event.upstreamStatus)
    if (event.type === 'run-start') {
      this.#begunMs = this.#since()
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
      processReadyMs: this.#begunMs,
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

/** Several as one; the last one that follows requests does. */
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
