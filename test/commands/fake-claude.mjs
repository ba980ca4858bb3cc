#!/usr/bin/env node
// A fake `claude` for commands whose promise is not the CLI's: it lists models, and answers as the demo's model does, also as a plain model.
import { goodTurn, runFake } from '../fakes/fake-cli.mjs'

const models = ['sonnet', 'opus', 'haiku'].map((value) => ({
  value,
  resolvedModel: `claude-${value}-fake`,
  displayName: value,
  description: '',
}))

await runFake({
  control: {
    initialize: () => ({
      commands: [],
      agents: [],
      models,
      account: {},
      output_style: 'default',
      available_output_styles: [],
      pid: process.pid,
    }),
  },
  turn: async (turn) => {
    turn.pieces = ['Hello from the demo model. ', 'You said: Say hello']
    await goodTurn(turn)
  },
})
