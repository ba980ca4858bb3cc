// The lifecycle of a run as a pure state machine: what each event means in each phase, and what must be done then, as
// data. No I/O, no timers, no clock: active-run.ts executes the effects. Recovery after a crash is in run-recovery.ts.
import { AppError } from '../errors.ts'
import type { SessionChoice } from './agent.ts'
import { type ApprovalRequest, endOfRun, type RunEnd, type RunEvent } from './events.ts'
import type { RunPatch, RunRecord, SessionFacts } from './store.ts'

/**
 * `queued`: accepted, not started. `ending`: the agent has emitted the end but is not done yet. `refusing`: it never
 * started, and its followers learn that when the store has answered. `refused`: nothing of it is left. `ended`: its log
 * has ended. `error` is what the agent threw; null if it returned without an end.
 */
export type Phase =
  | { name: 'queued' }
  | { name: 'running' }
  | { name: 'waiting'; pending: ApprovalRequest[] }
  | { name: 'ending'; end: RunEnd }
  | { name: 'refusing'; error: AppError | null; atMs: number }
  | { name: 'refused' }
  | { name: 'ended' }

/**
 * Whether the run is in the store. `claimed`: since its idempotency key was claimed; it frees the key if it is refused.
 * `stored`: for good, so a background run is acknowledged. `absent`: it could not be stored, or was dropped.
 */
export type Storage = 'unsaved' | 'claimed' | 'storing' | 'stored' | 'absent'

export type RunState = {
  phase: Phase
  storage: Storage
  record: RunRecord
  /** Whether its end is shown only once it is stored: its client relies on finding it again. */
  isDurable: boolean
  /** Whether the conversation has an id that means something to others: not if it came with the request. */
  hasSession: boolean
}

/** `due`: it was not refused at once, so it is to be stored. `restarting`: `hasEvents` from its
 * first start. `finished`: the agent is done, or has thrown `error`. */
export type LifecycleEvent =
  | { type: 'due' | 'stored' }
  | { type: 'restarting'; hasEvents: boolean }
  | { type: 'unstored'; error: AppError | null }
  | { type: 'emitted'; event: RunEvent; atMs: number }
  | { type: 'finished'; error: AppError | null; atMs: number }

/**
 * `drop` and `store` are answered by `unstored` and `stored`. `acknowledge` and `reject` answer the client of a
 * background run. `close` ends the log, for its followers with `refusal` if there is one, and reports how the run ended.
 */
export type Effect =
  | { type: 'store' | 'drop' | 'acknowledge' | 'pause-timeout' | 'resume-timeout' | 'stop-timers' }
  | { type: 'update'; patch: RunPatch }
  | { type: 'append'; event: RunEvent; held?: boolean }
  | { type: 'record-session'; facts: SessionFacts }
  | { type: 'await-approval' | 'settle-approval'; requestId: string }
  | { type: 'abort' | 'reject'; error: AppError }
  | { type: 'close'; refusal: AppError | null; end: RunEnd | null; error: AppError | null }

export type Transition = { run: RunState; effects: Effect[] }

export const interrupted = () =>
  new AppError(
    'interrupted',
    'The server stopped before the run ended. Send the request again, or use "on_crash": "restart".',
  )

/** Whether the agent still works on it. */
export const isActive = (phase: Phase): boolean => phase.name !== 'ended' && !isRefused(phase)

/** Whether its log will end soon, whatever happens. */
export const isClosing = ({ name }: Phase): boolean => name === 'ending' || name === 'refusing'

const isRefused = ({ name }: Phase) => name === 'refusing' || name === 'refused'

export const newRun = (record: RunRecord, storage: Storage, { kind }: SessionChoice, isDurable: boolean): RunState => ({
  phase: { name: 'queued' },
  storage,
  record,
  isDurable,
  hasSession: kind !== 'history',
})

