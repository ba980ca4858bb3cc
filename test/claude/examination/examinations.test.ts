// What is remembered about executables: what was found, what failed since, and for how long.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AbilityFailed, allAbilities, noAbilities } from '../../../src/claude/cli/abilities.ts'
import { fileStamp } from '../../../src/claude/cli/file-stamp.ts'
import { Examinations, type ExaminationsOptions, wholeLook } from '../../../src/claude/examination/examinations.ts'
import type { Examined } from '../../../src/claude/examination/examine.ts'
import { HandClock } from '../../helpers/hand-clock.ts'
import { makeFolders } from '../../helpers/test-server.ts'

const path = fileURLToPath(import.meta.url)
const claude = { path, version: '2.1.330', state: fileStamp(path) }
const fine: Examined = { missing: {}, defects: [], isUncertain: false }

function scene(t: TestContext) {
  const { root } = makeFolders(t)
  const notes: string[] = []
  const open = (found: Examined | Error, more: Partial<ExaminationsOptions> = {}) => {
    let count = 0
    const examinations = new Examinations({
      dataDir: root,
      serverVersion: '1.0.0',
      examine: async () => {
        count++
        if (found instanceof Error) throw found
        return found
      },
      onExamined: () => notes.push('examined'),
      onFailure: (_claude, error) => notes.push(error.message),
      onLost: ({ ability }) => notes.push(ability),
      ...more,
    })
    return { examinations, count: () => count }
  }
  return { open, notes, file: join(root, 'claude-abilities.json') }
}

test('nothing is used of a CLI before it was examined, and everything after it was found to be there', async (t) => {
  const { open } = scene(t)
  const { examinations } = open(fine)
  assert.deepEqual(examinations.of(claude), noAbilities)
  assert.equal(examinations.missingOf(claude), null)
  await examinations.examine(claude)
  assert.deepEqual(examinations.of(claude), allAbilities)
  assert.deepEqual(examinations.missingOf(claude), {})
  assert.deepEqual(examinations.of({ ...claude, state: 'another' }), noAbilities, 'another file is another executable')
  assert.deepEqual(examinations.of({ ...claude, version: '2.1.331' }), noAbilities, 'so is another version')
})

test('what was found is kept for the next server, and for no other version of it', async (t) => {
  const { open, file, notes } = scene(t)
  const found = { missing: { rewind: 'it lies' }, defects: ['a fault'], isUncertain: false }
  const first = open(found)
  await Promise.all([first.examinations.examine(claude), first.examinations.examine(claude)])
  assert.equal(first.count(), 1, 'once, however many need it')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const second = open(fine)
  assert.deepEqual(second.examinations.of(claude), { ...allAbilities, rewind: false })
  assert.equal(second.examinations.defectOf(claude), 'a fault')
  await second.examinations.examine(claude)
  assert.equal(second.count(), 0)
  const other = open(fine, { serverVersion: '2.0.0' })
  assert.deepEqual(other.examinations.of(claude), noAbilities)
  assert.deepEqual(notes, ['examined'])
})

test('what was found while the file was replaced counts for nothing, and if it comes back it is examined again', async (t) => {
  const { open, file, notes } = scene(t)
  const { root } = makeFolders(t)
  const program = join(root, 'claude')
  writeFileSync(program, '')
  const moved = { path: program, version: '2.1.330', state: fileStamp(program) }
  const clock = new HandClock()
  let count = 0
  const { examinations } = open(fine, {
    clock,
    examine: async () => {
      if (count++ > 0) return fine
      renameSync(program, `${program}.away`)
      return { missing: {}, defects: ['it did not answer'], isUncertain: false }
    },
  })
  await examinations.examine(moved)
  assert.equal(examinations.defectOf(moved), null)
  assert.equal(existsSync(file), false)
  renameSync(`${program}.away`, program)
  await clock.advance(600_001)
  await examinations.examine(moved)
  assert.deepEqual(examinations.of(moved), allAbilities)
  assert.deepEqual([notes, count], [['examined'], 2])
})

test('an examination that did not look for every ability counts for nothing', (t) => {
  const { open, file } = scene(t)
  const entry = { ...claude, serverVersion: '1.0.0', examined: fine }
  writeFileSync(file, JSON.stringify([{ ...entry, lookedFor: 'rewind' }, entry]))
  assert.deepEqual(open(fine).examinations.of(claude), noAbilities)
})

test('of many executables the last twenty are kept', async (t) => {
  const { open, file } = scene(t)
  const { examinations } = open(fine)
  for (let count = 1; count <= 22; count++) await examinations.examine({ ...claude, state: `stamp ${count}` })
  const states = (JSON.parse(readFileSync(file, 'utf8')) as { state: string }[]).map(({ state }) => state)
  assert.equal(states.length, 20)
  assert.equal(states[0], 'stamp 22')
})

