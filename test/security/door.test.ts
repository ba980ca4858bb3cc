// The door, met by raw sockets: foreign hosts and web pages, requests of a shape that could be read in two ways, limits,
// methods and request ids. A title begins with the row's number in the catalogue of attacks.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { ErrorBody } from '../../src/surfaces/native/schemas.ts'
import { listenApp } from '../helpers/inject-app.ts'

const { port, agent } = await listenApp({ after })
const allowing = await listenApp({ after }, { allowHosts: ['box.example'] })

type Answer = { status: number; headers: Map<string, string>; body: string }

/** Sends bytes as they are, and reads until the server has closed the connection. */
async function exchange(request: string, to = port): Promise<string> {
  const socket = connect({ port: to, host: '127.0.0.1' })
  socket.write(request, 'latin1')
  return text(socket)
}

function parse(raw: string): Answer {
  const at = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, at).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
  assert.ok(status, `no answer: ${JSON.stringify(raw)}`)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(status), headers: new Map(headers), body: raw.slice(at + 4) }
}

const good = '{"prompt":"hi"}'

type Head = { method?: string; target?: string; host?: string | null; headers?: string[]; body?: string; to?: number }

/** A request with a good Host unless another, or none, is given. */
function head({
  method = 'GET',
  target = '/livez',
  host = `localhost:${port}`,
  headers = [],
  body = '',
}: Head): string {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(host === null ? [] : [`Host: ${host}`]),
    'Connection: close',
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

const postHeaders = ['Content-Type: application/json', `Content-Length: ${good.length}`]
const post = ({ headers = [], ...rest }: Head = {}): Head => ({
  method: 'POST',
  target: '/v1/chat',
  headers: [...postHeaders, ...headers],
  body: good,
  ...rest,
})

/** The answer to a request that must not reach the agent. */
async function kept(request: string, to = port): Promise<Answer> {
  const before = agent.requests.length + allowing.agent.requests.length
  const answer = parse(await exchange(request, to))
  assert.equal(agent.requests.length + allowing.agent.requests.length, before, 'the agent was asked')
  for (const name of answer.headers.keys()) assert.doesNotMatch(name, /^access-control-/)
  return answer
}

/** One refusal of our own: status, code, id, and the headers that every answer has. */
async function refused(request: string, status: number, code: string, to = port): Promise<Answer> {
  const answer = await kept(request, to)
  const body = ErrorBody.parse(JSON.parse(answer.body))
  assert.deepEqual([answer.status, body.code], [status, code], body.error)
  assertProtected(answer)
  assert.equal(body.request_id, answer.headers.get('x-request-id'))
  return answer
}

function assertProtected({ headers }: Answer): void {
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin')
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
}

const foreignHosts = [
  ...[
    `evil.example:${port}`,
    'evil.example',
    `localhost.evil.example:${port}`,
    `127.0.0.1.nip.io:${port}`,
    'evil.local',
  ],
  ...[
    `0.0.0.0:${port}`,
    '192.168.1.5',
    `[::ffff:127.0.0.1]:${port}`,
    `127.1:${port}`,
    `localhost.:${port}`,
    'localhost.',
  ],
  ...['127.0.0.2', '2130706433', '0x7f000001', '[::]', '[0:0:0:0:0:0:0:1]', 'xlocalhost', 'localhostx', 'box.example'],
]
for (const host of foreignHosts) {
  test(`B02 the host ${host} is 403`, async () => {
    await refused(head({ host }), 403, 'host_not_allowed')
    await refused(head(post({ host })), 403, 'host_not_allowed')
  })
}

const malformedHosts = [
  ...[
    `localhost:${port}@evil`,
    'localhost:99999',
    'localhost:65536',
    'localhost:abc',
    `localhost:${port}#`,
    'localhost:',
  ],
  ...['http://localhost', 'localhost/', 'local host', 'localhost,evil.example', '[::1', '::1', 'localhost:-1', '*'],
  ...['localhost:123456', 'evil@localhost', '\xe9vil'],
]
for (const host of malformedHosts) {
  test(`B02 the host ${JSON.stringify(host)} is 400`, async () => {
    await refused(head({ host }), 400, 'invalid_request')
    await refused(head(post({ host })), 400, 'invalid_request')
  })
}

for (const [method, target] of [
  ...[
    ['GET', '/'],
    ['GET', '/livez'],
    ['GET', '/readyz'],
    ['GET', '/v1/health'],
    ['GET', '/nothing'],
    ['GET', '/v1/chat'],
  ],
  ...[
    ['HEAD', '/livez'],
    ['POST', '/nothing'],
    ['PUT', '/v1/chat'],
    ['DELETE', '/v1/chat'],
    ['OPTIONS', '/v1/chat'],
  ],
  ...[
    ['OPTIONS', '*'],
    ['TRACE', '/livez'],
    ['PATCH', '/'],
    ['POST', '/v1/chat/stream'],
    ['GET', '//evil.example/'],
  ],
]) {
  test(`B02 a foreign host is 403 for ${method} ${target} too`, async () => {
    const answer = await kept(head({ method: String(method), target: String(target), host: 'evil.example' }))
    assert.equal(answer.status, 403)
    assertProtected(answer)
  })
}

test('B02 a foreign host is refused before the body is read', async () => {
  const headers = ['Content-Type: application/json', 'Content-Length: 1000000']
  await refused(head({ method: 'POST', target: '/v1/chat', host: 'evil.example', headers }), 403, 'host_not_allowed')
})

test('B02 a path that cannot be decoded gets past no check', async () => {
  await refused(head({ target: '/%zz', host: 'evil.example' }), 403, 'host_not_allowed')
})

test('a path that cannot be decoded is told in our own words', async () => {
  await refused(head({ target: '/v1/%zz' }), 400, 'invalid_request')
})

test('B02 an address as the target gets past no check', async () => {
  const { status } = await kept(head({ target: 'http://evil.example/livez' }))
  assert.ok(status === 400 || status === 403, String(status))
})

for (const host of [
  'LOCALHOST:5005',
  'localhost:9000',
  'localhost',
  '127.0.0.1',
  '127.0.0.1:1',
  '[::1]',
  '[::1]:65535',
  'LocalHost:0',
]) {
  test(`B03 the host ${host} is let in`, async () => {
    assert.equal(parse(await exchange(head({ host }))).status, 200)
    assert.equal(parse(await exchange(head(post({ host })))).status, 200)
  })
}

test('B03 a page of the same origin is let in through a tunnel', async () => {
  const headers = ['Origin: http://localhost:9000', 'Sec-Fetch-Site: same-origin']
  assert.equal(parse(await exchange(head(post({ host: 'localhost:9000', headers })))).status, 200)
})

test('a host that was allowed by name is let in, and no name like it', async () => {
  const to = allowing.port
  for (const host of ['box.example', 'BOX.example:80'])
    assert.equal(parse(await exchange(head({ host }), to)).status, 200)
  for (const host of ['sub.box.example', 'box.example.evil', 'ox.example', 'evil.example'])
    await refused(head({ host }), 403, 'host_not_allowed', to)
})

for (const [what, request] of [
  ['no host', head({ host: null })],
  ['no host in HTTP/1.0', 'GET /livez HTTP/1.0\r\n\r\n'],
  ['an empty host', head({ host: '' })],
  ['two hosts, the good one first', head({ headers: ['Host: evil.example'] })],
  ['two hosts, the bad one first', head({ host: 'evil.example', headers: [`Host: localhost:${port}`] })],
  ['two hosts that are the same', head({ headers: [`Host: localhost:${port}`] })],
  ['two hosts and a body', head(post({ headers: ['Host: evil.example'] }))],
] as const) {
  test(`B04 a request with ${what} is 400`, async () => {
    assert.equal((await kept(request)).status, 400)
  })
}

const foreignOrigins = [
  ...[
    'http://evil.example',
    'null',
    'http://localhost:3000',
    `http://localhost:${port}.evil.example`,
    '',
    'http://localhost',
  ],
  ...[
    `https://localhost:${port}`,
    `http://127.0.0.1:${port}`,
    'chrome-extension://x',
    'file://',
    `http://localhost:${port}/`,
  ],
  ...[`http://localhost:${port} http://evil.example`, `http://evil@localhost:${port}`, `localhost:${port}`, '*'],
]
for (const origin of foreignOrigins) {
  test(`B06 the origin ${JSON.stringify(origin)} is 403`, async () => {
    const headers = [`Origin: ${origin}`]
    await refused(head({ headers }), 403, 'origin_not_allowed')
    await refused(head({ target: '/nothing', headers }), 403, 'origin_not_allowed')
    await refused(head(post({ headers })), 403, 'origin_not_allowed')
    await refused(head(post({ headers: [...headers, 'Sec-Fetch-Site: same-origin'] })), 403, 'origin_not_allowed')
  })
}

test('B06 two origins are refused, also where one or both are our own', async () => {
  const own = `Origin: http://localhost:${port}`
  for (const headers of [
    [own, 'Origin: http://evil.example'],
    ['Origin: http://evil.example', own],
    [own, own],
  ])
    await refused(head(post({ headers })), 400, 'invalid_request')
})

for (const host of ['localhost', '127.0.0.1', '[::1]']) {
  test(`B07 an origin equal to the host ${host} is let in`, async () => {
    const headers = [`Origin: http://${host}:${port}`]
    assert.equal(parse(await exchange(head(post({ host: `${host}:${port}`, headers })))).status, 200)
  })
}

for (const site of ['cross-site', 'same-site', 'CROSS-SITE', 'nonsense', '']) {
  test(`B08 sec-fetch-site ${JSON.stringify(site)} is 403`, async () => {
    const headers = [`Sec-Fetch-Site: ${site}`]
    await refused(head({ headers }), 403, 'origin_not_allowed')
    await refused(head({ target: '/v1/health', headers }), 403, 'origin_not_allowed')
    await refused(head(post({ headers })), 403, 'origin_not_allowed')
  })
}

test('B08 sec-fetch-site none opens a page, but sends nothing', async () => {
  const headers = ['Sec-Fetch-Site: none']
  assert.equal(parse(await exchange(head({ headers }))).status, 200)
  await refused(head(post({ headers })), 403, 'origin_not_allowed')
})

test('B08 two sec-fetch-site headers are refused', async () => {
  const headers = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site']
  await refused(head(post({ headers })), 400, 'invalid_request')
})

for (const referer of [
  'http://evil.example/',
  `http://localhost:${port}.evil.example/`,
  'about:blank',
  `http://localhost:${port}@evil/`,
]) {
  test(`B10 the referer ${referer} alone is 403`, async () => {
    await refused(head({ headers: [`Referer: ${referer}`] }), 403, 'origin_not_allowed')
    await refused(head(post({ headers: [`Referer: ${referer}`] })), 403, 'origin_not_allowed')
  })
}

test('B10 a referer of our own is let in', async () => {
  assert.equal(parse(await exchange(head(post({ headers: [`Referer: http://localhost:${port}/page`] })))).status, 200)
})

for (const target of ['/v1/chat', '/v1/chat/stream', '/v1/health', '/nothing']) {
  test(`B11 a preflight from elsewhere for ${target} is 403 and allows nothing`, async () => {
    const headers = [
      'Origin: http://evil.example',
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: content-type',
    ]
    await refused(head({ method: 'OPTIONS', target, headers }), 403, 'origin_not_allowed')
  })
}

test('B14 a POST without a content type is 415 and shows the header to add', async () => {
  const answer = await refused(
    head({ method: 'POST', target: '/v1/chat', headers: ['Content-Length: 2'], body: '{}' }),
    415,
    'unsupported_media_type',
  )
  assert.match(answer.body, /-H 'content-type: application\/json'/)
})

test('B14 a POST without content type or body is 415', async () => {
  await refused(
    head({ method: 'POST', target: '/v1/chat', headers: ['Content-Length: 0'] }),
    415,
    'unsupported_media_type',
  )
})

test('B14 two content types are refused', async () => {
  await refused(head(post({ headers: ['Content-Type: text/plain'] })), 400, 'invalid_request')
})

const typed = 'Content-Type: application/json'
const shape = (headers: string[], body = good) =>
  head({ method: 'POST', target: '/v1/chat', headers: [typed, ...headers], body })
const chunked = 'Transfer-Encoding: chunked'
const chunk = `${good.length.toString(16)}\r\n${good}\r\n`
const smuggling: [what: string, request: string][] = [
  ['content-length and transfer-encoding', shape([`Content-Length: ${good.length}`, chunked], `${chunk}0\r\n\r\n`)],
  ['transfer-encoding and content-length', shape([chunked, `Content-Length: ${good.length}`], `${chunk}0\r\n\r\n`)],
  ['two lengths', shape([`Content-Length: ${good.length}`, 'Content-Length: 5'])],
  ['the same length twice', shape([`Content-Length: ${good.length}`, `Content-Length: ${good.length}`])],
  ['a list of lengths', shape([`Content-Length: ${good.length}, ${good.length}`])],
  ['a negative length', shape(['Content-Length: -1'])],
  ['a length with a sign', shape([`Content-Length: +${good.length}`])],
  ['a length in hexadecimal', shape(['Content-Length: 0xf'])],
  ['an unknown transfer-encoding', shape(['Transfer-Encoding: xchunked'], `${chunk}0\r\n\r\n`)],
  ['a transfer-encoding after chunked', shape(['Transfer-Encoding: chunked, identity'], `${chunk}0\r\n\r\n`)],
  ['a chunk size that is none', shape([chunked], `zz\r\n${good}\r\n0\r\n\r\n`)],
  ['a bad chunk size after a good chunk', shape([chunked], `${chunk}zz\r\n\r\n`)],
  ['a negative chunk size', shape([chunked], `-1\r\n${good}\r\n0\r\n\r\n`)],
  ['a chunk size beyond all numbers', shape([chunked], `ffffffffffffffffff\r\n${good}\r\n0\r\n\r\n`)],
  ['a chunk size that ends in LF alone', shape([chunked], `f\n${good}\r\n0\r\n\r\n`)],
  ['a chunk longer than its size', shape([chunked], `5\r\n${good}\r\n0\r\n\r\n`)],
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
    assert.equal((await kept(request)).status, 400)
  })
}

