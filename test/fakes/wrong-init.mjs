#!/usr/bin/env node
// A fake `claude` that reports about itself what was requested, except for what a file `wrong-init.json` in its home
// folder overrides:
//   initialize   fields of the answer to `initialize`; null omits one
//   init         fields of the event at the start of a turn; null omits one
//   turns        how many turns start well before that
//   silent       omits the event altogether
//   late         fields of a second such event, after the first words
//   immortal     ignores signals
// Its input is appended, byte for byte, to `told-<process id>.jsonl` there.
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { emit, runFake, VERSION } from './fake-cli.mjs'

const home = process.env.HOME ?? '.'
const file = join(home, 'wrong-init.json')
const overrides = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})

function flag(name) {
  const start = `--${name}=`
  return process.argv.find((argument) => argument.startsWith(start))?.slice(start.length)
}

const splitList = (text) => (text ?? '').split(',').filter((name) => name !== '')

const good = () => ({
  cwd: process.cwd(),
  tools: splitList(flag('tools')),
  mcp_servers: [],
  permissionMode: flag('permission-mode') ?? 'default',
  slash_commands: [],
})

const withoutNulls = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

function init(turn, fields) {
  const more = { model: turn.state.model, apiKeySource: 'ANTHROPIC_API_KEY', claude_code_version: VERSION }
  const rest = { output_style: 'default', agents: [], skills: [], plugins: [], uuid: randomUUID() }
  const event = { type: 'system', subtype: 'init', session_id: turn.state.sessionId, ...more, ...rest }
  return emit({ ...event, ...withoutNulls({ ...good(), ...fields }) })
}

await runFake({
  immortal: overrides().immortal === true,
  start() {
    process.stdin.on('data', (data) => appendFileSync(join(home, `told-${process.pid}.jsonl`), data))
  },
  control: {
    initialize: () =>
      withoutNulls({
        ...{ commands: [], agents: [], models: [], account: {}, output_style: 'default' },
        ...{ available_output_styles: [], pid: process.pid, current_permission_mode: good().permissionMode },
        ...overrides().initialize,
      }),
  },
  async turn(turn) {
    const { init: fields, turns = 0, silent = false, late } = overrides()
    turn.hasStarted = true
    await turn.lifecycle('queued')
    await turn.lifecycle('started')
    if (!silent) await init(turn, turn.state.turns > turns ? fields : {})
    await turn.begin()
    if (late !== undefined) {
      await turn.deltas(2)
      await init(turn, late)
    }
    await turn.deltas(Number.POSITIVE_INFINITY)
    await turn.finish()
  },
})
