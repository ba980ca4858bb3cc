// The server's access checks, tested with raw sockets: foreign hosts and web pages. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { listenApp } from '../helpers/inject-app.ts'
import { assertProtected, exchange, type Head, parse, post, refusals, head as textOf } from './raw-client.ts'

const { port, agent } = await listenApp(
  { after },
  {
    prepare: (app) =>
      void app.route({
        method: 'DELETE',
        url: '/v1/things/:id',
        config: { scope: 'chat', mayBeEmpty: true },
        handler: async () => ({ deleted: true }),
      }),
  },
)
const allowing = await listenApp({ after }, { allowHosts: ['box.example'] })
const { blocked, refused } = refusals(port, [agent, allowing.agent])
/** A request with the Host header that a page of the server itself would send. */
const head = (options: Head) => textOf({ host: `localhost:${port}`, ...options })
const ask = async (request: string, to = port) => parse(await exchange(request, to))

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
    const answer = await blocked(head({ method: String(method), target: String(target), host: 'evil.example' }))
    assert.equal(answer.status, 403)
    assertProtected(answer)
  })
}

test('B02 a foreign host is refused before the body is read', async () => {
  const headers = ['Content-Type: application/json', 'Content-Length: 1000000']
  await refused(head({ method: 'POST', target: '/v1/chat', host: 'evil.example', headers }), 403, 'host_not_allowed')
})

test('B02 a path that cannot be decoded bypasses no check', async () => {
  await refused(head({ target: '/%zz', host: 'evil.example' }), 403, 'host_not_allowed')
})

test('a path that cannot be decoded is an ordinary 400', async () => {
  await refused(head({ target: '/v1/%zz' }), 400, 'invalid_request')
})

