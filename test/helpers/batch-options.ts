// What the routes of batches need, for tests of other routes: nothing works on the batches.

import { anonymousCaller } from '../../src/auth/authenticate.ts'
import type { BatchOptions } from '../../src/compat/serve-run.ts'
import { BatchEngine } from '../../src/core/batches/batch-engine.ts'
import type { Store } from '../../src/core/store.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'

export const batchOptions = (store: Store = openMemoryStore()): BatchOptions => ({
  batches: new BatchEngine({ store, concurrency: 1, clock: systemClock, now: Date.now, onWarning() {} }),
  batchStore: store,
  callerOf: async () => anonymousCaller,
})