test('a damaged file is found out again', async (t) => {
  const { open, file } = scene(t)
  const entry = { ...claude, serverVersion: '1.0.0', lookedFor: wholeLook, examined: fine }
  const entries = [
    { ...entry, examined: {} },
    { ...entry, examined: { missing: { rewind: { a: 1 } }, defects: [] } },
    { ...entry, examined: { missing: {}, defects: [null] } },
    { ...entry, version: 1 },
  ]
  writeFileSync(file, JSON.stringify([entry]))
  assert.deepEqual(open(fine).examinations.of(claude), allAbilities)
  const whole = JSON.stringify([entry])
  const long = `${whole}${' '.repeat(1_000_001)}`
  for (const text of [
    '{',
    '[1]',
    '{"a": 1}',
    whole.slice(0, -2),
    long,
    ...entries.map((each) => JSON.stringify([each])),
  ]) {
    writeFileSync(file, text)
    assert.deepEqual(open(fine).examinations.of(claude), noAbilities)
  }
})

test('what may have had other reasons is found out again at the next start', async (t) => {
  const { open } = scene(t)
  const { examinations } = open({ ...fine, defects: ['it did not start'], isUncertain: true })
  await examinations.examine(claude)
  assert.equal(examinations.defectOf(claude), 'it did not start')
  assert.equal(open(fine).examinations.defectOf(claude), null)
})

test('a CLI that could not be examined is used without its abilities', async (t) => {
  const { open, notes } = scene(t)
  const { examinations, count } = open(new Error('it is deaf'))
  await examinations.examine(claude)
  await examinations.examine(claude)
  assert.equal(count(), 1)
  assert.deepEqual(examinations.of(claude), noAbilities)
  assert.equal(examinations.failureOf(claude), 'it is deaf')
  assert.equal(examinations.defectOf(claude), null)
  assert.deepEqual(notes, ['it is deaf'])
})

test('it is examined again after ten minutes', async (t) => {
  const { open, notes } = scene(t)
  const clock = new HandClock()
  let isBusy = true
  const { examinations } = open(fine, {
    clock,
    examine: async () => {
      if (isBusy) throw new Error('too busy')
      return fine
    },
  })
  await examinations.examine(claude)
  isBusy = false
  await clock.advance(599_000)
  assert.equal(examinations.failureOf(claude), 'too busy')
  await clock.advance(1_000)
  assert.deepEqual(examinations.of(claude), allAbilities)
  assert.equal(examinations.failureOf(claude), null)
  assert.deepEqual(notes, ['too busy', 'examined'])
})

test('nothing is said about one that was replaced while it was examined', async (t) => {
  const { open, notes } = scene(t)
  const { examinations } = open(new Error('it is gone'))
  await examinations.examine({ ...claude, state: 'before' })
  assert.deepEqual(notes, [])
})

test('one that nothing can stand in for is used, whatever is wrong with it', async (t) => {
  const { open } = scene(t)
  const { examinations } = open({ ...fine, defects: ['a fault'] }, { hasStandIn: () => false })
  await examinations.examine(claude)
  assert.equal(examinations.defectOf(claude), null)
  assert.deepEqual(examinations.defectsOf(claude), ['a fault'])
})

test('an ability that fails in use is not used any more, and is told once', async (t) => {
  const { open, notes } = scene(t)
  const { examinations } = open(fine)
  await examinations.examine(claude)
  for (let count = 0; count < 2; count++) examinations.lose(claude, new AbilityFailed('modelSwitch', 'it stays'))
  assert.deepEqual(examinations.of(claude), { ...allAbilities, modelSwitch: false })
  assert.deepEqual(examinations.missingOf(claude), { modelSwitch: 'it stays' })
  assert.deepEqual(notes, ['examined', 'modelSwitch'])
})

test('a process that was not what it should be speaks against its executable', async (t) => {
  const { open } = scene(t)
  const { examinations } = open(fine)
  examinations.addDefect(claude, 'it has tools')
  assert.equal(examinations.defectOf(claude), 'it has tools')
  assert.equal(examinations.defectOf({ ...claude, state: 'another' }), null)
})

test('closing ends what is under way, and says nothing about the CLI', async (t) => {
  const { open, notes } = scene(t)
  const started = Promise.withResolvers<void>()
  const { examinations } = open(fine, {
    examine: (_claude, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        started.resolve()
      }),
  })
  const examined = examinations.examine(claude)
  await started.promise
  await examinations.close()
  await examined
  assert.equal(examinations.failureOf(claude), null)
  assert.deepEqual(notes, [])
})
