// The form of requests, tested with raw sockets: ambiguous framing, excessive lengths, methods, request ids, upgrades, paths and
// queries, bodies that are not JSON. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { listenApp } from '../helpers/inject-app.ts'
import {
  assertProtected,
  exchange,
  good,
  head,
  jsonRequest,
  parse,
  post,
  RawConnection,
  refusals,
  statusesOf,
  typed,
} from './raw-client.ts'
import { allSurfaces, streamedText, surfaces } from './surfaces.ts'

const { port, agent, logLines } = await listenApp({ after }, allSurfaces())
/** A server that requires a key and accepts bodies of at most 100,000 bytes. */
const guarded = await listenWithKey()
const { blocked, refused } = refusals(port, [agent])

async function listenWithKey() {
  const { secret, prefix, hash } = newSecret()
  const keys = openMemoryStore()
  await keys.createKey(keyRecord('key_1', { prefix, hash }))
  const callers = new Authenticator({ keys, isLoopback: true, now: Date.now })
  return { ...(await listenApp({ after }, allSurfaces({ callers, bodyBytesMax: 100_000 }))), secret }
}

const ask = async (request: string) => parse(await exchange(request, port))

const postWith = (headers: string[], body = good) =>
  head({ method: 'POST', target: '/v1/chat', headers: [typed, ...headers], body })
const chunked = 'Transfer-Encoding: chunked'
const chunk = `${good.length.toString(16)}\r\n${good}\r\n`
const smuggling: [what: string, request: string][] = [
  ['content-length and transfer-encoding', postWith([`Content-Length: ${good.length}`, chunked], `${chunk}0\r\n\r\n`)],
  ['transfer-encoding and content-length', postWith([chunked, `Content-Length: ${good.length}`], `${chunk}0\r\n\r\n`)],
  ['two lengths', postWith([`Content-Length: ${good.length}`, 'Content-Length: 5'])],
  ['the same length twice', postWith([`Content-Length: ${good.length}`, `Content-Length: ${good.length}`])],
  ['a list of lengths', postWith([`Content-Length: ${good.length}, ${good.length}`])],
  ['a negative length', postWith(['Content-Length: -1'])],
  ['a length with a sign', postWith([`Content-Length: +${good.length}`])],
  ['a length in hexadecimal', postWith(['Content-Length: 0xf'])],
  ['an unknown transfer-encoding', postWith(['Transfer-Encoding: xchunked'], `${chunk}0\r\n\r\n`)],
  ['a transfer-encoding after chunked', postWith(['Transfer-Encoding: chunked, identity'], `${chunk}0\r\n\r\n`)],
  ['an invalid chunk size', postWith([chunked], `zz\r\n${good}\r\n0\r\n\r\n`)],
  ['a bad chunk size after a good chunk', postWith([chunked], `${chunk}zz\r\n\r\n`)],
  ['a negative chunk size', postWith([chunked], `-1\r\n${good}\r\n0\r\n\r\n`)],
  ['a chunk size beyond every number', postWith([chunked], `ffffffffffffffffff\r\n${good}\r\n0\r\n\r\n`)],
  ['a chunk size that ends in LF alone', postWith([chunked], `f\n${good}\r\n0\r\n\r\n`)],
  ['a chunk longer than its size', postWith([chunked], `5\r\n${good}\r\n0\r\n\r\n`)],
  ['lines that end in LF alone', head(post()).replaceAll('\r\n', '\n')],
  ['one line that ends in LF alone', head(post()).replace('Connection: close\r\n', 'Connection: close\n')],
  ['a folded header', head(post({ headers: ['X-A: a', ' b'] }))],
  ['NUL in a header', head(post({ headers: ['X-A: a\0b'] }))],
  ['CR alone in a header', head(post({ headers: ['X-A: a\rb'] }))],
  ['a space before the colon', head(post({ headers: ['X-A : b'] }))],
  ['a header without a name', head(post({ headers: [': b'] }))],
  ['a header without a colon', head(post({ headers: ['X-A'] }))],
  ['a space before the first header', head(post()).replace('Host:', ' Host:')],
  ['an unknown version', head(post()).replace('HTTP/1.1', 'HTTP/3.0')],
  ['a space in the target', head(post({ target: '/v1/chat x' }))],
]
for (const [what, request] of smuggling) {
  test(`D06 a request with ${what} is 400 and closes the connection`, async () => {
    assert.equal((await blocked(request)).status, 400)
  })
}

