#!/usr/bin/env node
// A stand-in for the `claude` binary that falls silent in the middle of every answer, as a plain model and as an agent. Otherwise it
// behaves like those in test/fakes/.
import { emit, runFake } from '../fakes/fake-cli.mjs'

await runFake({
  async turn(turn) {
    const { sessionId, model } = turn.state
    const mode = process.argv.find((argument) => argument.startsWith('--permission-mode='))
    const seen = { cwd: process.cwd(), tools: [], mcp_servers: [], slash_commands: [], session_id: sessionId, model }
    turn.hasStarted = true
    await emit({ type: 'system', subtype: 'init', permissionMode: mode?.split('=')[1], uuid: turn.uuid, ...seen })
    await turn.begin()
    await turn.deltas(3)
    await turn.interrupted
    await turn.interruptedResult()
  },
})
