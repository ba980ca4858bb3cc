// Secrets of API keys, and what a key may do. Not for how keys are stored (see test/contract/store-api-keys-suite.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashOf, kindOfSecret, newSecret } from '../../src/auth/keys.ts'
import { allows, isLoginCode, isUsable, type Scope, scopes } from '../../src/core/key-record.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { noonMs } from '../contract/store-records.ts'

test('secrets are unique, are recognized, and start with the prefix that lists show', () => {
  const made = Array.from({ length: 1000 }, newSecret)
  for (const { secret, prefix, hash } of made) {
    assert.equal(kindOfSecret(secret), 'ours', secret)
    assert.ok(secret.startsWith(prefix))
    assert.equal(hash, hashOf(secret))
    assert.ok(!hash.includes(secret) && !secret.includes(hash))
  }
  for (const field of ['secret', 'hash'] as const) {
    assert.equal(new Set(made.map((each) => each[field])).size, made.length)
  }
  // The prefix that lists show leaves nearly all of the secret unknown.
  assert.ok(made.every(({ secret, prefix }) => secret.length - prefix.length >= 40))
})

test('a secret with any character changed, lost, added or swapped is damaged', () => {
  const { secret } = newSecret()
  const replaced = Array.from(secret, (letter, index) => {
    return secret.slice(0, index) + (letter === 'A' ? 'B' : 'A') + secret.slice(index + 1)
  })
  const swapped = Array.from(
    secret,
    (letter, index) => secret.slice(0, index) + secret[index + 1] + letter + secret.slice(index + 2),
  )
  const others = [...replaced.slice(4), ...swapped.slice(4, -1)].filter((text) => text !== secret)
  const lengths = [secret.slice(0, -1), `${secret}A`, `${secret} `, `${secret}\n`, secret.slice(0, 10), 'csk_']
  for (const text of [...others, ...lengths]) assert.equal(kindOfSecret(text), 'damaged', JSON.stringify(text))
})

test('what other programs send as a key is foreign', () => {
  const { secret } = newSecret()
  const foreign = ['', ' ', 'sk-dummy', 'sk-ant-api03-abcdef', 'sk-proj-abc', 'dummy', 'ollama', 'not-needed', 'EMPTY']
  const nearly = [secret.toUpperCase(), ` ${secret}`, `Bearer ${secret}`, secret.slice(1), 'csk-abc']
  for (const text of [...foreign, ...nearly]) assert.equal(kindOfSecret(text), 'foreign', JSON.stringify(text))
})

test('a key is usable until it is revoked or expires', () => {
  assert.equal(isUsable(keyRecord('key_1'), noonMs), true)
  assert.equal(isUsable(keyRecord('key_1', { expiresAtMs: noonMs + 1 }), noonMs), true)
  assert.equal(isUsable(keyRecord('key_1', { expiresAtMs: noonMs }), noonMs), false)
  assert.equal(isUsable(keyRecord('key_1', { revokedAtMs: noonMs + 5 }), noonMs), false)
})

test('agent includes chat, and admin includes both', () => {
  const allowed = (granted: Scope[]) => scopes.filter((scope) => allows({ scopes: granted }, scope))
  assert.deepEqual(allowed([]), [])
  assert.deepEqual(allowed(['chat']), ['chat'])
  assert.deepEqual(allowed(['agent']), ['chat', 'agent'])
  assert.deepEqual(allowed(['admin']), ['chat', 'agent', 'admin'])
  assert.deepEqual(allowed(['chat', 'agent']), ['chat', 'agent'])
})

test('a login code is a key without scopes', () => {
  const code = keyRecord('key_1', { scopes: [] })
  assert.ok(isLoginCode(code))
  for (const scope of scopes) {
    assert.equal(allows(code, scope), false)
    assert.equal(isLoginCode(keyRecord('key_2', { scopes: [scope] })), false)
  }
})
