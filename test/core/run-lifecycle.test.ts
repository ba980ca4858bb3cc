// The lifecycle of a run: a table of what each event does in each phase, which covers everything that can happen; what
// the effects contain; and what holds for every sequence of events.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type {} from '../../src/core/events.ts'
import { type Effect, isActive, isClosing, newRun, type RunState, transition } from '../../src/core/run-lifecycle.ts'
import { isFinal } from '../../src/core/store.ts'
import { AppError, shuttingDown } from '../../src/errors.ts'
import { runRecord } from '../contract/store-records.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import { failedEnd, model, runEnd, sessionId } from '../helpers/scripted-agent.ts'
import {
  advance,
  type Beginning,
  beginnings,
  type EventName,
  emit,
  events,
  failure,
  newWorld,
  possible,
  runFrom,
  start,
  type World,
} from './run-lifecycle-scene.ts'

/**
 * The phase and where the run is stored, the event, the same afterwards, and the effects. `fg` and `bg` are rows for
 * foreground or background runs only. `started` is every phase after a start, and `*` is anywhere: both stay as they
 * are if they stand on the right too. `waiting twice` is for two approvals. `refuse` closes the log with an error.
 */
const table = `
   queued unsaved    | due         | queued storing   | store
   queued unsaved    | run-start   | running storing  | store, update running, append run-start
fg queued unsaved    | throws      | refused unsaved  | stop-timers, refuse
fg queued unsaved    | returns     | refused unsaved  | stop-timers, refuse
bg queued unsaved    | throws      | refused unsaved  | stop-timers, refuse, reject
bg queued unsaved    | returns     | refused unsaved  | stop-timers, refuse, reject
   refused unsaved   | due         | refused unsaved  |

fg queued claimed    | due         | queued claimed   |
bg queued claimed    | due         | queued stored    | acknowledge
   queued claimed    | run-start   | running claimed  | update running, append run-start
   queued claimed    | throws      | refusing claimed | stop-timers, drop
   queued claimed    | returns     | refusing claimed | stop-timers, drop
   refusing claimed  | due         | refusing claimed |
fg refusing claimed  | dropped     | refused absent   | refuse
bg refusing claimed  | dropped     | refused absent   | refuse, reject
   refused absent    | due         | refused absent   |

fg queued storing    | stored      | queued stored    |
bg queued storing    | stored      | queued stored    | acknowledge
fg queued storing    | store fails | queued absent    |
bg queued storing    | store fails | queued absent    | abort, reject
   queued storing    | run-start   | running storing  | update running, append run-start
   queued storing    | throws      | refusing storing | stop-timers
   queued storing    | returns     | refusing storing | stop-timers
fg refusing storing  | stored      | ended stored     | append run-start, append run-end, update failed, refuse
bg refusing storing  | stored      | refusing stored  | drop
bg refusing stored   | dropped     | refused absent   | refuse, reject
fg refusing storing  | store fails | refused absent   | refuse
bg refusing storing  | store fails | refused absent   | refuse, reject

bg queued stored     | due         | queued stored    |
bg queued stored     | restarting  | queued stored    | update
   queued stored     | run-start   | running stored   | update running, append run-start
fg queued stored     | throws      | ended stored     | stop-timers, append run-start, append run-end, update failed, refuse
fg queued stored     | returns     | ended stored     | stop-timers, append run-start, append run-end, update failed, refuse
bg queued stored     | throws      | ended stored     | stop-timers, append run-start, append run-end, update failed, close
bg queued stored     | returns     | ended stored     | stop-timers, append run-start, append run-end, update failed, close

   queued absent     | run-start   | running absent   | update running, append run-start
fg queued absent     | throws      | refused absent   | stop-timers, refuse
fg queued absent     | returns     | refused absent   | stop-timers, refuse
bg queued absent     | throws      | refused absent   | stop-timers, refuse, reject
bg queued absent     | returns     | refused absent   | stop-timers, refuse, reject

   running *         | usage       | running *        | append usage
   running *         | ask 1       | waiting *        | await-approval, pause-timeout, update waiting, append ask
   running *         | ask 2       | waiting *        | await-approval, pause-timeout, update waiting, append ask
   waiting *         | ask 1       | waiting twice *  | await-approval, update waiting, append ask
   waiting *         | ask 2       | waiting twice *  | await-approval, update waiting, append ask
   waiting twice *   | answer 1    | waiting *        | settle-approval, update waiting, append ask-answered
   waiting twice *   | answer 2    | waiting *        | settle-approval, update waiting, append ask-answered
   waiting *         | answer 1    | running *        | settle-approval, resume-timeout, update running, append ask-answered
   waiting *         | answer 2    | running *        | settle-approval, resume-timeout, update running, append ask-answered
   waiting *         | usage       | waiting *        | append usage
   waiting twice *   | usage       | waiting twice *  | append usage

   running *         | run-end     | ending *         | append run-end
   waiting *         | run-end     | ending *         | append run-end
   waiting twice *   | run-end     | ending *         | append run-end
   ending *          | returns     | ended *          | stop-timers, record-session, update succeeded, close
   ending *          | throws      | ended *          | stop-timers, record-session, update succeeded, close
   running *         | throws      | ended *          | stop-timers, append run-end, record-session, update failed, close
   running *         | returns     | ended *          | stop-timers, append run-end, record-session, update failed, close
   waiting *         | throws      | ended *          | stop-timers, append run-end, record-session, update failed, close
   waiting *         | returns     | ended *          | stop-timers, append run-end, record-session, update failed, close
   waiting twice *   | throws      | ended *          | stop-timers, append run-end, record-session, update failed, close
   waiting twice *   | returns     | ended *          | stop-timers, append run-end, record-session, update failed, close

fg started claimed   | due         | started claimed  |
bg started claimed   | due         | started stored   | acknowledge
   started storing   | due         | started storing  |
   started stored    | due         | started stored   |
   started absent    | due         | started absent   |
fg started storing   | stored      | started stored   |
bg started storing   | stored      | started stored   | acknowledge
fg started storing   | store fails | started absent   |
bg started storing   | store fails | started absent   | abort, reject
`

