// What a key's policy means for requests to a whole server with the real CLI: what reaches the model, what is refused, and what the
// caller can learn of it.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { newSecret } from '../../src/auth/keys.ts'
import { type KeyPolicy, type KeyRecord, noPolicy } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { until } from '../faults/killed-scene.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { makeFolders, startTestServer, step } from '../helpers/test-server.ts'

const cleanup = { after: after as TestContext['after'] }
const folders = makeFolders(cleanup)
const [allowed, beside] = ['allowed', 'beside'].map((name) => join(folders.root, name)) as [string, string]
for (const folder of [join(allowed, 'in'), beside]) mkdirSync(folder, { recursive: true })
const server = await startTestServer(cleanup, { folders, config: { maxProcesses: 3 } })
const keys = await openKeyStore(folders.dataDir)
after(() => keys.close())

/** Conversations with these share a process. */
const light = { tools: [], system_prompt: 'S' }

let count = 0

async function makeKey(policy: Partial<KeyPolicy>, fields: Partial<KeyRecord> = {}) {
  const { secret, prefix, hash } = newSecret()
  const id = `key_${++count}`
  const limits = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }
  const key: KeyRecord = {
    ...{ id, name: `name of ${id}`, prefix, hash, scopes: ['agent'], createdAtMs: Date.now(), ...limits },
    policy: { ...noPolicy, ...policy },
    ...fields,
  }
  await keys.createKey(key)
  const call = async (path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return { id, call }
}

type ModelRequest = { model: string; tools?: { name: string }[] }
const lastRequest = () => server.upstream.requests.at(-1)?.body as ModelRequest

/** The CLI adds a placeholder for tools that it could load later; there is nothing behind it. */
const offeredTools = () =>
  (lastRequest().tools ?? []).flatMap(({ name }) => (name === 'DeferredToolPlaceholder' ? [] : [name])).toSorted()

test('a run gets the first model, only the tools, and the folder that its key may have', async () => {
  const { call } = await makeKey({ models: ['haiku'], tools: ['Read', 'Glob'], cwdRoots: [allowed] })
  const native = await call('/v1/chat', { prompt: 'hi' })
  assert.equal(native.status, 200, JSON.stringify(native.body))
  assert.match(lastRequest().model, /haiku/)
  assert.deepEqual(offeredTools(), ['Glob', 'Read'])
  assert.match(JSON.stringify(server.upstream.requests.at(-1)?.body), new RegExp(`directory: ${allowed}`, 'i'))
})

extendedTest('a run of a compatible API gets only the tools and the folder that its key may have', async () => {
  const { call } = await makeKey({ models: ['haiku'], tools: ['Read', 'Glob'], cwdRoots: [allowed] })
  const agent = await call('/v1/chat/completions', {
    model: 'agent/haiku',
    messages: [{ role: 'user', content: 'hi' }],
  })
  assert.equal(agent.status, 200, JSON.stringify(agent.body))
  assert.deepEqual(offeredTools(), ['Glob', 'Read'])
  assert.match(JSON.stringify(server.upstream.requests.at(-1)?.body), new RegExp(`directory: ${allowed}`, 'i'))
})

test('what a key may not is 403 on every surface, names what it may, and reaches no model', async () => {
  const { call } = await makeKey({
    models: ['haiku'],
    tools: ['Read'],
    cwdRoots: [allowed],
    permissionModes: ['default'],
  })
  const before = server.upstream.requests.length
  const messages = [{ role: 'user', content: 'hi' }]
  for (const [path, body, text] of [
    ['/v1/chat', { prompt: 'x', model: 'sonnet' }, /may not use the model sonnet; it may use haiku/],
    ['/v1/chat', { prompt: 'x', tools: ['Bash'] }, /may not use the tool Bash; it may use Read/],
    ['/v1/chat', { prompt: 'x', cwd: beside }, /cwd is not within a folder/],
    ['/v1/chat', { prompt: 'x', permission_mode: 'plan' }, /permission mode plan; it may use default/],
    ['/v1/chat/completions', { model: 'sonnet', messages }, /may not use the model sonnet/],
    ['/v1/responses', { model: 'agent/sonnet', input: 'x' }, /may not use the model sonnet/],
    ['/v1/messages', { model: 'sonnet', max_tokens: 9, messages }, /may not use the model sonnet/],
    ['/api/chat', { model: 'sonnet:latest', messages }, /may not use the model sonnet/],
    ['/api/generate', { model: 'sonnet' }, /may not use the model sonnet/],
    ['/api/show', { model: 'sonnet' }, /may not use the model sonnet/],
  ] as [string, object, RegExp][]) {
    const answer = await call(path, body)
    assert.equal(answer.status, 403, `${path} ${JSON.stringify(answer.body)}`)
    assert.match(JSON.stringify(answer.body), text)
  }
  assert.equal(server.upstream.requests.length, before)
})

