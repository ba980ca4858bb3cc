// A store in a process that cannot write large files. Prints two lines of JSON: the outcomes of a group of writes, of
// which the third does not fit and makes the earlier ones fail, and the outcomes of later writes.
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { runRecord, textEvent, textEvents } from '../../contract/store-records.ts'

// Without a listener the signal ends the process before the write can fail.
process.on('SIGXFSZ', () => {})
const [, , folder = ''] = process.argv
const store = await openSqliteStore({ folder })
await store.createRun(runRecord('run_1'))

async function print(writes: Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(writes)
  console.log(JSON.stringify(outcomes.map(({ status }) => status)))
}

const tooLarge = { seq: 10, event: textEvent('x'.repeat(30_000_000)) }
await print([
  store.appendEvents('run_1', textEvents(1, 2)),
  store.updateRun('run_1', { model: 'lost' }),
  store.appendEvents('run_1', [tooLarge]),
  store.updateRun('run_1', { cwd: '/kept' }),
])
await print([
  store.appendEvents('run_1', textEvents(1, 3)),
  store.updateRun('run_1', { status: 'failed' }),
  store.createRun(runRecord('run_2')),
])
await store.close()
