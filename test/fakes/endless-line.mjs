#!/usr/bin/env node
// A fake `claude` that answers a prompt with 32 MiB without an end of line.
import { hang, runFake, write } from './fake-cli.mjs'

const MEBIBYTE = 'x'.repeat(1024 * 1024)

await runFake({
  turn: async (turn) => {
    await turn.init()
    for (let i = 0; i < 32; i++) await write(MEBIBYTE)
    await hang()
  },
})
