// The headers that every answer must have, whatever was requested and whatever the outcome: no answer is taken for another kind of
// document, shown in a frame, cached or read by another page. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { newSecret } from '../../src/auth/keys.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { listenApp } from '../helpers/inject-app.ts'
import { ScriptedAgent, untilAborted } from '../helpers/scripted-agent.ts'
import {
  type Answer,
  form,
  formHeaders,
  pathFor,
  type Route,
  type SendOptions,
  send,
  startWithRoutes,
  surfaceHeaders,
} from './posture-routes.ts'

const file = { after: (end: () => Promise<void>) => after(end) }
const page = 'https://app.example'
const config = { bodyLimitBytes: 2048, corsOrigins: [page] }
const { server, routes } = await startWithRoutes(file, { fake: 'well-behaved', config })

/** Repeated here on purpose. */
const expected: Record<string, string> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
}

/** The server's page may load its own files and nothing else; it and its parts are the same for everybody, so they may be cached. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

function expectedFor({ 'content-type': type }: Headers): Record<string, string> {
  const isPart = /^(?:text\/(?:html|css|javascript)|image\/)/.test(String(type))
  const isPage = /^text\/html/.test(String(type))
  return {
    ...expected,
    ...(isPart ? { 'cache-control': 'no-cache' } : {}),
    ...(isPage ? { 'content-security-policy': pagePolicy } : {}),
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** `isPage`: for a page of an allowed origin. */
function assertProtected(headers: Headers, what: string, isPage = false): void {
  for (const [name, value] of Object.entries(expectedFor(headers)))
    assert.equal(headers[name], value, `${what}: ${name}`)
  assert.match(String(headers['x-request-id']), /^[A-Za-z0-9._-]{1,64}$/, `${what}: x-request-id`)
  for (const name of ['server', 'x-powered-by', 'set-cookie', 'access-control-allow-credentials'])
    assert.equal(headers[name], undefined, `${what}: ${name}`)
  assert.equal(headers['access-control-allow-origin'], isPage ? page : undefined, what)
}

/** Routes that only say that they are not supported have all methods. */
const isUnsupported = (route: Route) => route.methods.length > 2

const methods = (route: Route) => (isUnsupported(route) ? ['GET', 'POST', 'DELETE'] : route.methods)

const takesForm = ({ takesForms }: Route, method: string) => takesForms === true && method === 'POST'

/** Each route with each of its methods, once. */
const targets = routes.flatMap((route) =>
  methods(route).map((method) => ({
    method,
    path: pathFor(route),
    headers: { ...surfaceHeaders(route), ...(takesForm(route, method) ? formHeaders : {}) },
    ...(takesForm(route, method) ? { body: form } : {}),
    isUnsupported: isUnsupported(route),
  })),
)

type Target = {
  method: string
  path: string
  headers: Record<string, string>
  /** Of a route that takes forms; the others take JSON. */
  body?: string
  isUnsupported?: boolean
}
type Kind = {
  what: string
  /** Depends on the route; everything else is decided before a route is looked up, or in the same way for all. */
  isByRoute?: true
  statuses: readonly number[]
  request(target: Target): SendOptions
  isApplicable?(target: Target): boolean
  isPage?: boolean
}

const withHeaders =
  (more: Record<string, string>) =>
  ({ headers, ...target }: Target) => ({
    ...target,
    headers: { ...headers, ...more },
  })

const hasBody = ({ method }: Target) => ['POST', 'PATCH', 'DELETE'].includes(method)
/** Without keys nobody can log in, whatever the body is. */
const isRead = (target: Target) => hasBody(target) && target.path !== '/v1/login'

