#!/usr/bin/env node
// A fake `claude` that scatters hundreds of lines that are not JSON objects among its events. The turn itself is good.
import { runFake, write } from './fake-cli.mjs'

const NOISE = ['warning: something', '{"type":"assis', '}}}', '[object Object]', '', '\u001b[31mred\u001b[0m']

async function babble() {
  for (let i = 0; i < 100; i++) await write(`${NOISE[i % NOISE.length]}\n`)
}

await runFake({
  turn: async (turn) => {
    await turn.init()
    await babble()
    await turn.begin()
    await babble()
    await turn.deltas(3)
    await babble()
    await turn.deltas(Number.POSITIVE_INFINITY)
    await babble()
    await turn.finish()
  },
})
