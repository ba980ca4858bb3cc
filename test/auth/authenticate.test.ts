// Who a request comes from, by its headers alone: with and without keys, and which scope is enough. Over HTTP, with a real store and other
// users of the machine, it is tested in test/security (keys, login, peer-uid).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Authenticator,
  anonymousCaller,
  type CallerOptions,
  ownRuns,
  type RouteScope,
} from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { type KeyRecord, noPolicy } from '../../src/core/key-record.ts'
import { AppError } from '../../src/errors.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { noonMs } from '../contract/store-records.ts'
import { incoming } from '../helpers/incoming.ts'

type Header = readonly [string, string]
type Keys = CallerOptions['keys']

/** Without keys, except for what the test says. */
const keyStore = (more: Partial<Keys> = {}): Keys => ({
  hasKeys: async () => false,
  keyByHash: async () => null,
  recordKeyUse: async () => {},
  spentBy: async () => 0,
  keys: async () => [],
  createKey: async () => {},
  updateKey: async () => {},
  revokeKey: async () => false,
  ...more,
})

type Setup = { isLoopback?: boolean; spent?: number; fields?: Partial<KeyRecord> }

/** One key, and who asks for it. */
function withKey({ isLoopback = true, spent = 0, fields = {} }: Setup = {}) {
  const { secret, hash } = newSecret()
  const key = keyRecord('key_1', { hash, ...fields })
  const used: string[] = []
  const keys = keyStore({
    hasKeys: async () => true,
    keyByHash: async (each) => (each === hash ? key : null),
    recordKeyUse: async (id) => void used.push(id),
    spentBy: async () => spent,
  })
  const authenticator = new Authenticator({ keys, isLoopback, now: () => noonMs })
  const identify = (headers: readonly Header[], scope: RouteScope = 'chat', isPage = false) =>
    authenticator.identify(callOf(headers), scope, isPage)
  return { secret, used, identify, bearer: [['authorization', `Bearer ${secret}`]] as const }
}

function callOf(headers: readonly Header[]) {
  const raw = incoming({ headers })
  return { raw, headers: raw.headers, ip: '127.0.0.1' }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )

test('an open route asks nobody', async () => {
  const { identify } = withKey()
  assert.equal(await identify([], 'open'), anonymousCaller)
})

for (const name of ['authorization', 'x-api-key', 'api-key']) {
  test(`a key is found in ${name}, and its use is recorded`, async () => {
    const { secret, identify, used } = withKey()
    const caller = await identify([[name, name === 'authorization' ? `bearer ${secret} ` : secret]])
    assert.deepEqual([caller.key?.id, used], ['key_1', ['key_1']])
  })
}

for (const [scope, granted, code] of [
  ['chat', 'chat', null],
  ['agent', 'chat', 'insufficient_scope'],
  ['admin', 'agent', 'insufficient_scope'],
  ['chat', 'admin', null],
  ['any', 'chat', null],
  ['login', 'admin', 'insufficient_scope'],
] as const) {
  test(`a key with the scope ${granted} on a route for ${scope}: ${code ?? 'accepted'}`, async () => {
    const { bearer, identify } = withKey({ fields: { scopes: [granted] } })
    assert.equal(await codeOf(identify(bearer, scope)), code)
  })
}

test('once there is a key, a request without one is refused, and so is a placeholder', async () => {
  const { identify } = withKey()
  for (const headers of [[], [['authorization', 'Bearer sk-dummy']], [['x-api-key', '']]] as const)
    assert.equal(await codeOf(identify(headers)), 'unauthorized')
})

for (const [what, fields] of [
  ['revoked', { revokedAtMs: noonMs }],
  ['expired', { expiresAtMs: noonMs }],
  ['a login code', { scopes: [] }],
] satisfies [string, Partial<KeyRecord>][]) {
  test(`a key that is ${what} is refused`, async () => {
    const { bearer, identify } = withKey({ fields })
    assert.equal(await codeOf(identify(bearer)), 'unauthorized')
  })
}