test('D06 what follows a bad request on the same connection is not answered', async () => {
  const raw = await exchange(
    `${postWith([`Content-Length: ${good.length}`, chunked], '0\r\n\r\n')}${head(post())}`,
    port,
  )
  assert.equal(raw.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal(parse(raw).status, 400)
})

test('D06 each of several requests on one connection is checked', async () => {
  const first = head({}).replace('Connection: close\r\n', '')
  const raw = await exchange(`${first}${head({ host: 'evil.example' })}`, port)
  assert.deepEqual(raw.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '403'])
})

const fillers = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: a`)
const limits: [what: string, request: string, status: number, code: string][] = [
  ['a header of 17 KiB', head(post({ headers: [`X-A: ${'a'.repeat(17 * 1024)}`] })), 431, 'headers_too_large'],
  [
    'headers of 17 KiB together',
    head(post({ headers: fillers(90).map((each) => `${each}${'a'.repeat(190)}`) })),
    431,
    'headers_too_large',
  ],
  ['101 headers', head({ headers: fillers(99) }), 431, 'headers_too_large'],
  [
    '101 headers, of which the last is an origin',
    head({ headers: [...fillers(98), 'Origin: http://evil.example'] }),
    431,
    'headers_too_large',
  ],
  ['a URL of 5 KiB', head({ target: `/${'a'.repeat(5 * 1024)}` }), 414, 'url_too_long'],
  ['a query of 5 KiB', head({ target: `/livez?${'a'.repeat(5 * 1024)}` }), 414, 'url_too_long'],
]
for (const [what, request, status, code] of limits) {
  test(`D07 ${what} is ${status}`, async () => {
    await refused(request, status, code)
  })
}

for (const count of [150, 300, 1000]) {
  test(`D07 ${count} headers are refused`, async () => {
    const { status } = await blocked(head({ headers: [...fillers(count), 'Origin: http://evil.example'] }))
    assert.equal(status, 431)
  })
}

test('D07 a request just within the limits is accepted', async () => {
  const headers = [...fillers(97), `X-Long: ${'a'.repeat(12 * 1024)}`]
  assert.equal((await ask(head({ headers }))).status, 200)
  assert.equal((await ask(head({ target: `/livez?${'a'.repeat(4000)}` }))).status, 200)
})

for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'OPTIONS']) {
  test(`D09 ${method} /v1/chat is 405 with Allow`, async () => {
    const answer = await blocked(head({ method, target: '/v1/chat' }))
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
    assertProtected(answer)
    if (method !== 'HEAD') assert.equal(ErrorBody.parse(JSON.parse(answer.body)).code, 'method_not_allowed')
  })
}

for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'OPTIONS']) {
  test(`D09 ${method} /livez is 405 with Allow`, async () => {
    const answer = await refused(head({ method, target: '/livez' }), 405, 'method_not_allowed')
    assert.equal(answer.headers.get('allow'), 'GET, HEAD')
  })
}

for (const [method, headers, body] of [
  ['DELETE', [typed], ''],
  ['OPTIONS', [typed], ''],
  ['PUT', [typed, 'Content-Length: 1'], '{'],
] as const) {
  test(`D09 ${method} /v1/chat is 405 even with a bad JSON body`, async () => {
    await refused(head({ method, target: '/v1/chat', headers: [...headers], body }), 405, 'method_not_allowed')
  })
}

for (const method of ['PROPFIND', 'LINK', 'M-SEARCH', 'QUERY', 'PURGE']) {
  test(`D09 ${method}, which no route here has, is 405 with Allow`, async () => {
    const answer = await refused(head(post({ method })), 405, 'method_not_allowed')
    assert.equal(answer.headers.get('allow'), 'POST')
  })
}

for (const method of ['FOO', 'get', 'Post', 'GE T', '']) {
  test(`D09 the method ${JSON.stringify(method)} is 400`, async () => {
    assert.equal((await blocked(head({ ...post(), method }))).status, 400)
  })
}

test('D09 CONNECT only closes the connection', async () => {
  assert.equal(await exchange(head({ method: 'CONNECT', target: `127.0.0.1:${port}` }), port), '')
})

test('D13 a compressed body is 415 and is not read', async () => {
  const headers = [typed, 'Content-Encoding: gzip', 'Content-Length: 10000']
  await refused(head({ method: 'POST', target: '/v1/chat', headers }), 415, 'unsupported_media_type')
})

for (const id of ['abc', 'a', 'A.b_c-1', 'x'.repeat(64)]) {
  test(`D19 the request id ${id} is adopted`, async () => {
    const answer = await refused(head({ target: '/nothing', headers: [`X-Request-Id: ${id}`] }), 404, 'not_found')
    assert.equal(answer.headers.get('x-request-id'), id)
  })
}

for (const id of ['', 'x'.repeat(65), 'x'.repeat(200), 'a b', 'a,b', 'a/b', '<b>', '\xe9', 'a\r\nX-Request-Id: b']) {
  test(`D19 the request id ${JSON.stringify(id)} is replaced`, async () => {
    const answer = await refused(head({ target: '/nothing', headers: [`X-Request-Id: ${id}`] }), 404, 'not_found')
    assert.match(answer.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{24}$/)
  })
}

test('D19 a request id with ESC is 400', async () => {
  const answer = await blocked(head({ headers: ['X-Request-Id: a\x1bb'] }))
  assert.equal(answer.status, 400)
  assert.ok(!answer.body.includes('\x1b'))
})

const documents = [
  '',
  '{',
  'nul',
  '\ufeff{}',
  '{"prompt":"hi",}',
  '{"prompt":NaN}',
  `${good}${good}`,
  `${good}\n${good}`,
  '\0',
]
for (const document of documents) {
  test(`E01 the body ${JSON.stringify(document)} is 400`, async () => {
    const body = Buffer.from(document).toString('latin1')
    const headers = [typed, `Content-Length: ${body.length}`]
    await refused(head({ method: 'POST', target: '/v1/chat', headers, body }), 400, 'invalid_request')
  })
}

for (const [what, request] of [
  ['an unknown method', head({ method: 'FOO' })],
  ['a bad header', head({ headers: ['X-A : b'] })],
  ['a header of 17 KiB', head({ headers: [`X-A: ${'a'.repeat(17 * 1024)}`] })],
  ['no host', head({ host: null })],
] as const) {
  test(`D06 the refusal of ${what} has the headers that every answer has`, async () => {
    const answer = await blocked(request)
    assertProtected(answer)
    assert.equal(answer.headers.get('x-request-id'), ErrorBody.parse(JSON.parse(answer.body)).request_id)
  })
}

const expecting = ['Expect: 100-continue']
const continued = /HTTP\/1\.1 100 /

/** What must be refused before a client is asked to send its body. */
const judged: [what: string, options: Parameters<typeof head>[0], status: number][] = [
  ['that is too large', { headers: [typed, 'Content-Length: 100001'] }, 413],
  ['of a gigabyte', { headers: [typed, 'Content-Length: 1073741824'] }, 413],
  ['without a key', { headers: [typed, 'Content-Length: 15'] }, 401],
  ['with a key that is not valid', { headers: [typed, 'Content-Length: 15', `x-api-key: ${newSecret().secret}`] }, 401],
  ['for a foreign host', { host: 'evil.example', headers: [typed, 'Content-Length: 15'] }, 403],
  ['from a foreign page', { headers: [typed, 'Content-Length: 15', 'Origin: http://evil.example'] }, 403],
  ['that is not JSON', { headers: ['Content-Type: text/plain', 'Content-Length: 15'] }, 415],
  ['that is compressed', { headers: [typed, 'Content-Length: 15', 'Content-Encoding: gzip'] }, 415],
  ['for a path that does not exist', { target: '/nothing', headers: [typed, 'Content-Length: 15'] }, 404],
  ['for another method', { method: 'PUT', headers: [typed, 'Content-Length: 15'] }, 405],
  ['with a key in the URL', { target: '/v1/chat?token=x', headers: [typed, 'Content-Length: 15'] }, 400],
]
for (const [what, options, status] of judged) {
  test(`D10 no client is asked to send a body ${what}: ${status} comes at once`, async () => {
    const { headers = [], ...rest } = options
    // Only the requests about keys lack the good one.
    const key = status === 401 ? [] : [`Authorization: Bearer ${guarded.secret}`]
    for (const surface of surfaces) {
      const request = head({
        method: 'POST',
        target: surface.path,
        ...rest,
        headers: [...headers, ...key, ...expecting],
      })
      const raw = await exchange(request, guarded.port)
      assert.doesNotMatch(raw, continued)
      assert.equal(parse(raw).status, status, `${surface.name} ${raw}`)
    }
    assert.equal(guarded.agent.requests.length, 0)
  })
}

for (const surface of surfaces) {
  test(`D10 a client of ${surface.name} that waits for 100-continue gets it`, async (t) => {
    const body = JSON.stringify(surface.body('hi'))
    for (const expectation of ['100-continue', '100-CONTINUE']) {
      const before = agent.requests.length
      const connection = await RawConnection.open(t, port)
      const headers = [typed, `Content-Length: ${body.length}`, `Expect: ${expectation}`]
      connection.write(head({ method: 'POST', target: surface.path, headers }))
      await connection.until(continued)
      assert.equal(agent.requests.length, before, 'the agent received a request before there was a body')
      connection.write(body)
      await connection.over
      assert.deepEqual(statusesOf(connection.text), [100, 200])
      assert.equal(agent.requests.length, before + 1)
    }
  })
}

for (const host of ['localhost', 'evil.example']) {
  test(`D10 an unknown expectation bypasses no check for the host ${host}`, async () => {
    const answer = await blocked(head({ host, headers: ['Expect: something-else'] }))
    assert.ok((host === 'localhost' ? [200, 417] : [403]).includes(answer.status), String(answer.status))
    assertProtected(answer)
  })
}

const upgrades: [what: string, headers: string[]][] = [
  ['a web socket', ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']],
  ['HTTP/2', ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA']],
  ['TLS', ['Upgrade: TLS/1.3']],
]
for (const [what, headers] of upgrades) {
  test(`D11 an upgrade to ${what} is ignored, and the connection stays as it is`, async (t) => {
    const connection = await RawConnection.open(t, port)
    const upgrading = (options: Parameters<typeof head>[0]) =>
      head(options).replace('Connection: close', 'Connection: Upgrade')
    connection.write(upgrading({ headers }))
    await connection.until(/"status":"ok"/)
    connection.write(upgrading({ target: '/nothing', headers }))
    await connection.until(/"not_found"/)
    connection.write(head(post()))
    await connection.over
    assert.deepEqual(statusesOf(connection.text), [200, 404, 200])
  })

  test(`D11 an upgrade to ${what} bypasses no check`, async () => {
    await refused(head({ host: 'evil.example', headers }), 403, 'host_not_allowed')
    await refused(head({ headers: [...headers, 'Origin: http://evil.example'] }), 403, 'origin_not_allowed')
  })
}

for (const [what, bytes] of [
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['nothing but zeros', '\0'.repeat(100)],
] as const) {
  test(`D11 a client that speaks ${what} gets 400`, async () => {
    assert.equal((await blocked(bytes)).status, 400)
  })
}

const unknownPaths = [
  ...['/../etc/passwd', '/%2e%2e/etc/passwd', '/..%2fetc/passwd', '/..%5cetc', '/..\\etc', '/static/../../etc/passwd'],
  ...['//evil.example', '//evil.example/%2e%2e', '/\\evil.example', '/%00', '/livez%00', '/livez%00.html', '/livez%20'],
  ...['/.env', '/.git/config', '/package.json', '/src/cli.ts', '/index.html', '/favicon.ico', '/robots.txt', '/livez/'],
  ...['/%c0%ae%c0%ae/etc/passwd', '/%c0%afetc', '/%e0%80%af', '/%ff', '/%', '/%zz', '/%u002e', '/%252e%252e/etc'],
  ...['/livez;a=b', '/livez/..;/readyz', '/v1/..%2flivez', '/v1/./health', '/v1/%2e/health', '/LIVEZ', '/livez.json'],
  // Paths that would mean something as a route pattern.
  ...[
    '/*',
    '/*/x',
    '/**',
    '/v1/*/x',
    '/:id',
    '/:a(',
    '/:a)',
    '/:id(^x',
    '/v1/chat/:x(\\d+',
    '/::',
    '/:a-:b',
    '/a?b',
    '/(',
  ],
  // Names longer than any existing one.
  ...['/v1/runs/', '/v1/runs/x/events/', '/'].map((path) => `${path}${'x'.repeat(1000)}`),
  `/v1/runs/${'x'.repeat(201)}/events`,
]
for (const target of unknownPaths) {
  test(`D17 the path ${JSON.stringify(target.slice(0, 60))} does not exist`, async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await blocked(head({ ...post(), method, target }))
      const { code } = ErrorBody.parse(JSON.parse(answer.body))
      assert.ok(['not_found', 'invalid_request'].includes(code), `${answer.status} ${answer.body}`)
      assert.ok(answer.status === 404 || answer.status === 400, String(answer.status))
      assertProtected(answer)
    }
  })
}

for (const prefix of ['/v1/models', '/v1/v1/models', '/models']) {
  test(`D17 a model name that is a path leads nowhere below ${prefix}`, async () => {
    for (const name of [
      '../health',
      '..%2fhealth',
      '%2e%2e/chat',
      '/etc/passwd',
      '%00',
      '*',
      ':id',
      '(',
      '%ff',
      'x'.repeat(1000),
    ]) {
      for (const headers of [[], ['anthropic-version: 2023-06-01']]) {
        const { status, body } = await blocked(head({ target: `${prefix}/${name}`, headers }))
        assert.ok(status === 404 || status === 400, `${name} ${status} ${body}`)
      }
    }
  })
}

const queries = [
  ...['a[__proto__][x]=1', '__proto__[x]=1', '__proto__=1', 'constructor[prototype][x]=1', 'constructor.prototype.x=1'],
  ...[
    'limit[__proto__][x]=1',
    'limit=1&limit=2',
    'limit[]=1',
    'status=__proto__',
    '%5f_proto__=1',
    '=1',
    '&&&',
    '%zz=1',
  ],
  'p=1&'.repeat(1000),
]
for (const query of queries) {
  test(`D18 the query ${query.slice(0, 40)} changes nothing`, async () => {
    assert.equal((await ask(head({ target: `/livez?${query}` }))).status, 200)
    const { status } = await blocked(head({ target: `/v1/runs?${query}` }))
    assert.ok(status === 400 || /^&*$/.test(query), String(status))
    assert.deepEqual(
      [{}, []].map((each) => Object.hasOwn(Object.getPrototypeOf(each), 'x')),
      [false, false],
    )
    assert.equal(({} as { x?: unknown }).x, undefined)
  })
}

for (const name of ['token', 'api_key', 'api-key', 'apikey', 'access_token', 'key', 'x-api-key', 'TOKEN', 'Api_Key']) {
  test(`C05 a key in the URL as ${name} is 400, and its value is neither returned nor logged`, async () => {
    for (const target of [
      `/livez?${name}=secret-5f1c`,
      `/v1/chat?a=b&${name}=secret-5f1c`,
      `/nothing?${name}=secret-5f1c`,
    ]) {
      const { body } = await refused(head({ ...post(), method: 'GET', target }), 400, 'invalid_request')
      assert.ok(!body.includes('secret-5f1c'))
    }
    assert.ok(!JSON.stringify(logLines).includes('secret-5f1c'))
  })
}

for (const surface of surfaces) {
  test(`D22 the stream of ${surface.name} is complete if the client wants the connection closed`, async () => {
    const answer = await ask(jsonRequest(surface.streamPath, surface.streamed('hi')))
    assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close'])
    assert.equal(streamedText(surface, dechunk(answer.body)), 'Hello there')
  })

  test(`D22 the stream of ${surface.name} goes to a client of HTTP/1.0 without chunks`, async () => {
    const request = jsonRequest(surface.streamPath, surface.streamed('hi')).replace('HTTP/1.1', 'HTTP/1.0')
    const answer = await ask(request)
    assert.deepEqual([answer.status, answer.headers.get('transfer-encoding')], [200, undefined])
    assert.equal(streamedText(surface, answer.body), 'Hello there')
  })
}

/** The body of a chunked answer. Throws if the last chunk is missing. */
function dechunk(body: string): string {
  let text = ''
  let rest = body
  for (;;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(rest) ?? []
    const length = Number.parseInt(size, 16)
    assert.ok(length >= 0, 'a chunk has no size')
    if (length === 0) return text
    text += rest.slice(line.length, line.length + length)
    rest = rest.slice(line.length + length + 2)
  }
}

test('a good request is answered after all of this', async () => {
  const before = agent.requests.length
  const answer = await ask(head(post()))
  assert.equal(answer.status, 200)
  assertProtected(answer)
  assert.equal(agent.requests.length, before + 1)
})