type Row = { kind: string; phase: string; storage: string; event: string; to: string; effects: string }

const rows: Row[] = table
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [from = '', event = '', to = '', effects = ''] = line
      .slice(3)
      .split('|')
      .map((cell) => cell.trim())
    const [, phase = '', storage = ''] = /^(.+) (\S+)$/.exec(from) ?? []
    return { kind: line.slice(0, 2).trim(), phase, storage, event, to, effects }
  })

const started = new Set(['running', 'waiting', 'waiting twice', 'ending', 'ended'])

const phaseOf = ({ phase }: RunState) =>
  phase.name === 'waiting' && phase.pending.length > 1 ? 'waiting twice' : phase.name

const kindOf = ({ record }: RunState) => (record.background ? 'bg' : 'fg')

const appliesTo = (row: Row, run: RunState, event: EventName) =>
  row.event === event &&
  ['', kindOf(run)].includes(row.kind) &&
  ['*', run.storage].includes(row.storage) &&
  (row.phase === phaseOf(run) || (row.phase === 'started' && started.has(phaseOf(run))))

function nameOf(effect: Effect): string {
  if (effect.type === 'append') return `append ${effect.event.type}`
  if (effect.type === 'update') return `update ${effect.patch.status ?? ''}`.trim()
  return effect.type === 'close' && effect.refusal !== null ? 'refuse' : effect.type
}

/** Everything that can happen to a run, however it began: each state with each event that can come next. */
function reachable(): { world: World; event: EventName }[] {
  const found = new Map<string, World>()
  const add = (world: World) => {
    const key = JSON.stringify(world)
    if (found.has(key)) return
    found.set(key, world)
    for (const event of possible(world)) add(advance(world, event).world)
  }
  for (const beginning of Object.keys(beginnings) as Beginning[]) add(newWorld(beginning))
  return [...found.values()].flatMap((world) => possible(world).map((event) => ({ world, event })))
}

test('each event does in each phase what the table says, and the table has nothing else', () => {
  const used = new Set<Row>()
  for (const { world, event } of reachable()) {
    const { run } = world
    const where = `${kindOf(run)} ${phaseOf(run)} ${run.storage}, ${event}`
    const found = rows.filter((row) => appliesTo(row, run, event))
    const [row] = found
    assert.ok(row && found.length === 1, `${found.length} rows for ${where}`)
    used.add(row)
    const next = transition(run, events[event])
    const to = row.to.replace('*', run.storage).replace('started', phaseOf(run))
    assert.equal(`${phaseOf(next.run)} ${next.run.storage}`, to, where)
    assert.equal(next.effects.map(nameOf).join(', '), row.effects, where)
  }
  assert.deepEqual(
    rows.filter((row) => !used.has(row)),
    [],
    'rows that nothing leads to',
  )
})

