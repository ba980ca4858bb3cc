#!/usr/bin/env node
// A fake `claude` that dies with an error message before it reads anything.
import { exit, runFake, write } from './fake-cli.mjs'

await runFake({
  start: async () => {
    await write('fatal: the fake CLI cannot start\n', process.stderr)
    await exit(3)
  },
})
