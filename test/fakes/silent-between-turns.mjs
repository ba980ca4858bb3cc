#!/usr/bin/env node
// A fake `claude` that starts and takes a turn, and then answers no request about the next one.
import { goodTurn, runFake } from './fake-cli.mjs'

let hasWorked = false
const silent = ['rewind_conversation', 'apply_flag_settings', 'mcp_status', 'mcp_set_servers', 'reload_plugins']
const answerAtFirst = () => (hasWorked ? undefined : {})

await runFake({
  control: Object.fromEntries(silent.map((subtype) => [subtype, answerAtFirst])),
  async turn(turn) {
    await goodTurn(turn)
    hasWorked = true
  },
})
