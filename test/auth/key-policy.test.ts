// What a key's policy makes of a run. What reaches the model because of it is tested in test/security/key-policies.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonRoots, periodAt, withinPolicy } from '../../src/auth/key-policy.ts'
import { noOptions, noPlainOptions, type RunOptions } from '../../src/core/agent.ts'
import { type KeyPolicy, noPolicy } from '../../src/core/key-record.ts'
import type { RunInput } from '../../src/core/runs.ts'
import type { AppError } from '../../src/errors.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { input } from '../core/runs-scene.ts'

const agentRun = (options: Partial<RunOptions> = {}, more: Partial<RunInput> = {}): RunInput => ({
  ...input(),
  plain: null,
  session: { kind: 'new' },
  options: { ...noOptions, ...options },
  ...more,
})

const within = (run: RunInput, policy: Partial<KeyPolicy>) =>
  withinPolicy(run, keyRecord('key_1', { policy: { ...noPolicy, ...policy } }))

function refusal(run: RunInput, policy: Partial<KeyPolicy>): AppError {
  try {
    within(run, policy)
  } catch (error) {
    return error as AppError
  }
  assert.fail('it is allowed')
}

test('without a key, and with a key without limits, a run stays as it is', () => {
  const run = agentRun({ model: 'opus', tools: ['Bash'], permissionMode: 'plan', cwd: '/x' })
  assert.equal(withinPolicy(run, null), run)
  assert.deepEqual(within(run, {}), { ...run, ownerRunsMax: null })
})

for (const [name, models] of [
  ['sonnet', ['sonnet']],
  ['sonnet[1m]', ['sonnet']],
  ['claude-sonnet-4-5', ['haiku', 'sonnet']],
  ['claude-3-5-haiku@20241022', ['haiku']],
  ['us.anthropic.claude-opus-4-1:0', ['opus']],
  ['claude-opus-4-1', ['claude-opus-4-1']],
  ['claude-opus-4-1[1m]', ['claude-opus-4-1']],
] as const) {
  test(`a key for ${models.join(', ')} may use ${name}`, () => {
    for (const plain of [null, noPlainOptions])
      assert.equal(within(agentRun({ model: name }, { plain }), { models: [...models] }).options.model, name)
  })
}

for (const [field, options] of [
  ['model', { model: 'opus' }],
  ['model', { model: 'claude-opus-4-1' }],
  ['model', { model: 'opusplan' }],
  ['model', { model: 'default' }],
  ['fallback_model', { model: 'sonnet', fallbackModel: 'opus' }],
  ['agents.a.model', { agents: { a: { description: '', prompt: '', model: 'opus' } } }],
  ['agents.a.model', { agents: { a: { description: '', prompt: '', model: ['opus'] } } }],
  ['model', { model: 'claude-opus-5-5-sonnet' }],
] as [string, Partial<RunOptions>][]) {
  test(`a key for other models is refused ${field} ${JSON.stringify(options)}`, () => {
    const error = refusal(agentRun(options), { models: ['sonnet', 'claude-haiku-4-5'] })
    assert.deepEqual([error.code, error.status, error.details.field], ['insufficient_scope', 403, field])
    assert.match(error.message, /^this API key may not use the model \S+; it may use sonnet, claude-haiku-4-5$/)
  })
}

test('what a request leaves open is set to the first that the key may', () => {
  const policy = {
    models: ['haiku', 'sonnet'],
    tools: ['Read', 'Grep'],
    permissionModes: ['plan' as const, 'default' as const],
    cwdRoots: ['/a', '/b'],
    runsMax: 2,
  }
  const run = within(agentRun(), policy)
  const { model, tools, permissionMode, cwd } = run.options
  assert.deepEqual([model, tools, permissionMode, cwd], ['haiku', ['Read', 'Grep'], 'plan', '/a'])
  assert.deepEqual([run.roots, run.ownerRunsMax], [['/a', '/b'], 2])
})

test('an earlier conversation stays in its own folder, which must be within those of the key', () => {
  for (const kind of ['continue', 'fork'] as const) {
    const run = within(agentRun({}, { session: { kind, sessionId: 's' } }), { cwdRoots: ['/a'] })
    assert.deepEqual([run.options.cwd, run.roots], [null, ['/a']])
  }
  const history = within(agentRun({}, { session: { kind: 'history', messages: [] } }), { cwdRoots: ['/a'] })
  assert.equal(history.options.cwd, '/a')
})

test('a plain model has none of the tools and folders that a policy limits', () => {
  const run = agentRun({}, { plain: noPlainOptions })
  const limited = within(run, { tools: ['Read'], cwdRoots: ['/a'], permissionModes: ['plan'] })
  assert.deepEqual(limited.options, run.options)
})