test('two different keys are refused; the same key twice, or a placeholder beside it, is not', async () => {
  const { secret, bearer, identify } = withKey()
  assert.equal(await codeOf(identify([...bearer, ['x-api-key', newSecret().secret]])), 'invalid_request')
  assert.equal(await codeOf(identify([...bearer, ['x-api-key', secret]])), null)
  assert.equal(await codeOf(identify([...bearer, ['x-api-key', 'sk-dummy']])), null)
})

test('a client that tries ten wrong keys must wait, and the right key still works', async () => {
  const { bearer, identify } = withKey()
  const wrong = () => codeOf(identify([['x-api-key', newSecret().secret]]))
  for (let count = 0; count < 10; count++) assert.equal(await wrong(), 'unauthorized')
  assert.equal(await wrong(), 'rate_limited')
  assert.equal(await codeOf(identify(bearer)), null)
})

test('a key is limited to its own rate', async () => {
  const { bearer, identify } = withKey({ fields: { ratePerMinute: 2 } })
  const codes = [await codeOf(identify(bearer)), await codeOf(identify(bearer)), await codeOf(identify(bearer))]
  assert.deepEqual(codes, [null, null, 'rate_limited'])
})

test('a key that has spent its budget starts no more runs', async () => {
  for (const [spent, code] of [
    [0.99, null],
    [1, 'budget_exceeded'],
  ] as const) {
    const { bearer, identify } = withKey({ spent, fields: { budgetUsd: 1 } })
    assert.equal(await codeOf((await identify(bearer)).requireBudget()), code)
  }
})

test('a budget with a period counts from its start, and a warning comes once in each', async () => {
  const day = 24 * 3_600_000
  const midnight = noonMs - (noonMs % day)
  const { secret, hash } = newSecret()
  const key = keyRecord('key_1', { hash, budgetUsd: 10, policy: { ...noPolicy, budgetPeriod: 'day' } })
  const spentSince: [sinceMs: number, usd: number][] = []
  const warnings: unknown[] = []
  let [now, spent] = [noonMs, 7.9]
  const authenticator = new Authenticator({
    keys: keyStore({
      keyByHash: async () => key,
      async spentBy(_id, sinceMs = 0) {
        spentSince.push([sinceMs, spent])
        return spent
      },
    }),
    isLoopback: true,
    now: () => now,
    onWarning: (message, facts) => warnings.push([message, facts]),
  })
  const bearer: Header[] = [['authorization', `Bearer ${secret}`]]
  const start = async () => codeOf((await authenticator.identify(callOf(bearer), 'chat', false)).requireBudget())
  for (spent of [7.9, 8, 9.99]) assert.equal(await start(), null)
  spent = 10
  assert.equal(await start(), 'budget_exceeded')
  const warning = ['an API key has spent most of its budget', { key: 'key_1', spent_usd: 8, budget_usd: 10 }]
  assert.deepEqual(warnings, [warning])
  now += day
  spent = 8
  assert.equal(await start(), null)
  assert.deepEqual(warnings, [warning, warning])
  assert.deepEqual(
    spentSince.map(([sinceMs]) => sinceMs),
    [midnight, midnight, midnight, midnight, midnight + day],
  )
})

const withoutKeys = (isLoopback: boolean) => new Authenticator({ keys: keyStore(), isLoopback, now: () => noonMs })

test('without keys, nobody beyond loopback, no web page and no proxy may call', async () => {
  const from = (headers: readonly Header[]) => callOf(headers)
  assert.equal(await codeOf(withoutKeys(false).identify(from([]), 'chat', false)), 'unauthorized')
  assert.equal(await codeOf(withoutKeys(true).identify(from([]), 'chat', true)), 'unauthorized')
  for (const name of ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'])
    assert.equal(await codeOf(withoutKeys(true).identify(from([[name, 'x']]), 'chat', false)), 'unauthorized', name)
})

test('callers with a key see only their own runs; anonymous callers and administrators see all', async () => {
  const ofKey = withKey({ fields: { scopes: ['agent'] } })
  const ofAdmin = withKey({ fields: { scopes: ['admin'] } })
  assert.deepEqual(ownRuns(await ofKey.identify(ofKey.bearer)), { owner: 'key_1' })
  assert.deepEqual(ownRuns(await ofAdmin.identify(ofAdmin.bearer)), {})
  assert.deepEqual(ownRuns(anonymousCaller), {})
})