export function transition(run: RunState, event: LifecycleEvent): Transition {
  switch (event.type) {
    case 'due':
      return due(run)
    case 'stored':
      return stored(run)
    case 'unstored':
      return unstored(run, event.error)
    case 'restarting':
      // A run that brings the server down must not do so for ever: it is restarted once.
      return restarting(run, event.hasEvents)
    case 'emitted':
      return emitted(run, event.event, event.atMs)
    case 'finished':
      return finished(run, event.error, event.atMs)
  }
}

/** What it has emitted before stays, and its followers learn that it begins again. */
function restarting(run: RunState, hasEvents: boolean): Transition {
  const { run: next, effects } = update(run, run.phase, { restart: null })
  return { run: next, effects: hasEvents ? [...effects, { type: 'append', event: { type: 'restart' } }] : effects }
}

const unchanged = (run: RunState): Transition => ({ run, effects: [] })

/** The effects come first, then those of the transition. */
const after = (effects: Effect[], next: Transition): Transition => ({
  run: next.run,
  effects: [...effects, ...next.effects],
})

function update(run: RunState, phase: Phase, patch: RunPatch): Transition {
  return { run: { ...run, phase, record: { ...run.record, ...patch } }, effects: [{ type: 'update', patch }] }
}

function due(run: RunState): Transition {
  const { phase, storage, record } = run
  if (isRefused(phase)) return unchanged(run)
  if (storage === 'unsaved') return { run: { ...run, storage: 'storing' }, effects: [{ type: 'store' }] }
  return storage === 'claimed' && record.background ? stored(run) : unchanged(run)
}

/** A background run is acknowledged only when it is stored and was not refused: from then on it can only end. */
function stored(run: RunState): Transition {
  const { phase, record } = run
  const next: RunState = { ...run, storage: 'stored' }
  if (phase.name !== 'refusing') return { run: next, effects: record.background ? [{ type: 'acknowledge' }] : [] }
  return record.background ? { run: next, effects: [{ type: 'drop' }] } : endStored(next, phase.error, phase.atMs)
}

function unstored(run: RunState, error: AppError | null): Transition {
  const { phase, record } = run
  const next: RunState = { ...run, storage: 'absent' }
  if (phase.name === 'refusing') return refuse(next, phase.error, phase.atMs)
  // Nobody could ever learn how a background run ended.
  if (error === null || !record.background) return unchanged(next)
  return {
    run: next,
    effects: [
      { type: 'abort', error },
      { type: 'reject', error },
    ],
  }
}

function emitted(run: RunState, event: RunEvent, atMs: number): Transition {
  if (!isActive(run.phase) || run.phase.name === 'ending') return unchanged(run)
  const { run: saved, effects } = run.storage === 'unsaved' ? due(run) : unchanged(run)
  const next = advance(saved, event, atMs)
  return { run: next.run, effects: [...effects, ...next.effects, append(run, event)] }
}

const append = ({ isDurable }: RunState, event: RunEvent): Effect =>
  isDurable && event.type === 'run-end' ? { type: 'append', event, held: true } : { type: 'append', event }

/** What an event changes, except that it is appended to the log. */
function advance(run: RunState, event: RunEvent, atMs: number): Transition {
  switch (event.type) {
    case 'run-start': {
      const { model, cwd = null } = event
      const sessionId = run.hasSession ? event.sessionId : null
      return update(run, { name: 'running' }, { status: 'running', startedAtMs: atMs, sessionId, model, cwd })
    }
    case 'ask':
      return wait(run, [...pendingOf(run), event], { type: 'await-approval', requestId: event.requestId })
    case 'ask-answered': {
      const { requestId } = event
      const pending = pendingOf(run).filter((each) => each.requestId !== requestId)
      return wait(run, pending, { type: 'settle-approval', requestId })
    }
    case 'run-end':
      return { run: { ...run, phase: { name: 'ending', end: event } }, effects: [] }
    default:
      return unchanged(run)
  }
}

const pendingOf = ({ phase }: RunState) => (phase.name === 'waiting' ? phase.pending : [])

