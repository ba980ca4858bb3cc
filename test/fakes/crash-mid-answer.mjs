#!/usr/bin/env node
// A fake `claude` that dies in the middle of its answer, after three deltas.
import { exit, runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    await turn.init()
    await turn.begin()
    await turn.deltas(3)
    await exit(7)
  },
})
