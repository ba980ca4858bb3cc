#!/usr/bin/env node
// A fake `claude` that writes 10 MB to stderr, waiting for its reader, before it answers a prompt.
import { goodTurn, runFake, write } from './fake-cli.mjs'

const LINE = `${'e'.repeat(999)}\n`

await runFake({
  turn: async (turn) => {
    for (let i = 0; i < 10_000; i++) await write(LINE, process.stderr)
    await goodTurn(turn)
  },
})
