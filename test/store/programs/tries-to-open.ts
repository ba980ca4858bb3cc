// A second server's store: prints why opening it is refused, or that it opened.
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const [, , folder = ''] = process.argv
try {
  const store = await openSqliteStore({ folder })
  console.log('it opened')
  await store.close()
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error))
}
