// One run that is active, or has ended but is not yet on disk. It drives the agent, passes what happens to the run's
// lifecycle (run-lifecycle.ts) and executes the effects: log, store, timers. No rule is decided here.
import { setTimeout as delay } from 'node:timers/promises'
import { aborted } from 'node:util'
import { AppError, toAppError } from '../errors.ts'
import { PausableTimeout } from './pausable-timeout.ts'
import { PendingPermissions } from './pending-permissions.ts'
import { type Effect, type LifecycleEvent, type RunState, transition } from './run-lifecycle.ts'
import { isStorageFull, RunLog } from './run-log.ts'
import type { Release, RunInput, RunsDependencies } from './runs.ts'
import type { RunRecord, SessionFacts } from './store.ts'

/**
 * A run whose client waits is stored this much later, in milliseconds, or when it starts: the disk would delay its
 * first words. Nobody can miss it before, because lists of runs wait for what is still to be written.
 */
const storeAfterMs = 50

/** After this many events of one run, other work gets its turn. */
const eventsPerTurn = 64

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

const timedOut = (timeoutMs: number) => new AppError('timeout', 'Request timed out', { timeoutS: timeoutMs / 1000 })

/** A run that a former server left: it starts again when `clear` settles. `lastSeq`: how many events it has already. */
export type Restart = { clear: Promise<unknown>; lastSeq: number }

/** With the release of what was acquired for it. */
export type ActiveRunInput = Omit<RunInput, 'acquire'> & { release?: Release | null }

export class ActiveRun {
  readonly log: RunLog
  readonly #dependencies: Required<RunsDependencies>
  readonly #input: ActiveRunInput
  readonly #controller = new AbortController()
  readonly #timeout: PausableTimeout
  readonly #approvals: PendingPermissions
  readonly #acknowledgment = Promise.withResolvers<void>()
  #state: RunState
  #release: Release | null