const kinds: Kind[] = [
  {
    what: 'a good request',
    isByRoute: true,
    statuses: [200, 204, 400, 404, 405, 406, 501],
    request: (target) => target,
  },
  {
    what: 'a request for another host',
    statuses: [403],
    request: withHeaders({ host: 'evil.example' }),
  },
  {
    what: 'a request from another page',
    statuses: [403],
    request: withHeaders({ origin: 'https://evil.example' }),
  },
  {
    what: 'a request from a page of an allowed origin, without a key',
    statuses: [200, 401],
    request: withHeaders({ origin: page }),
    isPage: true,
  },
  {
    what: 'a key in the address',
    statuses: [400],
    request: ({ path, ...target }) => ({ ...target, path: `${path}?key=x` }),
  },
  {
    what: 'two keys',
    statuses: [200, 400],
    request: withHeaders({ authorization: `Bearer ${newSecret().secret}`, 'api-key': newSecret().secret }),
  },
  {
    what: 'a forwarded request',
    statuses: [200, 401],
    request: withHeaders({ via: '1.1 proxy' }),
  },
  {
    what: 'a wrong key',
    statuses: [200, 401, 429],
    request: withHeaders({ authorization: `Bearer ${newSecret().secret}` }),
  },
  {
    what: 'a long address',
    statuses: [414],
    request: ({ path, ...target }) => ({ ...target, path: `${path}?${'a'.repeat(5000)}` }),
  },
  {
    what: 'a body of another type',
    statuses: [415],
    request: withHeaders({ 'content-type': 'text/plain' }),
    // Such a route says so whatever the body is.
    isApplicable: (target) => isRead(target) && target.isUnsupported !== true,
  },
  {
    what: 'a body that is not JSON',
    isByRoute: true,
    statuses: [400, 404, 405, 501],
    request: (target) => ({ ...target, body: '{' }),
    isApplicable: hasBody,
  },
  {
    what: 'a body that is too large',
    statuses: [413, 404, 405, 501],
    request: (target) => ({ ...target, body: JSON.stringify({ prompt: 'x'.repeat(4096) }) }),
    // A form has a limit of its own.
    isApplicable: (target) => isRead(target) && target.body === undefined,
  },
  {
    what: 'another method',
    isByRoute: true,
    statuses: [404, 405, 501],
    request: ({ body: _body, ...target }) => ({ ...target, method: 'PUT' }),
  },
  {
    what: 'a path that does not exist',
    statuses: [404, 501],
    request: ({ path, ...target }) => ({ ...target, path: `${path.replace(/\/$/, '')}/nothing/at/all` }),
    isApplicable: ({ path }) => !path.endsWith('/x'),
  },
]
/** One or two of each surface, and parts of the page. */
const someTargets = targets.filter(({ method, path }) =>
  /^GET \/(v1\/health|v1\/models|livez)?$|^(POST|DELETE) \/v1\/(chat|chat\/stream|chat\/completions|responses|messages|sessions\/[^/]+)$|^POST \/mcp$/.test(
    `${method} ${path}`,
  ),
)

async function assertAllProtected(among: Target[], { statuses, request, isPage }: Kind): Promise<void> {
  for (const target of among) {
    const answer = await send(server, request(target))
    const outcome = `${target.method} ${target.path} is ${answer.status}`
    assert.ok(statuses.includes(answer.status), `${outcome} ${answer.body}`)
    assertProtected(answer.headers, outcome, isPage)
  }
}

for (const kind of kinds) {
  const { what, isByRoute = false, isApplicable = () => true } = kind
  const register = isByRoute ? test : extendedTest

  register(`P11 the answer to ${what} is protected on every route`, { timeout: 120_000 }, async () => {
    const applicable = targets.filter(isApplicable)
    assert.ok(applicable.length > 10)
    await assertAllProtected(applicable, kind)
  })

  if (isByRoute) continue
  test(`P11 the answer to ${what} is protected on every surface`, { timeout: 120_000 }, async () => {
    const applicable = someTargets.filter(isApplicable)
    assert.ok(applicable.length >= 5)
    await assertAllProtected(applicable, kind)
  })
}