test('D06 what follows a bad request on the same connection is not answered', async () => {
  const raw = await exchange(`${shape([`Content-Length: ${good.length}`, chunked], '0\r\n\r\n')}${head(post())}`)
  assert.equal(raw.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal(parse(raw).status, 400)
})

test('D06 each of several requests on one connection passes the door', async () => {
  const first = head({}).replace('Connection: close\r\n', '')
  const raw = await exchange(`${first}${head({ host: 'evil.example' })}`)
  assert.deepEqual(raw.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '403'])
})

const fillers = (count: number) => Array.from({ length: count }, (_, at) => `X-${at}: a`)
const limits: [what: string, request: string, status: number, code?: string][] = [
  ['a header of 17 KiB', head(post({ headers: [`X-A: ${'a'.repeat(17 * 1024)}`] })), 431],
  ['headers of 17 KiB together', head(post({ headers: fillers(90).map((each) => `${each}${'a'.repeat(190)}`) })), 431],
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
    const answer = await kept(request)
    assert.equal(answer.status, status)
    if (code !== undefined) assert.equal(ErrorBody.parse(JSON.parse(answer.body)).code, code)
  })
}

for (const count of [150, 300, 1000]) {
  test(`D07 ${count} headers are refused`, async () => {
    const { status } = await kept(head({ headers: [...fillers(count), 'Origin: http://evil.example'] }))
    assert.equal(status, 431)
  })
}

