// Which spellings of a path mean the same route. Whether each is as protected as the route is in test/security/routes.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalUrl } from '../../src/http/path-aliases.ts'

const spellings: [url: string, canonical: string][] = [
  ['/chat/completions', '/v1/chat/completions'],
  ['/v1/chat/completions/', '/v1/chat/completions'],
  ['/v1/v1/chat/completions', '/v1/chat/completions'],
  ['//v1//chat//completions//', '/v1/chat/completions'],
  ['/messages?beta=true', '/v1/messages?beta=true'],
  ['/messages/?next=//a//', '/v1/messages?next=//a//'],
  ['/v1/v1/messages/count_tokens/#part', '/v1/messages/count_tokens#part'],
  ['/responses/resp_1/input_items/', '/v1/responses/resp_1/input_items'],
  ['/files?limit=1', '/v1/files?limit=1'],
  ['/v1/v1/files/file-1/content/', '/v1/files/file-1/content'],
  ['/batches/batch_1/cancel', '/v1/batches/batch_1/cancel'],
  ['/models', '/v1/models'],
  ['/models/agent/sonnet', '/v1/models/agent/sonnet'],
  ['/models/agent%2Fsonnet/', '/v1/models/agent%2Fsonnet'],
  ['/models/..%2f..%2flivez', '/v1/models/..%2f..%2flivez'],
]

for (const [url, canonical] of spellings) {
  test(`${url} means ${canonical}`, () => {
    assert.equal(canonicalUrl(url), canonical)
    assert.equal(canonicalUrl(canonical), canonical)
  })
}

test("Anthropic's SDK finds nothing where its own sessions would be", () => {
  const headers = { 'anthropic-version': '2023-06-01' }
  for (const url of ['/v1/sessions', '/v1/sessions?limit=1', '/v1//sessions/s_1/events']) {
    assert.notEqual(canonicalUrl(url, headers), url)
    assert.equal(canonicalUrl(url, { 'x-api-key': 'k' }), url)
  }
  assert.equal(canonicalUrl('/v1/messages', headers), '/v1/messages')
})

for (const url of [
  '',
  '*',
  '/',
  '//',
  '/v1',
  '/v1/',
  '/v1/v1',
  '/chat',
  '/v1/chat/',
  '/v1/v1/chat/stream',
  '/v1/chat/completionsx',
  '/v1/v1/v1/messages',
  '/v2/messages',
  '/V1/messages/',
  '/messagesx',
  '/x/messages',
  '/runs/',
  '/v1/runs/run_1/',
  '/livez/',
  '/docs/',
  '/?/messages',
  '/%2fmessages/',
  '/v1/../messages',
  'http://127.0.0.1/messages',
  'messages',
  '//evil.example/messages',
]) {
  test(`${JSON.stringify(url)} stays as it is`, () => {
    assert.equal(canonicalUrl(url), url)
  })
}
