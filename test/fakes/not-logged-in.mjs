#!/usr/bin/env node
// A fake `claude` without a login.
import { runFake } from './fake-cli.mjs'

const TEXT = 'Not logged in · Please run /login'

await runFake({
  auth: { body: { loggedIn: false, authMethod: 'none', apiProvider: 'firstParty' }, code: 1 },
  turn: async (turn) => {
    await turn.init()
    await turn.syntheticError('authentication_failed', TEXT)
    await turn.result({
      subtype: 'success',
      is_error: true,
      result: TEXT,
      terminal_reason: 'api_error',
      stop_reason: 'stop_sequence',
    })
  },
})