/** The time that a person takes does not count. */
function wait(run: RunState, pending: ApprovalRequest[], approval: Effect): Transition {
  const wasWaiting = run.phase.name === 'waiting'
  const isWaiting = pending.length > 0
  const phase: Phase = isWaiting ? { name: 'waiting', pending } : { name: 'running' }
  const effects: Effect[] = [approval]
  if (isWaiting !== wasWaiting) effects.push({ type: isWaiting ? 'pause-timeout' : 'resume-timeout' })
  return after(effects, update(run, phase, { status: phase.name, pending }))
}

function finished(run: RunState, error: AppError | null, atMs: number): Transition {
  if (!isActive(run.phase)) return unchanged(run)
  const stopped: Effect[] = [{ type: 'stop-timers' }]
  return after(stopped, run.phase.name === 'queued' ? neverStarted(run, error, atMs) : end(run, error, atMs))
}

function neverStarted(run: RunState, error: AppError | null, atMs: number): Transition {
  const { storage } = run
  if (storage === 'stored') return endStored(run, error, atMs)
  if (storage === 'unsaved' || storage === 'absent') return refuse(run, error, atMs)
  const next: RunState = { ...run, phase: { name: 'refusing', error, atMs } }
  return { run: next, effects: storage === 'claimed' ? [{ type: 'drop' }] : [] }
}

/** Ends a stored run that never started. If it was not acknowledged, its followers get the error itself. */
const endStored = (run: RunState, error: AppError | null, atMs: number): Transition =>
  end(run, error, atMs, run.record.background ? null : (error ?? interrupted()))

/** Nothing is left of a refused run. */
function refuse(run: RunState, error: AppError | null, endedAtMs: number): Transition {
  const refusal = error ?? interrupted()
  const status = refusal.code === 'cancelled' ? 'cancelled' : 'failed'
  const effects: Effect[] = [{ type: 'close', refusal, end: null, error }]
  if (run.record.background) effects.push({ type: 'reject', error: refusal })
  return { run: { ...run, phase: { name: 'refused' }, record: { ...run.record, status, endedAtMs } }, effects }
}

function end(run: RunState, error: AppError | null, atMs: number, refusal: AppError | null = null): Transition {
  const { phase, record } = run
  const emittedEnd = phase.name === 'ending' ? phase.end : null
  const runEnd = emittedEnd ?? endOf(record, error ?? interrupted())
  const missing = emittedEnd === null ? closingEvents(record, runEnd, record.startedAtMs !== null) : []
  const recorded = recordEnd(run, runEnd, atMs)
  const appended = missing.map((event) => append(run, event))
  const close: Effect = { type: 'close', refusal, end: emittedEnd, error }
  return { run: recorded.run, effects: [...appended, ...recorded.effects, close] }
}

function recordEnd(run: RunState, end: RunEnd, atMs: number): Transition {
  const { sessionId: id, owner, cwd, model, createdAtMs, restart } = run.record
  const ended: Phase = { name: 'ended' }
  // A run that the next server will restart is left as it is.
  if (end.error?.code === 'shutting_down' && restart !== null) return { run: { ...run, phase: ended }, effects: [] }
  const next = update(run, ended, endPatch(end, atMs))
  if (id === null || cwd === null) return next
  return after([{ type: 'record-session', facts: { id, owner, cwd, model, createdAtMs, lastUsedAtMs: atMs } }], next)
}

/** The end of a run whose agent emitted none. */
export const endOf = ({ sessionId, model }: RunRecord, error: AppError): RunEnd =>
  endOfRun({ sessionId: sessionId ?? '', model: model ?? '' }, error)

/** What a log still lacks: every log has a start and an end. */
export function closingEvents({ id, sessionId, model }: RunRecord, end: RunEnd, hasStart: boolean): RunEvent[] {
  return hasStart ? [end] : [{ type: 'run-start', runId: id, sessionId: sessionId ?? '', model: model ?? '' }, end]
}

export const endPatch = (end: RunEnd, endedAtMs: number): RunPatch => ({
  status: end.outcome,
  end,
  endedAtMs,
  restart: null,
  pending: [],
})
