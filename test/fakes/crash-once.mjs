#!/usr/bin/env node
// A fake `claude` that dies on the prompt, before any event of the turn, if its working directory contains a file
// `crash-once`. It deletes the file first, so the next process behaves well.
import { existsSync, rmSync } from 'node:fs'
import { exit, goodTurn, runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    if (!existsSync('crash-once')) return goodTurn(turn)
    rmSync('crash-once')
    await exit(7)
  },
})