  /** It starts at once or, if it restarts, when `clear` settles. */
  constructor(dependencies: Required<RunsDependencies>, input: ActiveRunInput, state: RunState, restart?: Restart) {
    const { id } = state.record
    const { store, approvalTimeoutMs, onWarning } = dependencies
    this.#dependencies = dependencies
    this.#input = input
    this.#state = state
    this.#release = input.release ?? null
    this.log = new RunLog({
      id,
      store,
      lastSeq: restart?.lastSeq ?? 0,
      onStoreError: (error) => onWarning('events of a run could not be stored', { run_id: id, reason: String(error) }),
    })
    if (state.storage !== 'unsaved') this.log.storeAfter(Promise.resolve(true))
    this.#timeout = new PausableTimeout(input.timeoutMs, () => this.abort(timedOut(input.timeoutMs)))
    if (input.isBatchItem) this.#timeout.pause()
    this.#approvals = new PendingPermissions(approvalTimeoutMs, (requestId) => this.#denyUnanswered(requestId))
    void this.#drive(restart)
    void (state.record.background ? nextTurn() : delay(storeAfterMs)).then(() => this.#dispatch({ type: 'due' }))
  }

  get record(): RunRecord {
    return this.#state.record
  }

  get phase(): RunState['phase'] {
    return this.#state.phase
  }

  get requestSnapshot(): unknown {
    return this.#input.requestSnapshot ?? null
  }

  /** For a background run: settles when it is on disk and was not refused at once; throws why it never will be. */
  get acknowledged(): Promise<void> {
    return this.#acknowledgment.promise
  }

  /** Settles when the run has ended and everything about it is on disk, could not be written, or waits for room. */
  async settled(): Promise<void> {
    await this.log.ended
    await this.log.save()
  }

  /** Settles when the run has ended and nothing about it waits to be written. */
  async flushed(): Promise<void> {
    await this.log.ended
    await this.log.flushed()
  }

  abort(reason: AppError): void {
    this.#controller.abort(reason)
  }

  /** Settles when the approval is no longer pending. */
  async answered(requestId: string): Promise<void> {
    await Promise.race([this.#approvals.answered(requestId), this.log.ended])
  }

  async #drive(restart?: Restart): Promise<void> {
    let error: AppError | null = null
    try {
      if (restart !== undefined) await this.#restart(restart)
      await this.#emit()
    } catch (thrown) {
      error = toAppError(thrown)
    }
    this.#releaseAll()
    this.#dispatch({ type: 'finished', error, atMs: this.#dependencies.now() })
  }

  async #restart({ clear, lastSeq }: Restart): Promise<void> {
    const { signal } = this.#controller
    await Promise.race([clear.catch(() => {}), aborted(signal, this)])
    signal.throwIfAborted()
    this.#dispatch({ type: 'restarting', hasEvents: lastSeq > 0 })
    await this.log.save()
  }

  async #emit(): Promise<void> {
    const { agent, now } = this.#dependencies
    const { requestSnapshot: _, tap, release: __, ...request } = this.#input
    let count = 0
    for await (const event of agent.run({ ...request, runId: this.record.id }, this.#controller.signal)) {
      if (event.type === 'run-start') this.#timeout.resume()
      if (tap !== undefined) await tap(event)
      if (event.type === 'run-end') this.#releaseAll()
      this.#dispatch({ type: 'emitted', event, atMs: now() })
      if (this.log.isFull) await Promise.race([this.log.flushed(), aborted(this.#controller.signal, this)])
      // An agent that emits many events at once must not keep other runs waiting.
      else if (++count % eventsPerTurn === 0) await nextTurn()
    }
  }

  /** A client that learns of the end may use at once what the run has held. */
  #releaseAll(): void {
    this.#release?.()
    this.#release = null
  }

  #dispatch(event: LifecycleEvent): void {
    const { run, effects } = transition(this.#state, event)
    this.#state = run
    for (const effect of effects) this.#execute(effect)
  }

  #execute(effect: Effect): void {
    const { log } = this
    switch (effect.type) {
      case 'store':
        return log.storeAfter(this.#store())
      case 'drop':
        log.drop()
        return void log.save().then(() => this.#dispatch({ type: 'unstored', error: null }))
      case 'update':
        return log.update(effect.patch)
      case 'append':
        return log.append(effect.event, effect)
      case 'record-session':
        return this.#recordSession(effect.facts)
      case 'await-approval':
        return this.#approvals.add(effect.requestId)
      case 'settle-approval':
        return this.#approvals.remove(effect.requestId)
      case 'pause-timeout':
        return this.#timeout.pause()
      case 'resume-timeout':
        return this.#timeout.resume()
      case 'stop-timers':
        this.#timeout.stop()
        return this.#approvals.clear()
      case 'acknowledge':
        return this.#acknowledgment.resolve()
      case 'reject':
        return this.#acknowledgment.reject(effect.error)
      case 'abort':
        return this.abort(effect.error)
      case 'close':
        log.end(effect.refusal)
        return this.#dependencies.onEnd(this.record.id, effect.end, effect.error)
    }
  }

  /** Resolves to whether the run is stored: if not, nothing else about it is. */
  async #store(): Promise<boolean> {
    const { store, onWarning } = this.#dependencies
    const { record, requestSnapshot } = this
    const answer = await store.createRun(record, null, requestSnapshot).then(
      (): LifecycleEvent => ({ type: 'stored' }),
      (error: unknown): LifecycleEvent => {
        onWarning('a run could not be stored', { run_id: record.id, reason: String(error) })
        return { type: 'unstored', error: toAppError(error) }
      },
    )
    this.#dispatch(answer)
    return answer.type === 'stored'
  }

  #recordSession(facts: SessionFacts): void {
    const { store, onWarning } = this.#dependencies
    store.upsertSession(facts).catch((error: unknown) => {
      onWarning('facts about a session could not be stored', { session_id: facts.id, reason: String(error) })
      if (isStorageFull(error)) this.log.write(() => store.upsertSession(facts))
    })
  }

  #denyUnanswered(requestId: string): void {
    const { agent, approvalTimeoutMs } = this.#dependencies
    const minutes = Math.round(approvalTimeoutMs / 6000) / 10
    const message = `Nobody answered within ${minutes} minutes, so this was not allowed.`
    agent.answer(this.record.id, requestId, { behavior: 'deny', message }, 'timeout')
  }
}
