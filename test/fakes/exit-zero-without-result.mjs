#!/usr/bin/env node
// A fake `claude` that leaves as if all were well, but never says how the turn ended.
import { exit, runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    await turn.init()
    await turn.begin()
    await turn.deltas(3)
    await exit(0)
  },
})
