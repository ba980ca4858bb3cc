// Reading a log that grows, is rotated, is truncated, or does not exist: each line is read once.
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CommandError } from '../../../src/commands/command.ts'
import { LogReader } from '../../../src/commands/logs/reader.ts'
import { makeFolders } from '../../helpers/test-server.ts'

function setUp(t: TestContext) {
  const file = join(makeFolders(t).root, 'x.log')
  const reader = new LogReader(file)
  t.after(() => reader.close())
  const add = (...lines: string[]) => appendFileSync(file, lines.map((line) => `${line}\n`).join(''))
  /** Rotates as the server does: the oldest file is deleted. */
  const rotate = () => {
    rmSync(`${file}.3`, { force: true })
    for (const [from, to] of [
      ['.2', '.3'],
      ['.1', '.2'],
      ['', '.1'],
    ]) {
      try {
        renameSync(file + from, file + to)
      } catch {
        // There are fewer files so far.
      }
    }
  }
  return { file, reader, add, rotate }
}

test('returns the newest lines from as many files as necessary, oldest first', async (t) => {
  const { file, add, rotate } = setUp(t)
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    add(`${name}1`, `${name}2`)
    if (name !== 'e') rotate()
  }
  const all = ['b1', 'b2', 'c1', 'c2', 'd1', 'd2', 'e1', 'e2']
  for (const count of [0, 1, 2, 3, 7, 8, 9, Number.POSITIVE_INFINITY]) {
    const reader = new LogReader(file)
    assert.deepEqual(await reader.last(count), count === 0 ? [] : all.slice(-Math.min(count, 8)), String(count))
    assert.deepEqual([await reader.more(), reader.hasFound], [[], true])
    await reader.close()
  }
})

test('returns each new line once, and only when it is complete', async (t) => {
  const { file, reader, add } = setUp(t)
  add('one', 'two')
  assert.deepEqual(await reader.last(1), ['two'])
  add('three')
  assert.deepEqual(await reader.more(), ['three'])
  const bytes = Buffer.from('four é\n')
  appendFileSync(file, bytes.subarray(0, 6))
  assert.deepEqual(await reader.more(), [])
  appendFileSync(file, bytes.subarray(6))
  assert.deepEqual(await reader.more(), ['four é'])
  add('x'.repeat(200_000), 'five')
  assert.deepEqual(
    (await reader.more()).map((line) => line.length),
    [200_000, 4],
  )
  assert.deepEqual(await reader.more(), [])
})

test('loses and repeats nothing when the file is rotated, once or several times', async (t) => {
  const { reader, add, rotate } = setUp(t)
  add('one')
  assert.deepEqual(await reader.last(9), ['one'])
  add('two')
  rotate()
  assert.deepEqual(await reader.more(), ['two'])
  assert.deepEqual(await reader.more(), [])
  add('three')
  assert.deepEqual(await reader.more(), ['three'])
  add('four')
  rotate()
  add('five')
  rotate()
  add('six')
  assert.deepEqual(await reader.more(), ['four', 'five', 'six'])
  for (const name of ['7', '8', '9', '10', '11']) {
    add(name)
    rotate()
  }
  add('12')
  // Two more files than are retained have come and gone; the lines of the open one are returned nevertheless.
  assert.deepEqual(await reader.more(), ['7', '9', '10', '11', '12'])
})

test('a file that does not exist yet, and one that was truncated', async (t) => {
  const { file, reader, add } = setUp(t)
  assert.deepEqual([await reader.last(5), await reader.more(), reader.hasFound], [[], [], false])
  add('one')
  assert.deepEqual([await reader.more(), reader.hasFound], [['one'], true])
  truncateSync(file, 0)
  assert.deepEqual(await reader.more(), [])
  add('two')
  assert.deepEqual(await reader.more(), ['two'])
})

test('returns the lines of rotated files if there are no others', async (t) => {
  const { reader, add, rotate } = setUp(t)
  add('one')
  rotate()
  assert.deepEqual([await reader.last(5), reader.hasFound], [['one'], true])
  add('two')
  assert.deepEqual(await reader.more(), ['two'])
})

test('bytes that are not text, and a file that cannot be read', async (t) => {
  const { file, reader } = setUp(t)
  writeFileSync(file, Buffer.from([0xff, 0x41, 0x0a]))
  assert.deepEqual(await reader.last(5), ['\ufffdA'])
  const folder = join(makeFolders(t).root, 'folder.log')
  mkdirSync(folder)
  await assert.rejects(new LogReader(folder).last(5), (error) => {
    assert.ok(error instanceof CommandError)
    assert.match(error.message, /^the log \S+ cannot be read: EISDIR/)
    return true
  })
})
