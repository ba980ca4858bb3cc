#!/usr/bin/env node
// A fake `claude` for commands whose promise is not the CLI's: it lists models, and answers as the demo's model does, also as a plain model.
import { randomUUID } from 'node:crypto'
import { emit, goodTurn, runFake, VERSION } from '../fakes/fake-cli.mjs'

const models = ['sonnet', 'opus', 'haiku'].map((value) => ({
  value,
  resolvedModel: `claude-${value}-fake`,
  displayName: value,
  description: '',
}))

const modeFlag = process.argv.findIndex((word) => word.startsWith('--permission-mode'))
const permissionMode = modeFlag < 0 ? 'default' : (process.argv[modeFlag].split('=')[1] ?? process.argv[modeFlag + 1])

/** As those of the other fakes, except for the permission mode. */
async function init(turn) {
  turn.hasStarted = true
  await turn.lifecycle('queued')
  await turn.lifecycle('started')
  await emit({
    type: 'system',
    subtype: 'init',
    cwd: process.cwd(),
    tools: [],
    mcp_servers: [],
    model: turn.state.model,
    permissionMode,
    slash_commands: [],
    apiKeySource: 'ANTHROPIC_API_KEY',
    claude_code_version: VERSION,
    output_style: 'default',
    agents: [],
    skills: [],
    plugins: [],
    session_id: turn.state.sessionId,
    uuid: randomUUID(),
  })
}

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
    turn.init = () => init(turn)
    await goodTurn(turn)
  },
})