test('P11 answers that are streams are protected', async () => {
  const chat = await send(server, { method: 'POST', path: '/v1/chat/stream', body: '{"prompt":"hi"}' })
  const runId = String(chat.headers['x-run-id'])
  const again = await send(server, { path: `/v1/runs/${runId}/events` })
  for (const { status, headers, body } of [chat, again]) {
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^text\/event-stream/)
    assert.match(body, /"type":"done"/)
    assertProtected(headers, 'a stream')
  }
})

test('P11 the preflight of a page of an allowed origin is protected', async () => {
  const headers = { origin: page, 'access-control-request-method': 'POST' }
  const { status, headers: answered } = await send(server, { method: 'OPTIONS', path: '/v1/chat', headers })
  assert.equal(status, 204)
  assertProtected(answered, 'a preflight', true)
})

/** Sends the bytes unchanged and reads until the server closes the connection. */
async function exchange(port: number, request: string): Promise<Pick<Answer, 'status' | 'headers'>> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(request, 'latin1')
  const [head = ''] = (await text(socket)).split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]), headers: Object.fromEntries(headers) }
}

const fillers = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: a\r\n`).join('')
const get = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
const post = 'POST /v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n'

const unusual: [what: string, request: string, ...statuses: number[]][] = [
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['an unknown method', get.replace('GET', 'FOO').concat('\r\n'), 400],
  ['no host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['no host and HTTP/1.0', 'GET /livez HTTP/1.0\r\n\r\n', 400],
  ['two hosts', `${get}Host: localhost\r\n\r\n`, 400],
  ['a header of 17 KiB', `${get}X-A: ${'a'.repeat(17 * 1024)}\r\n\r\n`, 431],
  ['101 headers', `${get}${fillers(99)}\r\n`, 431],
  ['a path that cannot be decoded', get.replace('/livez', '/%zz').concat('\r\n'), 400],
  ['a whole address as its path', get.replace('/livez', 'http://localhost/livez').concat('\r\n'), 400],
  ['an unknown expectation', `${get}Expect: the-unexpected\r\n\r\n`, 417, 200],
  ['a length and chunks', `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a bad chunk', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`, 400],
  ['a body that is too large by its length', `${post}Content-Length: 100000\r\n\r\n`, 413],
  [
    'a body that is too large, announced with an expectation',
    `${post}Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n`,
    413,
  ],
  ['an upgrade', `${get.replace('Connection: close', 'Connection: close, Upgrade')}Upgrade: websocket\r\n\r\n`, 200],
]
for (const [what, request, ...statuses] of unusual) {
  test(`P11 the answer to a request with ${what} is protected`, async () => {
    const answer = await exchange(server.port, request)
    assert.ok(statuses.includes(answer.status), String(answer.status))
    assertProtected(answer.headers, what)
  })
}

test('P11 the answer to a request that never ends is protected', { timeout: 30_000 }, async (t) => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400, checkIntervalMs: 50 }
  const { port } = await listenApp(t, { limits })
  for (const request of ['GET /livez HT', `${post}Content-Length: 10\r\n\r\n{`]) {
    const answer = await exchange(port, request)
    assert.equal(answer.status, 408)
    assertProtected(answer.headers, JSON.stringify(request))
  }
})

test('P11 answers during shutdown are protected', { timeout: 30_000 }, async (t) => {
  const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
  const { port, runs } = await listenApp(t, { agent })
  const first = send({ port }, { method: 'POST', path: '/v1/chat', body: '{"prompt":"hi"}' })
  await agent.requested(1)
  const closing = runs.close(60_000)
  const refused = await send({ port }, { method: 'POST', path: '/v1/chat', body: '{"prompt":"hi"}' })
  assert.equal(refused.status, 503)
  assertProtected(refused.headers, 'refused')
  await runs.cancel(agent.requests[0]?.runId ?? '')
  assertProtected((await first).headers, 'ended')
  await closing
})
