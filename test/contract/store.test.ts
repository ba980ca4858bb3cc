// Runs the Store contract suite on SQLite.
import { makeStoreFolder } from '../store/scene.ts'
import { describeStore } from './store-suite.ts'

describeStore('SQLite', async (t, now = Date.now) => {
  const { open } = makeStoreFolder(t)
  const store = await open({ now })
  return {
    store,
    async reopen() {
      await store.close()
      return open({ now })
    },
  }
})