/** The run after these events, and the effects of the last one. */
const feed = (run: RunState, ...names: EventName[]) =>
  names.reduce((before, name) => transition(before.run, events[name]), { run, effects: [] as Effect[] })

const isOf =
  <T extends Effect['type']>(type: T) =>
  (effect: Effect): effect is Effect & { type: T } =>
    effect.type === type

function effectOf<T extends Effect['type']>(effects: Effect[], type: T): Effect & { type: T } {
  const found = effects.find(isOf(type))
  assert.ok(found, `there is no effect ${type}`)
  return found
}

/** The events that the effects append to the log. */
const appendedBy = (effects: Effect[]) => effects.filter(isOf('append')).map(({ event }) => event)

test('a start is recorded with its time and what the agent reports', () => {
  const { run, effects } = transition(runFrom('foreground'), emit(start, 7))
  const patch = { status: 'running', startedAtMs: 7, sessionId, model, cwd: '/real' }
  assert.deepEqual(effectOf(effects, 'update').patch, patch)
  assert.partialDeepStrictEqual(run.record, patch)
})

test('a conversation that came with the request has no session: neither its record nor the facts about sessions have one', () => {
  const { run } = transition(
    newRun(runRecord('run_1'), 'unsaved', { kind: 'history', messages: [] }, false),
    emit(start),
  )
  assert.equal(run.record.sessionId, null)
  const { effects } = feed(run, 'run-end', 'returns')
  assert.equal(effects.some(isOf('record-session')), false)
})

test('each approval that a run waits for is in its record', () => {
  const idsOf = (...names: EventName[]) =>
    feed(runFrom('foreground'), 'run-start', ...names).run.record.pending.map(
      (each) => (each as { requestId: string }).requestId,
    )
  assert.deepEqual(idsOf('ask 1', 'ask 2'), ['ask_1', 'ask_2'])
  assert.deepEqual(idsOf('ask 1', 'ask 2', 'answer 1'), ['ask_2'])
  assert.deepEqual(idsOf('ask 1', 'answer 1'), [])
})

test("the agent's own end is recorded and reported, with the facts about the session", () => {
  const { run } = transition(runFrom('foreground', { owner: 'key_1', createdAtMs: 1 }), emit(start))
  const { effects } = feed(run, 'ask 1', 'run-end', 'returns')
  const end = runEnd()
  assert.deepEqual(effectOf(effects, 'update').patch, {
    status: 'succeeded',
    end,
    endedAtMs: 3000,
    restart: null,
    pending: [],
  })
  const facts = { id: sessionId, owner: 'key_1', cwd: '/real', model, createdAtMs: 1, lastUsedAtMs: 3000 }
  assert.deepEqual(effectOf(effects, 'record-session').facts, facts)
  assert.deepEqual(effectOf(effects, 'close'), { type: 'close', refusal: null, end, error: null })
})

test('a run whose agent throws has an end of its own; what is reported is the error', () => {
  const { run, effects } = feed(runFrom('foreground'), 'run-start', 'throws')
  const [end, ...others] = appendedBy(effects)
  assert.ok(end?.type === 'run-end' && others.length === 0)
  assert.deepEqual([end.sessionId, end.model, end.error?.code], [sessionId, model, failure.code])
  assert.deepEqual(run.record.end, end)
  assert.deepEqual(effectOf(effects, 'close'), { type: 'close', refusal: null, end: null, error: failure })
})

test('a run whose agent returns without an end was interrupted', () => {
  const { effects } = feed(runFrom('foreground'), 'run-start', 'returns')
  assert.equal(effectOf(effects, 'update').patch.end?.error?.code, 'interrupted')
  assert.deepEqual(effectOf(effects, 'close'), { type: 'close', refusal: null, end: null, error: null })
  const refused = effectOf(feed(runFrom('foreground'), 'returns').effects, 'close')
  assert.deepEqual([refused.refusal?.code, refused.end, refused.error], ['interrupted', null, null])
})

