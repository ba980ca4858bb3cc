// The command `keys`: what it prints where, its exit codes, and its effect on a running server.
// Not for what it refuses (see usage.test.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindOfSecret } from '../../../src/auth/keys.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { endedRun, noonMs, runEnd } from '../../contract/store-records.ts'
import { makeFolders, startTestServer, type TestFolders } from '../../helpers/test-server.ts'
import { runProcess } from '../command-process.ts'
import { keys, list } from './process.ts'

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) ?? ''

test('create prints the secret alone on the last line, and says that it is not shown again', async (t) => {
  const folders = makeFolders(t)
  const first = await runProcess(folders, ['keys', 'create', 'laptop'])
  assert.equal(first.code, 0)
  assert.equal(kindOfSecret(lastLine(first.stdout)), 'ours')
  assert.match(first.stdout, /^key laptop \(key_[0-9a-f]+\): scopes agent, never expires\n/)
  assert.match(first.stderr, /only time that the secret is shown/)
  assert.match(first.stderr, /from now on, every request requires a key/)
  const second = await keys(folders, ['create', 'phone'])
  assert.match(second.stderr, /only time/)
  assert.doesNotMatch(second.stderr, /every request/)
})

test('create --quiet prints only the secret', async (t) => {
  const { code, stdout, stderr } = await keys(makeFolders(t), ['create', 'laptop', '--quiet'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(kindOfSecret(stdout.trimEnd()), 'ours')
})

test('create --json prints the properties of the key, and the secret', async (t) => {
  const words = '--scope chat --scope admin --scope chat --expires 2999-12-31 --rate 60 --budget $0.50 --json'.split(
    ' ',
  )
  const { code, stdout } = await keys(makeFolders(t), ['create', 'my laptop', ...words])
  assert.equal(code, 0)
  const { id, prefix, created_at, secret, ...rest } = JSON.parse(stdout)
  assert.equal(kindOfSecret(secret), 'ours')
  assert.ok(secret.startsWith(prefix) && id.startsWith('key_') && Date.parse(created_at) > noonMs / 2)
  assert.deepEqual(rest, {
    name: 'my laptop',
    state: 'active',
    scopes: ['chat', 'admin'],
    expires_at: '2999-12-31T23:59:59.999Z',
    last_used_at: null,
    revoked_at: null,
    rate_per_minute: 60,
    budget_usd: 0.5,
    budget_period: null,
    spent_usd: 0,
    max_concurrency: null,
    models: null,
    tools: null,
    cwd_roots: null,
    permission_modes: null,
  })
})

test('create and edit set what a key may do; edit leaves the rest as it is, and none removes a limit', async (t) => {
  const folders = makeFolders(t)
  const limits = [
    '--models=sonnet,haiku',
    '--tools=Read, Grep',
    '--permission-modes=default,plan',
    '--max-concurrency=2',
  ]
  const made = await keys(folders, [
    ...['create', 'laptop', '--budget=5', '--budget-period=week', ...limits],
    ...[`--cwd-root=${folders.cwd}`, `--cwd-root=${folders.root}/work/..`],
  ])
  assert.match(
    made.stdout,
    /budget \$5\.00 a week, models sonnet or haiku, tools Read or Grep, folders \S+ or \S+, permission modes default or plan, 2 at once\n/,
  )
  const [before] = await list(folders)
  assert.partialDeepStrictEqual(before, {
    budget_period: 'week',
    max_concurrency: 2,
    models: ['sonnet', 'haiku'],
    tools: ['Read', 'Grep'],
    cwd_roots: [folders.cwd, folders.root],
    permission_modes: ['default', 'plan'],
  })
  const edited = await keys(folders, [
    'edit',
    'laptop',
    '--name=desk',
    '--models=none',
    '--max-concurrency=1',
    '--json',
  ])
  assert.equal(edited.code, 0, edited.stderr)
  const expected = { ...before, name: 'desk', models: null, max_concurrency: 1 }
  assert.deepEqual(JSON.parse(edited.stdout), expected)
  assert.deepEqual(await list(folders), [expected])
  const all = ['--tools=none', '--cwd-root=none', '--permission-modes=none', '--max-concurrency=none', '--scope=chat']
  const bare = await keys(folders, ['edit', 'desk', ...all, '--budget-period=none', '--budget=none'])
  assert.match(bare.stdout, /^key desk \(key_\w+\): scopes chat, never expires\n$/)
  assert.match((await keys(folders, ['list'])).stdout, /budget +spent\n/)
})

test('--expires accepts a time from now', async (t) => {
  const folders = makeFolders(t)
  for (const when of ['30d', '12h']) await keys(folders, ['create', when, '--expires', when])
  for (const { name, created_at, expires_at } of await list(folders)) {
    const hours = name === '30d' ? 720 : 12
    assert.equal(Date.parse(String(expires_at)) - Date.parse(String(created_at)), hours * 3_600_000)
  }
})

/** Stores a run of the key, and an expired key, which the command cannot create. */
async function storeRunAndExpiredKey({ dataDir }: TestFolders, owner: string): Promise<void> {
  const store = await openSqliteStore({ folder: dataDir })
  await store.createRun(endedRun('run_1', noonMs, { owner, end: runEnd({ costUsd: 0.1234 }) }))
  const key = (await store.keys()).find(({ id }) => id === owner)
  if (key !== undefined) await store.createKey({ ...key, id: 'key_old', name: 'old', hash: 'other', expiresAtMs: 1 })
  await store.close()
}

test('list shows the keys that can be used, --all the others too, and neither shows a secret', async (t) => {
  const folders = makeFolders(t)
  const made = [await keys(folders, ['create', 'laptop', '--rate', '60', '--json'])]
  const { id, secret, prefix } = JSON.parse(made[0]?.stdout ?? '')
  await storeRunAndExpiredKey(folders, id)
  await keys(folders, ['create', 'gone'])
  await keys(folders, ['revoke', 'gone'])
  assert.deepEqual(
    (await list(folders)).map(({ name, spent_usd }) => [name, spent_usd]),
    [['laptop', 0.1234]],
  )
  const states = (await list(folders, '--all')).map(({ name, state }) => `${name} ${state}`).toSorted()
  assert.deepEqual(states, ['gone revoked', 'laptop active', 'old expired'])
  const tables = await Promise.all(
    [['list'], ['list', '--all'], ['list', '--all', '--json']].map((w) => keys(folders, w)),
  )
  assert.match(tables[0]?.stdout ?? '', /^name +prefix +scopes +created +expires +last used +rate +budget +spent\n/)
  assert.match(tables[0]?.stdout ?? '', /\nlaptop +csk_\S+… +agent +\S+ \S+Z +never +never +60\/min +- +\$0\.1234\n$/)
  assert.match(tables[1]?.stdout ?? '', /spent +state\n/)
  for (const { stdout } of tables) {
    assert.ok(stdout.includes(prefix) && !stdout.includes(secret.slice(0, prefix.length + 1)), stdout)
    assert.doesNotMatch(stdout, /hash/)
  }
})

test('if there are no keys, list says where it looked and how to create one', async (t) => {
  const folders = makeFolders(t)
  const { code, stdout } = await keys(folders, ['list'])
  assert.equal(code, 0)
  assert.ok(stdout.includes(folders.dataDir))
  assert.match(stdout, /claude-serve keys create <name>/)
  assert.deepEqual(await list(folders), [])
  await keys(folders, ['create', 'laptop'])
  await keys(folders, ['revoke', 'laptop'])
  assert.match((await keys(folders, ['list'])).stdout, /1 expired or revoked \(--all shows them\)/)
})

test('revoke accepts a name or an id, and says so if no key is left', async (t) => {
  const folders = makeFolders(t)
  const { id } = JSON.parse((await keys(folders, ['create', 'a', '--json'])).stdout)
  await keys(folders, ['create', 'b'])
  assert.deepEqual(await keys(folders, ['revoke', id]), { code: 0, stdout: `revoked a (${id})\n`, stderr: '' })
  const last = await keys(folders, ['revoke', 'b', '--json'])
  assert.deepEqual([last.code, JSON.parse(last.stdout).name], [0, 'b'])
  assert.match(last.stderr, /that was the last key/)
  assert.deepEqual(await list(folders), [])
})

test('a key that does not exist, and a name that is in use, exit with 1', async (t) => {
  const folders = makeFolders(t)
  await keys(folders, ['create', 'laptop'])
  const unknown = await keys(folders, ['revoke', 'labtop'])
  assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
  assert.match(unknown.stderr, /^claude-serve: there is no key "labtop" .*did you mean laptop\?\n$/)
  const unknownToEdit = await keys(folders, ['edit', 'labtop', '--rate=1'])
  assert.match(unknownToEdit.stderr, /^claude-serve: there is no key "labtop" to edit .*did you mean laptop\?\n$/)
  await keys(folders, ['create', 'desk'])
  assert.match((await keys(folders, ['edit', 'desk', '--name=laptop'])).stderr, /a key named "laptop" already exists/)
  assert.equal((await keys(folders, ['edit', 'desk'])).code, 2)
  const taken = await keys(folders, ['create', 'laptop'])
  assert.deepEqual([taken.code, taken.stdout], [1, ''])
  assert.match(taken.stderr, /a key named "laptop" already exists/)
})

test('a running server applies changes of keys from its next request on', async (t) => {
  const { folders, url } = await startTestServer(t, { fake: 'well-behaved' })
  const status = async (secret?: string) => {
    const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
    const response = await fetch(`${url}/v1/runs`, { headers })
    await response.arrayBuffer()
    return response.status
  }
  assert.equal(await status(), 200)
  const laptop = (await keys(folders, ['create', 'laptop', '--quiet'])).stdout.trim()
  const phone = (await keys(folders, ['create', 'phone', '--quiet'])).stdout.trim()
  assert.deepEqual([await status(), await status(laptop), await status(phone)], [401, 200, 200])
  const used = await list(folders)
  assert.ok(used.every(({ last_used_at }) => last_used_at !== null))
  assert.equal((await keys(folders, ['revoke', 'laptop'])).code, 0)
  assert.deepEqual([await status(laptop), await status(phone)], [401, 200])
})
