// What the guard makes of a request's target and headers. How it refuses on real connections, in the format of each API, is tested in
// test/security/door.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../src/errors.ts'
import { checkBodyType, checkRequest, clientRequestId, refuseKeysInUrl } from '../../src/http/guard.ts'
import { type IncomingFields, incoming } from '../helpers/incoming.ts'

const options = { allowHosts: ['box.example'], corsOrigins: ['https://app.example'] }
const host = ['host', 'localhost:5005'] as const

const check = (fields: IncomingFields) => checkRequest(incoming(fields), options)

function codeOf(act: () => unknown): string | null {
  try {
    act()
    return null
  } catch (error) {
    return (error as AppError).code
  }
}

for (const name of ['localhost', 'LOCALHOST:80', '127.0.0.1:65535', '[::1]:5005', 'box.example', 'Box.Example:443']) {
  test(`the host ${name} is this server`, () => assert.equal(check({ headers: [['host', name]] }), null))
}

for (const [name, code] of [
  ['evil.example', 'host_not_allowed'],
  ['localhost.evil.example', 'host_not_allowed'],
  ['0.0.0.0', 'host_not_allowed'],
  ['localhost:65536', 'invalid_request'],
  ['localhost:', 'invalid_request'],
  ['a b', 'invalid_request'],
  ['', 'invalid_request'],
] as const) {
  test(`the host ${JSON.stringify(name)} is ${code}`, () =>
    assert.equal(
      codeOf(() => check({ headers: [['host', name]] })),
      code,
    ))
}

test('a request without a host, with two, or with an absolute target is invalid', () => {
  for (const fields of [{}, { headers: [host, host] }, { url: 'http://localhost/', headers: [host] }])
    assert.equal(
      codeOf(() => check(fields)),
      'invalid_request',
    )
})

type Header = readonly [string, string]

const own = 'http://localhost:5005'
const accepted: [what: string, headers: Header[], method?: string][] = [
  ['a program, which sends no origin', []],
  ['our own page', [['origin', own]]],
  ['our own page, by its site', [['sec-fetch-site', 'same-origin']]],
  ['our own page, by its referrer', [['referer', `${own}/page`]]],
  ['a person who types the address', [['sec-fetch-site', 'none']]],
]
for (const [what, headers] of accepted) {
  test(`a request is accepted from ${what}`, () => assert.equal(check({ headers: [host, ...headers] }), null))
}

test('the origin of an allowed page is returned', () => {
  const headers = [host, ['origin', 'https://app.example'], ['sec-fetch-site', 'cross-site']] as const
  assert.equal(check({ headers }), 'https://app.example')
})

const foreign: [what: string, headers: Header[], method?: string][] = [
  ['another origin', [['origin', 'https://evil.example']]],
  ['another port of this machine', [['origin', 'http://localhost:5006']]],
  ['an origin that hides itself', [['origin', 'null']]],
  ['another site', [['sec-fetch-site', 'cross-site']]],
  ['a neighboring site', [['sec-fetch-site', 'same-site']]],
  ['a page that is only mentioned', [['referer', 'https://evil.example/']]],
  ['a page whose address begins like ours', [['referer', `${own}.evil.example/`]]],
  [
    'an extension',
    [
      ['sec-fetch-site', 'none'],
      ['sec-fetch-mode', 'cors'],
    ],
  ],
  [
    'a prefetch',
    [
      ['sec-fetch-site', 'none'],
      ['sec-purpose', 'prefetch'],
    ],
  ],
  ['a form that nobody typed', [['sec-fetch-site', 'none']], 'POST'],
]
for (const [what, headers, method = 'GET'] of foreign) {
  test(`a request from ${what} is refused`, () =>
    assert.equal(
      codeOf(() => check({ method, headers: [host, ...headers] })),
      'origin_not_allowed',
    ))
}

const body = (...headers: Header[]) => codeOf(() => checkBodyType(incoming({ method: 'POST', headers })))
const json: Header = ['content-type', 'application/json']

test('a body must be declared as JSON, which no form can do', () => {
  for (const type of ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"'])
    assert.equal(body(['content-type', type]), null, type)
  for (const type of ['text/plain', 'application/json; charset=utf-16', 'application/jsonp', 'application/x-ndjson'])
    assert.equal(body(['content-type', type]), 'unsupported_media_type', type)
  assert.equal(body(), 'unsupported_media_type')
  assert.equal(body(json, json), 'invalid_request')
  assert.equal(
    codeOf(() => checkBodyType(incoming())),
    null,
  )
})

test('a compressed body is refused', () => {
  assert.equal(body(json, ['content-encoding', 'identity']), null)
  assert.equal(body(json, ['content-encoding', 'gzip']), 'unsupported_media_type')
})

test('a request without a body needs no type if it carries a key, as no page can send it on its own', () => {
  for (const name of ['authorization', 'x-api-key']) {
    assert.equal(body([name, 'x']), null)
    assert.equal(body([name, 'x'], ['content-length', '0']), null)
    assert.equal(body([name, 'x'], ['content-length', '1']), 'unsupported_media_type')
    assert.equal(body([name, 'x'], ['transfer-encoding', 'chunked']), 'unsupported_media_type')
  }
})

test("a client's request id is used if it is safe to log", () => {
  assert.equal(clientRequestId({ 'x-request-id': 'a.B_9-c' }), 'a.B_9-c')
  for (const id of ['', 'a b', 'a\n', 'x'.repeat(65), undefined])
    assert.equal(clientRequestId(id === undefined ? {} : { 'x-request-id': id }), null)
})

test('a key in a URL is refused, and what only resembles one is not', () => {
  for (const name of ['key', 'KEY', 'token', 'access_token', 'api_key', 'api-key', 'apikey', 'x-api-key'])
    for (const before of ['?', '?a=1&'])
      assert.equal(
        codeOf(() => refuseKeysInUrl(`/v1/chat${before}${name}=x`)),
        'invalid_request',
      )
  for (const target of ['/v1/chat', '/v1/keys?limit=1', '/v1/chat?monkey=1', '/v1/chat?key']) refuseKeysInUrl(target)
})