test('a stored run that never started has a start, too, with what is known', () => {
  const { effects } = feed(runFrom('foreground', { sessionId: 'session_1' }), 'due', 'stored', 'throws')
  const [first, end] = appendedBy(effects)
  assert.deepEqual(first, { type: 'run-start', runId: 'run_1', sessionId: 'session_1', model: '' })
  assert.ok(end?.type === 'run-end')
  assert.equal(end.sessionId, 'session_1')
  assert.equal(effectOf(effects, 'close').refusal, failure)
})

for (const [code, status] of [
  ['cancelled', 'cancelled'],
  ['timeout', 'failed'],
] as const) {
  const error = new AppError(code, 'by the test')
  const throwing = { type: 'finished', error, atMs: 5 } as const

  test(`a run that ends with ${code} is ${status}, whether it was refused or had started`, () => {
    const refused = transition(runFrom('background'), throwing)
    assert.partialDeepStrictEqual(refused.run.record, { status, endedAtMs: 5, end: null })
    assert.equal(effectOf(refused.effects, 'reject').error, error)
    const ended = transition(feed(runFrom('background'), 'run-start').run, throwing)
    assert.partialDeepStrictEqual(ended.run.record, { status, endedAtMs: 5 })
    assert.equal(ended.run.record.end?.outcome, status)
  })
}

test('a run that the next server will restart is left as it is when this one shuts down', () => {
  for (const names of [[], ['run-start'], ['run-start', 'ask 1']] satisfies EventName[][]) {
    const { run } = feed(runFrom('recovered', { restart: {} }), ...names)
    const thrown = transition(run, { type: 'finished', error: shuttingDown(), atMs: 9 })
    assert.deepEqual(thrown.run, { ...run, phase: { name: 'ended' } })
    assert.equal(appendedBy(thrown.effects).at(-1)?.type, 'run-end')
    if (names.length === 0) continue
    const ended = feed(transition(run, emit(failedEnd(shuttingDown()))).run, 'returns')
    assert.deepEqual([ended.run, ended.effects.some(isOf('update'))], [{ ...run, phase: { name: 'ended' } }, false])
  }
})

test('a run that restarts does so once', () => {
  const { run, effects } = feed(runFrom('recovered', { restart: {} }), 'restarting')
  assert.deepEqual([effectOf(effects, 'update').patch, run.record.restart], [{ restart: null }, null])
  const { run: ended } = transition(run, { type: 'finished', error: shuttingDown(), atMs: 9 })
  assert.equal(ended.record.status, 'failed')
})

test('a run that begins again after its first events says so', () => {
  const { effects } = transition(runFrom('recovered', { restart: {} }), { type: 'restarting', hasEvents: true })
  assert.deepEqual(appendedBy(effects), [{ type: 'restart' }])
  assert.deepEqual(appendedBy(transition(runFrom('recovered'), { type: 'restarting', hasEvents: false }).effects), [])
})

for (const [beginning, isHeld] of [
  ['foreground', false],
  ['background', true],
  ['foreground with a key', true],
  ['recovered', true],
] as const) {
  test(`${beginning}: its end is ${isHeld ? 'held until it is stored' : 'shown at once'}, whoever emits it`, () => {
    const heldBy = (...names: EventName[]) =>
      feed(runFrom(beginning), 'run-start', ...names)
        .effects.filter(isOf('append'))
        .filter(({ event }) => event.type === 'run-end')
        .map(({ held = false }) => held)
    assert.deepEqual(heldBy('run-end'), [isHeld])
    assert.deepEqual(heldBy('throws'), [isHeld])
  })
}

test('a background run that cannot be stored is stopped, and its client gets the error of the store', () => {
  const { effects } = feed(runFrom('background'), 'due', 'store fails')
  for (const type of ['abort', 'reject'] as const) assert.equal(effectOf(effects, type).error.message, 'disk full')
})

type Walk = { beginning: Beginning; world: World; effects: Effect[] }

/** A run in whose life anything that is possible happened, up to some moment or until nothing more can happen. */
function walkOf([beginning, choices, isComplete]: [Beginning, number[], boolean]): Walk {
  let world = newWorld(beginning)
  const effects: Effect[] = []
  const take = (name: EventName | undefined) => {
    if (name === undefined) return false
    const next = advance(world, name)
    world = next.world
    effects.push(...next.effects)
    return true
  }
  for (const choice of choices) {
    const names = possible(world)
    take(names[choice % names.length])
  }
  if (isComplete) while (take(possible(world).find((name) => name !== 'usage' && !/^(ask|answer)/.test(name)))) {}
  return { beginning, world, effects }
}

