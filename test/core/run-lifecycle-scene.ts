// A model of what surrounds a run's lifecycle, for its tests: which events can come next, given what has happened. The
// agent keeps to its contract; the store answers each request once, well or badly, at any time.
import { noUsage, type RunEvent } from '../../src/core/events.ts'
import { type Effect, type LifecycleEvent, newRun, type RunState, transition } from '../../src/core/run-lifecycle.ts'
import { AppError } from '../../src/errors.ts'
import { runRecord } from '../contract/store-records.ts'
import { model, runEnd, sessionId } from '../helpers/scripted-agent.ts'
import { approvalEvent } from './runs-scene.ts'

export const failure = new AppError('queue_full', 'too many runs')
export const diskFull = new AppError('internal', 'disk full')

export const start = { type: 'run-start', runId: 'run_1', sessionId, model, cwd: '/real' } as const

const answer = (requestId: string): RunEvent => ({ type: 'ask-answered', requestId, behavior: 'allow', by: 'caller' })

export const emit = (event: RunEvent, atMs = 2000): LifecycleEvent => ({ type: 'emitted', event, atMs })

/** Every event, by the name that it has in the tables. */
export const events = {
  due: { type: 'due' },
  stored: { type: 'stored' },
  'store fails': { type: 'unstored', error: diskFull },
  dropped: { type: 'unstored', error: null },
  restarting: { type: 'restarting', hasEvents: false },
  'run-start': emit(start),
  usage: emit({ type: 'usage', usage: noUsage }),
  'ask 1': emit(approvalEvent('ask_1')),
  'ask 2': emit(approvalEvent('ask_2')),
  'answer 1': emit(answer('ask_1')),
  'answer 2': emit(answer('ask_2')),
  'run-end': emit(runEnd()),
  returns: { type: 'finished', error: null, atMs: 3000 },
  throws: { type: 'finished', error: failure, atMs: 3000 },
} satisfies Record<string, LifecycleEvent>

export type EventName = keyof typeof events

export type World = {
  run: RunState
  isDue: boolean
  /** What the store has not answered yet. */
  storing: 'store' | 'drop' | null
  agent: 'waits' | 'queued' | 'active' | 'over'
}

/** The states in which a run can begin: new, or a former server's. A new one may hold a key. */
export const beginnings = {
  foreground: { background: false, storage: 'unsaved' },
  background: { background: true, storage: 'unsaved' },
  'foreground with a key': { background: false, storage: 'claimed' },
  'background with a key': { background: true, storage: 'claimed' },
  recovered: { background: true, storage: 'stored' },
} as const satisfies Record<string, { background: boolean; storage: RunState['storage'] }>

export type Beginning = keyof typeof beginnings

export function runFrom(beginning: Beginning, fields: Parameters<typeof runRecord>[1] = {}): RunState {
  const { background, storage } = beginnings[beginning]
  return newRun(
    runRecord('run_1', { cwd: '/work', background, ...fields }),
    storage,
    { kind: 'new' },
    background || storage === 'claimed',
  )
}

export const newWorld = (beginning: Beginning): World => ({
  run: runFrom(beginning),
  isDue: false,
  storing: null,
  agent: beginning === 'recovered' ? 'waits' : 'queued',
})

export function possible({ run, isDue, storing, agent }: World): EventName[] {
  const pending = run.phase.name === 'waiting' ? run.phase.pending.map(({ requestId }) => requestId) : []
  const toggles: EventName[] = [
    pending.includes('ask_1') ? 'answer 1' : 'ask 1',
    pending.includes('ask_2') ? 'answer 2' : 'ask 2',
  ]
  const emitted: EventName[] = run.phase.name === 'ending' ? [] : ['usage', 'run-end', ...toggles]
  const fromAgent: Record<World['agent'], EventName[]> = {
    waits: ['restarting', 'throws'],
    queued: ['run-start', 'returns', 'throws'],
    active: [...emitted, 'returns', 'throws'],
    over: [],
  }
  const fromStore: Record<string, EventName[]> = { store: ['stored', 'store fails'], drop: ['dropped'] }
  const fromClock: EventName[] = isDue ? [] : ['due']
  return [...fromAgent[agent], ...(fromStore[storing ?? ''] ?? []), ...fromClock]
}

export function advance(world: World, name: EventName): { world: World; effects: Effect[] } {
  const { run, effects } = transition(world.run, events[name])
  let { isDue, storing, agent } = world
  if (name === 'due') isDue = true
  if (name === 'stored' || name === 'store fails' || name === 'dropped') storing = null
  if (name === 'restarting') agent = 'queued'
  if (name === 'run-start') agent = 'active'
  if (name === 'returns' || name === 'throws') agent = 'over'
  for (const { type } of effects) if (type === 'store' || type === 'drop') storing = type
  return { world: { run, isDue, storing, agent }, effects }
}
