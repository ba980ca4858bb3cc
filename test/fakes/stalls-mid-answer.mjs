#!/usr/bin/env node
// A fake `claude` that falls silent after three deltas, until it is interrupted.
import { runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    await turn.init()
    await turn.begin()
    await turn.deltas(3)
    await turn.interrupted
    await turn.interruptedResult()
  },
})
