// A second server's store: prints why it is refused, or that it is not.
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const [, , folder = ''] = process.argv
try {
  const store = await openSqliteStore({ folder })
  console.log('it opened')
  await store.close()
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error))
}
