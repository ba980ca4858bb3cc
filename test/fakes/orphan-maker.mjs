#!/usr/bin/env node
// A fake `claude` whose tool outlives it: on a prompt it starts `sleep 600` in a session of its own, sends the pid in a
// text delta, and stalls. SIGTERM ends this process and leaves the child behind.
import { spawn } from 'node:child_process'
import { runFake } from './fake-cli.mjs'

await runFake({
  turn: async (turn) => {
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    child.unref()
    await turn.init()
    await turn.begin()
    await turn.delta(`child ${child.pid}`)
    await turn.interrupted
    await turn.interruptedResult()
  },
})