test('the list of models has those that a key may use', async () => {
  const { call } = await makeKey({ models: ['haiku'] })
  const everyone = await makeKey({})
  const namesFor = async (caller: { call: typeof call }) => {
    const { data } = (await caller.call('/v1/models')).body as { data: { id: string }[] }
    return data.map(({ id }) => id)
  }
  const names = await namesFor({ call })
  assert.ok(names.length >= 2, names.join())
  for (const name of names) assert.match(name, /haiku/)
  const all = await namesFor(everyone)
  assert.deepEqual(
    names,
    all.filter((name) => name.includes('haiku')),
  )
  for (const headers of [{}, { 'anthropic-version': '2023-06-01' }]) {
    const statusOf = async (name: string) => (await call(`/v1/models/${name}`, undefined, headers)).status
    assert.deepEqual([await statusOf('haiku'), await statusOf('opus')], [200, 403])
  }
})

test('a conversation in a folder that the key may not have is not continued', async () => {
  const anywhere = await makeKey({})
  const started = await anywhere.call('/v1/chat', { ...light, prompt: 'hi' })
  const { call } = await makeKey({ cwdRoots: [allowed] })
  const answer = await call('/v1/chat', { prompt: 'again', session_id: started.body.session_id })
  assert.deepEqual([answer.status, answer.body.code], [404, 'session_not_found'])
})

test('a run that waits while another one spends the rest of the budget does not begin', async () => {
  const { call } = await makeKey({ runsMax: 1 }, { budgetUsd: 1e-9 })
  const write = step({ tool: 'Bash', input: { command: 'touch note', description: 'do it' } })
  const first = await call('/v1/chat', { prompt: write, approvals: true, background: true })
  assert.equal(first.status, 202)
  const path = `/v1/runs/${first.body.id}`
  const statusOf = async () => (await call(path)).body
  await until('the first run waits for a person', async () => (await statusOf()).status === 'waiting')

  const second = call('/v1/chat', { ...light, prompt: 'too late' })
  const waiting = async () => ((await call('/v1/health')).body.queue as { waiting: number }).waiting
  await until('the second one waits for the first', async () => (await waiting()) === 1)
  const [pending] = (await statusOf()).pending as { request_id: string }[]
  await call(`${path}/permissions/${pending?.request_id}`, { behavior: 'deny' })
  const { status, body } = await second
  assert.deepEqual([status, body.code], [402, 'budget_exceeded'])
  assert.equal((await statusOf()).status, 'succeeded')
  const prompts = server.upstream.requests.filter(({ raw }) => raw.includes('too late'))
  assert.equal(prompts.length, 0)
})

test('whoami says who the caller is and what it may do, and warns at 80 % of the budget', async () => {
  const policy: Partial<KeyPolicy> = { models: ['haiku'], runsMax: 2, budgetPeriod: 'day', cwdRoots: [allowed] }
  const { id, call } = await makeKey(policy, { ratePerMinute: 99, budgetUsd: 1000, expiresAtMs: Date.UTC(2999, 0) })
  const { status, body } = await call('/v1/whoami')
  assert.equal(status, 200)
  assert.partialDeepStrictEqual(body, {
    key: { id, name: `name of ${id}`, expires_at: '2999-01-01T00:00:00.000Z' },
    scopes: ['chat', 'agent'],
    limits: { rate_per_minute: 99, max_concurrency: 2, models: ['haiku'], tools: null, cwd_roots: [allowed] },
    budget: { limit_usd: 1000, spent_usd: 0, period: 'day' },
    warnings: [],
  })
  assert.doesNotMatch(JSON.stringify(body), /hash|csk_[\w-]{12}/)

  await call('/v1/chat', { ...light, prompt: 'hi' })
  let spent = 0
  // The end of a run in the foreground is sent before it is stored.
  while (spent === 0) spent = ((await call('/v1/whoami')).body.budget as { spent_usd: number }).spent_usd
  await keys.updateKey(id, { budgetUsd: spent / 0.855 })
  assert.deepEqual((await call('/v1/whoami')).body.warnings, ['85 % of the budget is spent'])
  assert.equal((await call('/v1/chat', { ...light, prompt: 'over' })).status, 200)
  const warnings = server.logLines.filter(({ msg }) => msg === 'an API key has spent most of its budget')
  assert.deepEqual(
    warnings.map(({ key }) => key),
    [id],
  )
  await keys.updateKey(id, { budgetUsd: spent })
  const refused = await call('/v1/chat', { prompt: 'x' })
  assert.equal(refused.status, 402)
  assert.match(String(refused.body.error), /of its budget of \$\S+ a day; it resets at \d{4}-\d\d-\d\dT00:00:00/)
})
