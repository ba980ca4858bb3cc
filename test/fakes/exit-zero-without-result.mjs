#!/usr/bin/env node
// A fake `claude` that exits with code 0, but never reports how the turn ended.
import { exit, runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    await turn.init()
    await turn.begin()
    await turn.deltas(3)
    await exit(0)
  },
})