const aBeginning = fc.constantFrom(...(Object.keys(beginnings) as Beginning[]))
const aWalk = fc.tuple(aBeginning, fc.array(fc.nat(), { maxLength: 40 }), fc.boolean()).map(walkOf)

const whatever = (check: (walk: Walk) => void) => fc.assert(fc.property(aWalk, check), { numRuns: 2000 })

const countOf = (effects: Effect[], type: Effect['type']) => effects.filter(isOf(type)).length

test('whatever happens, a log has one start and one end, in order, and nothing follows when it is closed', () => {
  whatever(({ world, effects }) => {
    const checker = new OrderChecker()
    for (const event of appendedBy(effects)) checker.accept(event)
    const { name } = world.run.phase
    if (name === 'ended' || name === 'ending') checker.finish()
    const closedAt = effects.findIndex(isOf('close'))
    assert.equal(closedAt >= 0, name === 'ended' || name === 'refused')
    if (closedAt < 0) return
    // What follows concerns a client that still waits for its answer.
    const later = effects.slice(closedAt + 1).filter(({ type }) => !['acknowledge', 'abort', 'reject'].includes(type))
    assert.deepEqual(later, [])
  })
})

test('whatever happens, nothing is stored of a run that was refused', () => {
  whatever(({ world: { run, storing }, effects }) => {
    if (run.phase.name !== 'refused') return
    assert.equal(countOf(effects, 'append') + countOf(effects, 'record-session'), 0)
    assert.deepEqual([storing, ['unsaved', 'absent'].includes(run.storage)], [null, true])
    assert.equal(effectOf(effects, 'close').refusal !== null, true)
  })
})

test('whatever happens, the timeout is paused while something is pending, and stopped in the end', () => {
  whatever(({ world: { run }, effects }) => {
    const isPaused = effects.filter(({ type }) => type.endsWith('-timeout')).at(-1)?.type === 'pause-timeout'
    if (isActive(run.phase) && !isClosing(run.phase)) assert.equal(isPaused, run.record.pending.length > 0)
    assert.equal(countOf(effects, 'stop-timers'), isActive(run.phase) ? 0 : 1)
  })
})

test('whatever happens, the status matches the phase, and the store gets each change of the record', () => {
  whatever(({ beginning, world: { run }, effects }) => {
    const { phase, record } = run
    const patches = effects.filter(isOf('update')).map(({ patch }) => patch)
    if (phase.name !== 'refused') assert.deepEqual(record, Object.assign(runFrom(beginning).record, ...patches))
    if (phase.name === 'refusing') assert.equal(record.status, 'queued')
    else if (isActive(phase) && phase.name !== 'ending') assert.equal(record.status, phase.name)
    else assert.equal(isFinal(record.status), phase.name !== 'ending')
    if (phase.name === 'ended') assert.equal(record.end?.outcome, record.status)
  })
})

test('whatever happens, the client of a background run is answered once, and the answer holds', () => {
  whatever(({ beginning, world, effects }) => {
    const isWaiting = beginnings[beginning].background && beginning !== 'recovered'
    const [acknowledged, rejected] = [countOf(effects, 'acknowledge'), countOf(effects, 'reject')]
    if (!isWaiting) return assert.equal(acknowledged + rejected, 0)
    assert.ok(acknowledged + Math.min(rejected, 1) <= 1)
    if (possible(world).length === 0) assert.ok(acknowledged + rejected > 0)
    if (acknowledged === 0) return
    assert.equal(world.run.storage, 'stored')
    assert.ok(!['refusing', 'refused'].includes(world.run.phase.name))
  })
})

test('in whatever order events arrive, possible or not, a run ends at most once', () => {
  const names = fc.array(fc.constantFrom(...(Object.keys(events) as EventName[])), { maxLength: 30 })
  fc.assert(
    fc.property(aBeginning, names, (beginning, order) => {
      let run = runFrom(beginning)
      const effects = order.flatMap((name) => {
        const next = transition(run, events[name])
        run = next.run
        return next.effects
      })
      const closedAt = effects.findIndex(isOf('close'))
      assert.ok(countOf(effects, 'close') <= 1)
      assert.ok(appendedBy(effects).filter(({ type }) => type === 'run-end').length <= 1)
      assert.ok(closedAt < 0 || effects.findLastIndex(isOf('append')) < closedAt)
    }),
    { numRuns: 2000 },
  )
})
