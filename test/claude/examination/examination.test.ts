// Whether a CLI that does not do what it says is found out before it serves anybody, and what becomes of requests then. The CLI is the
// real one, with one change.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sdkExecutable } from '../../../src/claude/cli/executable.ts'
import { processesIn } from '../../faults/killed-scene.ts'
import { chat } from '../../helpers/client.ts'
import { extendedTest } from '../../helpers/extended.ts'
import { fakeCli, startTestServer } from '../../helpers/test-server.ts'
import { checkConversations, healthOf, startAltered, startExamining } from './altered-cli.ts'

const inUse = {
  reuse_processes: 'in_use',
  switch_system_prompts: 'in_use',
  switch_models: 'in_use',
  switch_model_options: 'in_use',
  switch_client_tools: 'in_use',
  keep_prompt_cache: 'in_use',
  read_long_conversations: 'in_use',
}

type Row = [change: string, missing: Partial<typeof inUse>, isMain?: 'main']

const no = 'not_available'

/** Changes that cost speed, and nothing else; several are joined with a plus sign. */
const slower: Row[] = [
  ['rewind-lies-well', { reuse_processes: no }],
  ['rewind-refused', { reuse_processes: no }],
  ['rewind-partial', { reuse_processes: no }],
  ['thinking-stays', { switch_model_options: no }],
  ['prompt-sticks', { switch_system_prompts: no }],
  ['models-rubbish', {}],
  ['prompt-ignored', { switch_system_prompts: no }],
  ['model-ignored', { switch_models: no }, 'main'],
  ['options-ignored', { switch_model_options: no, keep_prompt_cache: no }],
  ['opening-asks', { keep_prompt_cache: no }],
  ['loading-partial', { read_long_conversations: no }],
  ['loading-ignored', { read_long_conversations: no }],
  ['loading-refused', { read_long_conversations: no }],
  ['tools-ignored', { switch_client_tools: no }],
  ['unknown:rewind_conversation', { reuse_processes: no }],
  ['unknown:reload_plugins', { switch_system_prompts: no }],
  [
    'unknown:apply_flag_settings',
    { switch_system_prompts: no, switch_models: no, switch_model_options: no, keep_prompt_cache: no },
  ],
  ['unknown:mcp_set_servers', { switch_client_tools: no }],
  ['no-models+no-message-id+no-cost+unknown:get_settings', {}],
]

for (const [change, missing, isMain] of slower) {
  const declare = isMain === undefined ? extendedTest : test
  declare(`${change}: requests reach the model as they were sent`, async (t) => {
    const server = await startAltered(t, ...change.split('+'))
    assert.deepEqual(server.readiness.abilities, { ...inUse, ...missing })
    const warnings = server.readiness.claude_warnings
    assert.equal(warnings.length, Object.keys(missing).length, JSON.stringify(warnings))
    for (const { code, message } of warnings) {
      assert.equal(code, 'ability_missing')
      assert.match(message, /^requests may take longer, because .+: .+/)
    }
    await checkConversations(server)
    const health = await healthOf(server)
    assert.equal(health.claude_path, fakeCli('altered'))
    assert.deepEqual(health.claude_warnings, warnings)
  })
}

type DefectRow = [change: string, reason: RegExp, isMain?: 'main']

/** Changes that nothing makes up for. */
const unusable: DefectRow[] = [
  ['new-tool', /it has tools that it should not have: Telepathy/, 'main'],
  ['new-command', /it has commands that it should not have: telepathy/],
  ['prompts-interpreted', /a prompt did not reach the model/],
  ['answers-lost', /other messages reached the model/],
  ['calls-not-deferred', /the model was asked 2 times/],
  ['schema-exits', /ended while it was starting/],
  ['schema-forgotten', /an answer that follows a schema did not come back/],
]

for (const [change, reason, isMain] of unusable) {
  const declare = isMain === undefined ? extendedTest : test
  declare(`${change}: the CLI that comes with the server takes over, and it says so`, async (t) => {
    const server = await startAltered(t, change)
    const [warning, ...more] = server.readiness.claude_warnings
    assert.deepEqual(more, [])
    assert.equal(warning?.code, 'not_used')
    assert.match(warning.message, /^the wanted claude is not used: /)
    assert.ok(warning.message.includes(fakeCli('altered')))
    assert.match(warning.message, reason)
    assert.deepEqual(server.readiness.abilities, inUse)
    await checkConversations(server)
    const health = await healthOf(server)
    assert.equal(health.claude_path, sdkExecutable())
    assert.deepEqual(health.claude_warnings, [warning])
    const notes = server.logLines.filter(({ msg }) => msg === 'another claude than the wanted one is used')
    assert.equal(notes.length, 1)
    assert.match(String(notes[0]?.reason), reason)
  })
}

extendedTest('an unchanged CLI keeps every ability, and is examined once', async (t) => {
  const server = await startAltered(t)
  assert.deepEqual(server.readiness, { ...server.readiness, abilities: inUse, claude_warnings: [] })
  await checkConversations(server)
  const file = join(server.folders.dataDir, 'claude-abilities.json')
  assert.ok(existsSync(file))
  const [entry, ...others] = JSON.parse(readFileSync(file, 'utf8')) as { path: string; examined: unknown }[]
  assert.deepEqual(others, [])
  assert.equal(entry?.path, fakeCli('altered'))
  assert.deepEqual(entry?.examined, { missing: {}, defects: [], isUncertain: false })
  assert.equal(server.logLines.filter(({ msg }) => msg === 'examined the CLI').length, 1)
})

test('a request that comes while a CLI that cannot be started is examined is answered by the one that takes over', async (t) => {
  const server = await startTestServer(t, { fake: 'crash-at-start', examines: true })
  await chat(server, { tools: [], system_prompt: 'S', prompt: 'hi' })
  assert.equal((await healthOf(server)).claude_path, sdkExecutable())
})

test('a server that is stopped in the middle of an examination ends at once, and leaves no process', {
  timeout: 20_000,
}, async (t) => {
  const server = await startExamining(t)
  const { dataDir } = server.folders
  const processes = () => processesIn(server.folders)
  while (processes().length === 0) await delay(20)
  await server.close(0)
  assert.deepEqual(processes(), [])
  assert.equal(existsSync(join(dataDir, 'claude-abilities.json')), false)
})