test('D07 just within the limits a request is let in', async () => {
  const headers = [...fillers(97), `X-Long: ${'a'.repeat(12 * 1024)}`]
  assert.equal(parse(await exchange(head({ headers }))).status, 200)
  assert.equal(parse(await exchange(head({ target: `/livez?${'a'.repeat(4000)}` }))).status, 200)
})

for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'OPTIONS']) {
  test(`D09 ${method} /v1/chat is 405 with Allow`, async () => {
    const answer = await kept(head({ method, target: '/v1/chat' }))
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
  test(`D09 ${method} /v1/chat is 405 with a bad JSON body too`, async () => {
    await refused(head({ method, target: '/v1/chat', headers: [...headers], body }), 405, 'method_not_allowed')
  })
}

for (const method of ['FOO', 'get', 'Post', 'GE T', '']) {
  test(`D09 the method ${JSON.stringify(method)} is 400`, async () => {
    assert.equal((await kept(head({ ...post(), method }))).status, 400)
  })
}

test('D09 CONNECT is answered with nothing but the end of the connection', async () => {
  assert.equal(await exchange(head({ method: 'CONNECT', target: `127.0.0.1:${port}` })), '')
})

test('D13 a compressed body is 415 and is not looked at', async () => {
  const headers = [typed, 'Content-Encoding: gzip', 'Content-Length: 10000']
  await refused(head({ method: 'POST', target: '/v1/chat', headers }), 415, 'unsupported_media_type')
})

for (const id of ['abc', 'a', 'A.b_c-1', 'x'.repeat(64)]) {
  test(`D19 the request id ${id} is kept`, async () => {
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
  const answer = await kept(head({ headers: ['X-Request-Id: a\x1bb'] }))
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

test('after all this a good request is answered', async () => {
  const before = agent.requests.length
  const answer = parse(await exchange(head(post())))
  assert.equal(answer.status, 200)
  assertProtected(answer)
  assert.equal(agent.requests.length, before + 1)
})