test('B02 an address as the target bypasses no check', async () => {
  const { status } = await blocked(head({ target: 'http://evil.example/livez' }))
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
  test(`B03 the host ${host} is accepted`, async () => {
    assert.equal((await ask(head({ host }))).status, 200)
    assert.equal((await ask(head(post({ host })))).status, 200)
  })
}

test('B03 a page of the same origin is accepted through a tunnel', async () => {
  const headers = ['Origin: http://localhost:9000', 'Sec-Fetch-Site: same-origin']
  assert.equal((await ask(head(post({ host: 'localhost:9000', headers })))).status, 200)
})

test('a host that was allowed by name is accepted, and no similar name', async () => {
  const to = allowing.port
  for (const host of ['box.example', 'BOX.example:80']) assert.equal((await ask(head({ host }), to)).status, 200)
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
    assert.equal((await blocked(request)).status, 400)
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

test('B06 two origins are refused, even if one or both are the server’s own', async () => {
  const own = `Origin: http://localhost:${port}`
  for (const headers of [
    [own, 'Origin: http://evil.example'],
    ['Origin: http://evil.example', own],
    [own, own],
  ])
    await refused(head(post({ headers })), 400, 'invalid_request')
})

for (const host of ['localhost', '127.0.0.1', '[::1]']) {
  test(`B07 an origin equal to the host ${host} is accepted`, async () => {
    const headers = [`Origin: http://${host}:${port}`]
    assert.equal((await ask(head(post({ host: `${host}:${port}`, headers })))).status, 200)
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

test('B08 sec-fetch-site none may open a page, but not send a body', async () => {
  const headers = ['Sec-Fetch-Site: none']
  assert.equal((await ask(head({ headers }))).status, 200)
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

test('B10 a referer of the server itself is accepted', async () => {
  assert.equal((await ask(head(post({ headers: [`Referer: http://localhost:${port}/page`] })))).status, 200)
})

for (const target of ['/v1/chat', '/v1/chat/stream', '/v1/health', '/nothing']) {
  test(`B11 a preflight of a foreign page for ${target} is 403 and allows nothing`, async () => {
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

const cancelling = `/v1/runs/run_${'0'.repeat(32)}/cancel`

test('B14 a POST without content type or body is 415, and says that even so it needs the header', async () => {
  for (const target of ['/v1/chat', cancelling]) {
    for (const headers of [[], ['Content-Length: 0']]) {
      const answer = await refused(head({ method: 'POST', target, headers }), 415, 'unsupported_media_type')
      assert.match(answer.body, /an empty request needs a content type too.*-H 'content-type: application\/json'/)
    }
  }
})

const deleting = '/v1/things/1'

test('B14 a DELETE without a body needs no content type: a page would have to ask first', async () => {
  for (const headers of [[], ['Content-Length: 0']]) {
    const answer = await ask(head({ method: 'DELETE', target: deleting, headers }))
    assert.deepEqual([answer.status, answer.body], [200, '{"deleted":true}'])
  }
})

test('B14 a DELETE with a body, or one that may follow, must declare it', async () => {
  for (const [headers, body] of [
    [['Content-Length: 2'], '{}'],
    [['Transfer-Encoding: chunked'], '0\r\n\r\n'],
    [['Content-Type: text/plain', 'Content-Length: 0'], ''],
    [['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 0'], ''],
  ] satisfies [string[], string][]) {
    await refused(head({ method: 'DELETE', target: deleting, headers, body }), 415, 'unsupported_media_type')
  }
})

test('B14 a DELETE that comes from a web page is refused, without a body too', async () => {
  for (const sent of [
    'Origin: http://evil.example',
    'Origin: null',
    'Origin: chrome-extension://abcdefghijklmnop',
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: same-site',
    'Sec-Fetch-Site: none',
    'Referer: http://evil.example/',
  ]) {
    await refused(head({ method: 'DELETE', target: deleting, headers: [sent] }), 403, 'origin_not_allowed')
  }
  await refused(head({ method: 'DELETE', target: deleting, host: 'evil.example' }), 403, 'host_not_allowed')
})
const keyHeaders = [
  'Authorization: Bearer csk_x',
  'Authorization: Bearer placeholder',
  'Authorization: Basic eDp5',
  'Authorization: x',
  'Authorization:',
  'X-Api-Key: sk-ant-x',
  'X-Api-Key: placeholder',
  'X-Api-Key:',
]
for (const header of keyHeaders) {
  for (const [how, headers] of [
    ['of no length', []],
    ['of the length 0', ['Content-Length: 0']],
  ] as const) {
    test(`B14 an empty request ${how} with ${header} needs no content type`, async () => {
      // It gets as far as the route, which has no such run.
      const request = head({ method: 'POST', target: cancelling, headers: [header, ...headers] })
      await refused(request, 404, 'run_not_found')
    })
  }

  test(`B14 a request with ${header} and a body, or one that may follow, is 415`, async () => {
    for (const [headers, body] of [
      [['Content-Length: 2'], '{}'],
      [['Content-Length: 1'], ' '],
      [['Transfer-Encoding: chunked'], '0\r\n\r\n'],
      [['Transfer-Encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n'],
    ] as const) {
      for (const target of [cancelling, '/v1/chat']) {
        const request = head({ method: 'POST', target, headers: [header, ...headers], body })
        await refused(request, 415, 'unsupported_media_type')
      }
    }
  })

  test(`B14 an empty request with ${header} and another content type is 415`, async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      const headers = [header, `Content-Type: ${type}`, 'Content-Length: 0']
      await refused(head({ method: 'POST', target: cancelling, headers }), 415, 'unsupported_media_type')
    }
  })

  test(`B14 an empty request with ${header} that comes from a web page is refused all the same`, async () => {
    const evil = 'http://evil.example'
    for (const sent of [
      `Origin: ${evil}`,
      'Origin: null',
      'Sec-Fetch-Site: cross-site',
      'Sec-Fetch-Site: same-site',
      'Sec-Fetch-Site: none',
      `Referer: ${evil}/`,
    ]) {
      const headers = [header, sent, 'Content-Length: 0']
      await refused(head({ method: 'POST', target: cancelling, headers }), 403, 'origin_not_allowed')
    }
    const foreign = head({ method: 'POST', target: cancelling, host: 'evil.example', headers: [header] })
    await refused(foreign, 403, 'host_not_allowed')
  })

  test(`B14 an empty request with ${header} starts no run`, async () => {
    for (const target of ['/v1/chat', '/v1/chat/stream']) {
      await refused(head({ method: 'POST', target, headers: [header, 'Content-Length: 0'] }), 400, 'invalid_request')
    }
  })
}

for (const header of ['Proxy-Authorization: Basic eDp5', 'Cookie: authorization=x', 'X-Api-Keys: x', 'Accept: */*']) {
  test(`B14 an empty request with only ${header} is 415`, async () => {
    for (const length of [[], ['Content-Length: 0']]) {
      const request = head({ method: 'POST', target: cancelling, headers: [header, ...length] })
      await refused(request, 415, 'unsupported_media_type')
    }
  })
}

test('B11 a preflight of a foreign page that asks to send a key is 403 and allows nothing', async () => {
  for (const method of ['POST', 'DELETE']) {
    const headers = [
      'Origin: http://evil.example',
      `Access-Control-Request-Method: ${method}`,
      'Access-Control-Request-Headers: authorization, x-api-key',
    ]
    await refused(head({ method: 'OPTIONS', target: cancelling, headers }), 403, 'origin_not_allowed')
  }
})

test('B14 two content types are refused', async () => {
  await refused(head(post({ headers: ['Content-Type: text/plain'] })), 400, 'invalid_request')
})

test('a good request is answered after all of this', async () => {
  const before = agent.requests.length
  const answer = await ask(head(post()))
  assert.equal(answer.status, 200)
  assertProtected(answer)
  assert.equal(agent.requests.length, before + 1)
})
