#!/usr/bin/env node
// A stand-in for the `claude` binary that falls silent in the middle of every answer, as a plain model and as an agent. Otherwise it
// behaves like those in test/fakes/.
import { runFake } from '../fakes/fake-cli.mjs'

await runFake({
  async turn(turn) {
    await turn.init()
    await turn.begin()
    await turn.deltas(3)
    await turn.interrupted
    await turn.interruptedResult()
  },
})
