// Writes that share a commit: how many commits there are, when they become visible, and what a failure undoes.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { GroupCommit } from '../../src/store/group-commit.ts'

function open(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-group-'))
  const file = join(folder, 'test.db')
  const [db, other] = [new DatabaseSync(file), new DatabaseSync(file)]
  t.after(() => {
    for (const opened of [db, other]) opened.close()
    rmSync(folder, { recursive: true })
  })
  db.exec(`PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT UNIQUE);
    CREATE TABLE links (word TEXT REFERENCES words (word) DEFERRABLE INITIALLY DEFERRED)`)
  const group = new GroupCommit(db)
  const put = (word: string) => group.write(() => void db.prepare('INSERT INTO words VALUES (?)').run(word))
  return { db, group, put, words: () => wordsIn(db), seenByOthers: () => wordsIn(other), wal: `${file}-wal` }
}

function wordsIn(db: DatabaseSync): unknown[] {
  return db
    .prepare('SELECT substr(word, 1, 20) AS word FROM words ORDER BY rowid')
    .all()
    .map(({ word }) => word)
}

/** How many commits SQLite's log holds: the last frame of each states the database's size. */
function countCommits(wal: string): number {
  const log = readFileSync(wal)
  const frameBytes = 24 + log.readUInt32BE(8)
  let count = 0
  for (let offset = 32; offset + frameBytes <= log.length; offset += frameBytes)
    if (log.readUInt32BE(offset + 4) > 0) count++
  return count
}

const statuses = async (writes: Promise<unknown>[]) => (await Promise.allSettled(writes)).map(({ status }) => status)

test('concurrent writes share one commit', async (t) => {
  const { put, wal, seenByOthers } = open(t)
  const before = countCommits(wal)
  const words = Array.from({ length: 100 }, (_, index) => `word ${index}`)
  await Promise.all(words.map(put))
  assert.equal(countCommits(wal), before + 1)
  assert.deepEqual(seenByOthers(), words)
})

test('a promise settles after the commit, and the same connection sees the write before it', async (t) => {
  const { put, words, seenByOthers } = open(t)
  const write = put('early')
  assert.deepEqual(words(), ['early'])
  assert.deepEqual(seenByOthers(), [])
  await write
  assert.deepEqual(seenByOthers(), ['early'])
})

test('a promise settles once the commit is on the disk, without delaying writes of others', async (t) => {
  const { db, seenByOthers } = open(t)
  const waits: PromiseWithResolvers<void>[] = []
  const group = new GroupCommit(db, () => {
    waits.push(Promise.withResolvers<void>())
    return waits.at(-1)?.promise ?? Promise.resolve()
  })
  const put = (word: string) =>
    group.write(() => void db.prepare('INSERT INTO words VALUES (?)').run(word), { urgent: true })
  const settled: string[] = []
  const writes = [put('a').then(() => settled.push('a'))]
  await new Promise(setImmediate)
  writes.push(put('b').then(() => settled.push('b')))
  await new Promise(setImmediate)
  assert.deepEqual([seenByOthers(), settled, waits.length], [['a', 'b'], [], 2])
  waits[0]?.resolve()
  await writes[0]
  assert.deepEqual(settled, ['a'])
  waits[1]?.reject(new Error('EIO'))
  await assert.rejects(writes[1] ?? Promise.resolve(), /EIO/)
})

test('an urgent write commits the writes before it, without waiting for the timer', async (t) => {
  const { put, group, seenByOthers } = open(t)
  const writes = [put('patient'), group.write(() => {}, { urgent: true })]
  await new Promise(setImmediate)
  assert.deepEqual(seenByOthers(), ['patient'])
  assert.deepEqual(await statuses(writes), ['fulfilled', 'fulfilled'])
})

test('a write that fails is undone completely, without affecting the others', async (t) => {
  const { db, group, put, seenByOthers } = open(t)
  const failing = () =>
    group.write(() => {
      db.exec("INSERT INTO words VALUES ('half')")
      throw new Error('no')
    })
  assert.deepEqual(await statuses([failing(), put('a'), failing(), put('a'), put('b')]), [
    'rejected',
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled',
  ])
  assert.deepEqual(seenByOthers(), ['a', 'b'])
})

test('a write that fails alone leaves no transaction open', async (t) => {
  const { db, group, put, seenByOthers } = open(t)
  const failed = group.write(() => db.exec('no SQL'))
  assert.equal(db.isTransaction, false)
  await assert.rejects(failed, /syntax error/)
  await put('after')
  assert.deepEqual(seenByOthers(), ['after'])
})

test('a commit that fails rejects the whole group, and the next one succeeds', async (t) => {
  const { db, group, put, words, seenByOthers } = open(t)
  // Only the commit detects this.
  const dangling = group.write(() => db.exec("INSERT INTO links VALUES ('nowhere')"))
  assert.deepEqual(await statuses([put('a'), dangling, put('b')]), ['rejected', 'rejected', 'rejected'])
  assert.deepEqual(words(), [])
  await put('c')
  assert.deepEqual(seenByOthers(), ['c'])
})

test('if the database must not grow, writes that fit are stored', async (t) => {
  const { db, put, seenByOthers } = open(t)
  const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count)
  db.exec(`PRAGMA max_page_count = ${pages + 2}`)
  await assert.rejects(put('x'.repeat(1_000_000)), /full/)
  await put('small')
  assert.deepEqual(seenByOthers(), ['small'])
})
