// Waiting for the disk: a promise settles only after its write is on the disk, and concurrent waits share one sync.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskSync, type SyncedFile } from '../../src/store/disk-sync.ts'

/** Syncs when the test resolves the wait. */
class FakeFile implements SyncedFile {
  readonly waits: PromiseWithResolvers<void>[] = []
  isClosed = false

  datasync(): Promise<void> {
    const wait = Promise.withResolvers<void>()
    this.waits.push(wait)
    return wait.promise
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('calls during a sync share the next one', async () => {
  const file = new FakeFile()
  const disk = new DiskSync(file)
  const over: string[] = []
  const note = (name: string, wait: Promise<void>) => wait.then(() => over.push(name))
  const all = [note('a', disk.done()), note('b', disk.done()), note('c', disk.done())]
  assert.equal(file.waits.length, 1)
  file.waits[0]?.resolve()
  await turn()
  assert.deepEqual([over, file.waits.length], [['a'], 2])
  all.push(note('d', disk.done()))
  file.waits[1]?.resolve()
  await turn()
  assert.deepEqual([over, file.waits.length], [['a', 'b', 'c'], 3])
  file.waits[2]?.resolve()
  await Promise.all(all)
  assert.deepEqual(over, ['a', 'b', 'c', 'd'])
})

test('a failed sync rejects the calls that waited for it, and no others', async () => {
  const file = new FakeFile()
  const disk = new DiskSync(file)
  const [first, second] = [disk.done(), disk.done()]
  file.waits[0]?.reject(new Error('EIO'))
  await assert.rejects(first, /EIO/)
  await turn()
  file.waits[1]?.resolve()
  await second
})

test('the file is closed after pending calls are settled', async () => {
  const file = new FakeFile()
  const disk = new DiskSync(file)
  const waiting = disk.done()
  const closed = disk.close()
  await turn()
  assert.equal(file.isClosed, false)
  for (const wait of file.waits) wait.resolve()
  await waiting
  await turn()
  for (const wait of file.waits) wait.resolve()
  await closed
  assert.equal(file.isClosed, true)
})
