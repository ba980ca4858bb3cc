// Odd request targets and requests with noise in their bytes, on bare sockets: each is answered or refused, the connection is closed,
// no internal error occurs. fuzz-wire.test.ts sends the same ones each time, fuzz-wire.extended.ts sends others each time.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { registerUi } from '../../src/web/page-routes.ts'
import { listenApp } from '../helpers/inject-app.ts'
import { noises, withNoise } from './fuzz-bodies.ts'
import {
  type Answer,
  assertProtected,
  exchange,
  head,
  jsonRequest,
  parse,
  RawConnection,
  statusesOf,
  typed,
} from './raw-client.ts'
import { allSurfaces, surfaces } from './surfaces.ts'

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 120_000 }

const limits = { headersTimeoutMs: 2000, requestTimeoutMs: 2000, checkIntervalMs: 100, keepAliveMs: 100 }
const app = await listenApp({ after }, allSurfaces({ limits, bodyBytesMax: 100_000 }, registerUi))

/** How many run at a time. */
const batch = 20

async function inBatches<T>(values: readonly T[], act: (value: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < values.length; start += batch)
    await Promise.all(values.slice(start, start + batch).map(act))
}

function assertNoErrors(what: string): void {
  const failure = app.logLines.find(({ level, msg }) => Number(level) >= 50 || msg === 'unexpected error')
  assert.equal(failure, undefined, `${what} ${JSON.stringify(failure)}`)
  app.logLines.length = 0
}

const part = fc.oneof(
  fc.constantFrom(
    'v1',
    'chat',
    'stream',
    'completions',
    'messages',
    'count_tokens',
    'models',
    'runs',
    'sessions',
    'events',
  ),
  fc.constantFrom(
    'health',
    'livez',
    'readyz',
    'usage',
    'cancel',
    'permissions',
    'answers',
    'batches',
    'responses',
    'fork',
  ),
  fc.constantFrom(
    '..',
    '.',
    '',
    '*',
    '**',
    ':id',
    ':a(',
    ':a(\\d+',
    '(',
    ')',
    '[',
    '{',
    '%2e%2e',
    '%2f',
    '%5c',
    '%00',
    '%zz',
    '%',
    '%ff',
    '%c0%af',
  ),
  fc.constantFrom(
    '~',
    '$',
    "'",
    '"',
    '<script>',
    '|',
    '^',
    '`',
    ';a=b',
    '@',
    'sonnet',
    'agent',
    '-1',
    '0',
    '__proto__',
    'constructor',
  ),
  fc.constantFrom(`run_${'0'.repeat(32)}`, '00000000-0000-4000-8000-000000000000', 'x'.repeat(250), '\xe9', '\\', '+'),
)
const query = fc.constantFrom(
  '',
  '',
  '?',
  '?a=1',
  '?limit=-1',
  '?limit=1e9',
  '?limit=1&limit=2',
  '?cursor=%ff',
  '?after=x',
  '?__proto__[x]=1',
  '?%',
  '?a[b]=c&&==',
  '#x',
)
const target = fc
  .tuple(fc.constantFrom('/', '/v1/', '//', ''), fc.array(part, { maxLength: 6 }), query)
  .map(([start, parts, end]) => `${start}${parts.join('/')}${end}`)
const odd = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'),
  target,
  surface: fc.constantFrom('', 'anthropic-version: 2023-06-01', 'x-stainless-lang: js'),
  body: fc.constantFrom('', '{}', '{', 'null', '{"model":"sonnet"}'),
})

const surfacesOf = (body: unknown) => surfaces.filter(({ ErrorBody }) => ErrorBody.safeParse(body).success)

function checkAnswer(answer: Answer, what: string): void {
  assert.ok(answer.status < 500, `${what} ${answer.status} ${answer.body}`)
  assertProtected(answer)
  assert.match(answer.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{24}$/)
  if (answer.status < 400 || answer.body === '') return
  const body: unknown = JSON.parse(answer.body)
  const [surface] = surfacesOf(body)
  assert.ok(surface !== undefined && surface.messageOf(body) !== '', `${what} ${answer.body}`)
}

const good = [
  head({}),
  head({ target: '/v1/models', headers: ['anthropic-version: 2023-06-01', 'x-api-key: sk-dummy'] }),
  head({
    method: 'OPTIONS',
    target: '/v1/chat',
    headers: ['Origin: http://localhost', 'Access-Control-Request-Method: POST'],
  }),
  head({
    method: 'POST',
    target: '/v1/chat',
    headers: [typed, 'Transfer-Encoding: chunked'],
    body: 'f\r\n{"prompt":"hi"}\r\n0\r\n\r\n',
  }),
  ...surfaces.flatMap((surface) => [
    jsonRequest(surface.path, surface.body('hi'), ['X-Request-Id: abc', 'Idempotency-Key: k', 'Expect: 100-continue']),
    jsonRequest(surface.streamPath, surface.streamed('hi')),
  ]),
]
const noisy = fc.tuple(fc.constantFrom(...good), noises)

/** `seed` selects the requests; there are `numRuns` with odd targets, and as many with noise. */
export function testOddRequests({ seed, numRuns }: { seed: number; numRuns: number }): void {
  test(`D17 ${numRuns} odd targets are answered or refused (FUZZ_SEED=${seed})`, hang, async () => {
    const counts = new Map<number, number>()
    await inBatches(fc.sample(odd, { numRuns, seed }), async ({ method, target, surface, body }) => {
      const headers = [typed, `Content-Length: ${body.length}`, ...(surface === '' ? [] : [surface])]
      const raw = await exchange(head({ method, target, headers, body }), app.port)
      const answer = parse(raw)
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      checkAnswer(answer, `${method} ${target}`)
      assert.equal(statusesOf(raw).length, 1)
    })
    assertNoErrors('an odd target')
    for (const status of [200, 400, 404, 405]) assert.ok((counts.get(status) ?? 0) > 10, `${status} was rare`)
  })

  test(
    `D06 ${numRuns} requests with noise in their bytes are answered or refused (FUZZ_SEED=${seed})`,
    hang,
    async (t) => {
      await inBatches(fc.sample(noisy, { numRuns, seed }), async ([request, noise]) => {
        const bytes = withNoise(Buffer.from(request, 'latin1'), noise).toString('latin1')
        const connection = await RawConnection.open(t, app.port)
        connection.write(bytes)
        // Noise can make the server wait for more of a request, which never comes.
        connection.socket.end()
        await connection.over
        for (const status of statusesOf(connection.text)) assert.ok(status < 500, `${status} ${JSON.stringify(bytes)}`)
      })
      assertNoErrors('noise')
    },
  )

  test('a good request is answered after all of this', async () => {
    for (const surface of surfaces) {
      assert.equal(parse(await exchange(jsonRequest(surface.path, surface.body('hi')), app.port)).status, 200)
    }
  })
}