test('a tool that the key may not use is refused; fewer tools may be requested', () => {
  const error = refusal(agentRun({ tools: ['Read', 'Bash'] }), { tools: ['Read', 'Grep'] })
  assert.deepEqual([error.code, error.details.field], ['insufficient_scope', 'tools'])
  assert.match(error.message, /may not use the tool Bash; it may use Read, Grep$/)
  for (const tools of [[], ['Grep']])
    assert.deepEqual(within(agentRun({ tools }), { tools: ['Read', 'Grep'] }).options.tools, tools)
})

const agent = { description: '', prompt: '' }
for (const [field, options] of [
  ['mcp_servers.a', { mcpServers: { a: { type: 'stdio', command: 'sh' } } }],
  ['agents.a.tools', { agents: { a: { ...agent, tools: ['Read', 'Bash'] } } }],
  ['agents.a.tools', { agents: { a: { ...agent, tools: 'Read, Bash' } } }],
  ['agents.a.hooks', { agents: { a: { ...agent, hooks: {} } } }],
  ['agents.a.mcpServers', { agents: { a: { ...agent, mcpServers: [] } } }],
] as [string, Partial<RunOptions>][]) {
  test(`with a limit on tools, a request may not bring ${JSON.stringify(options)}`, () => {
    const error = refusal(agentRun(options), { tools: ['Read'] })
    assert.deepEqual([error.code, error.details.field], ['insufficient_scope', field])
    assert.match(error.message, /may not (use the tool Bash; it may use Read|bring programs or commands)/)
    within(agentRun(options), { runsMax: 1, budgetPeriod: 'day' })
  })
}

test('with any limit on its runs, a request may not bring programs, nor commands, which could change the model', () => {
  const program = agentRun({ mcpServers: { a: { type: 'stdio', command: 'sh' } } })
  for (const policy of [{ models: ['sonnet'] }, { cwdRoots: ['/a'] }, { permissionModes: ['default' as const] }])
    for (const [run, field] of [
      [program, 'mcp_servers.a'],
      [agentRun({}, { commands: true }), 'commands'],
    ] as const)
      assert.deepEqual(refusal(run, policy).details.field, field)
})

test('a key whose folders the server does not allow may work nowhere', () => {
  assert.equal(refusal(agentRun(), { cwdRoots: [] }).code, 'cwd_not_allowed')
})

test('with a limit on tools, servers elsewhere and sub-agents with those tools are allowed', () => {
  const mcpServers = { a: { type: 'http' as const, url: 'https://example.com' } }
  const agents = { a: { ...agent, tools: ['Read'] }, b: { ...agent, tools: 'Read,Grep' }, c: agent }
  within(agentRun({ mcpServers, agents }), { tools: ['Read', 'Grep'] })
})

test('a permission mode that the key may not request is refused, for sub-agents too', () => {
  for (const [field, options] of [
    ['permission_mode', { permissionMode: 'acceptEdits' }],
    ['agents.a.permissionMode', { agents: { a: { description: '', prompt: '', permissionMode: 'acceptEdits' } } }],
  ] as [string, Partial<RunOptions>][]) {
    const error = refusal(agentRun(options), { permissionModes: ['default', 'plan'] })
    assert.deepEqual([error.code, error.details.field], ['permission_mode_not_allowed', field])
    assert.match(error.message, /may not use the permission mode acceptEdits; it may use default, plan$/)
  }
})

test('of two lists of folders, what both allow is left', () => {
  assert.deepEqual(commonRoots(['/a', '/b/c', '/d'], ['/a/x', '/b', '/e']).toSorted(), ['/a/x', '/b/c'])
  assert.deepEqual(commonRoots(['/a'], ['/a']), ['/a'])
  assert.deepEqual(commonRoots(['/a'], ['/ab']), [])
})

for (const [period, now, start, end] of [
  ['day', '2026-11-30T23:59:59.999Z', '2026-11-30', '2026-12-01'],
  ['week', '2026-11-29T12:00:00Z', '2026-11-23', '2026-11-30'],
  ['week', '2026-11-30T00:00:00Z', '2026-11-30', '2026-12-07'],
  ['month', '2026-12-31T12:00:00Z', '2026-12-01', '2027-01-01'],
  ['month', '2028-02-29T12:00:00Z', '2028-02-01', '2028-03-01'],
] as const) {
  test(`the ${period} of ${now} is from ${start} to ${end}`, () => {
    assert.deepEqual(periodAt(period, Date.parse(now)), { startMs: Date.parse(start), endMs: Date.parse(end) })
  })
}

test('a budget without a period never begins anew', () => assert.equal(periodAt(null, 0), null))
