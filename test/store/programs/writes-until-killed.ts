// A server's store in a process of its own: stores one run after the other, each with three events, and prints its
// number once it is durable. Runs until it is killed.
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { runRecord, textEvents } from '../../contract/store-records.ts'

const [, , folder = ''] = process.argv
const store = await openSqliteStore({ folder })
for (let index = 1; ; index++) {
  await Promise.all([store.createRun(runRecord(`run_${index}`)), store.appendEvents(`run_${index}`, textEvents(1, 3))])
  console.log(index)
}
