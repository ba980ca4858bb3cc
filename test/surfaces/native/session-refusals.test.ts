// The session routes over HTTP: what they refuse, mostly before a file is touched, and what they do not reveal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/errors.ts'
import { SessionList } from '../../../src/surfaces/native/session-reply-schemas.ts'
import {
  type Answer,
  errorSummary,
  idOf,
  info,
  noCalls,
  one,
  parse,
  requestsOf,
  setUp,
  three,
  two,
} from '../../helpers/session-app.ts'
import { makeFolders } from '../../helpers/test-server.ts'

for (const [query, expected] of [
  ['?limit=0', '400 invalid_request limit'],
  ['?limit=201', '400 invalid_request limit'],
  ['?limit=-1', '400 invalid_request limit'],
  ['?limit=1000000000', '400 invalid_request limit'],
  ['?limit=1e2', '400 invalid_request limit'],
  ['?limit=5&limit=6', '400 invalid_request limit'],
  ['?cursor=forged', '400 invalid_request cursor'],
  ['?cwd=work', '400 invalid_request cwd'],
  ['?cwd=/a%00b', '400 invalid_request cwd'],
  ['?cwdd=/work', '400 invalid_request cwdd'],
  [`?q=${'x'.repeat(501)}`, '400 invalid_request q'],
] as const) {
  test(`a list with ${query.slice(0, 20)} is refused, and the error names the parameter`, async (t) => {
    const { send } = await setUp(t)
    assert.equal(errorSummary(await send('GET', query)), expected)
  })
}

for (const id of [
  'My%20title',
  '..%2F..%2Fetc%2Fpasswd',
  '..',
  one.slice(1),
  `${one}x`,
  one.replaceAll('-', ''),
  '%00',
]) {
  test(`${id} is not a session id, and no file is touched`, async (t) => {
    const { send, files } = await setUp(t)
    for (const [method, path, body] of requestsOf(id)) {
      const error = errorSummary(await send(method, path, body))
      // The client resolves a path of dots before it is sent.
      assert.ok(error === '400 invalid_request id' || (id === '..' && error.startsWith('404')), `${method}: ${error}`)
    }
    assert.deepEqual(files.calls, noCalls)
  })
}

test('an unknown session is a 404 for every request', async (t) => {
  const { send } = await setUp(t)
  for (const [method, path, body] of requestsOf(three))
    assert.equal(errorSummary(await send(method, path, body)), '404 session_not_found')
})

test('sessions outside the roots are not listed and look as if they did not exist', async (t) => {
  const { root, cwd } = makeFolders(t)
  const sessions = [info(one, { cwd: root }), info(two, { cwd }), info(three, { cwd: null })]
  const { send, files } = await setUp(t, { sessions, options: { cwdRoots: () => [cwd] } })
  const list = parse(SessionList, await send('GET', ''))
  assert.deepEqual(
    list.sessions.map(({ session_id }) => session_id),
    [two],
  )
  const withoutRequestId = ({ body, status }: Answer) => ({ status, ...JSON.parse(body), request_id: '' })
  for (const id of [one, three]) {
    for (const [method, path, body] of requestsOf(id)) {
      const missing = withoutRequestId(await send(method, path.replace(id, idOf('d')), body))
      const text = JSON.stringify(missing).replaceAll(idOf('d'), id)
      assert.equal(JSON.stringify(withoutRequestId(await send(method, path, body))), text)
    }
  }
  assert.ok(files.calls.every((call) => /^(list|get)/.test(call)))
  assert.equal(errorSummary(await send('GET', `?cwd=${root}`)), '403 cwd_not_allowed cwd')
})

for (const [body, expected] of [
  [{ title: '' }, '400 invalid_request title'],
  [{ title: '   ' }, '400 invalid_request title'],
  [{ title: 'x'.repeat(201) }, '400 invalid_request title'],
  [{ title: 'a\nb' }, '400 invalid_request title'],
  [{ title: 'a\u001b[2J' }, '400 invalid_request title'],
  [{ title: 7 }, '400 invalid_request title'],
  [{ title: null }, '400 invalid_request title'],
  [{}, '400 invalid_request title'],
  [{ title: 'x', tag: 'y' }, '400 invalid_request tag'],
  [undefined, '400 invalid_request'],
  ['[]', '400 invalid_request'],
  ['{', '400 invalid_request'],
] as const) {
  test(`renaming with ${JSON.stringify(body)?.slice(0, 40) ?? 'no body'} is refused`, async (t) => {
    const { send, files } = await setUp(t)
    assert.equal(errorSummary(await send('PATCH', `/${one}`, body)), expected)
    assert.deepEqual(files.calls, noCalls)
  })
}

for (const [how, options] of [
  ['is used by a run', { holder: () => 'run_1' }],
  ['is held by a busy process', { release: async () => false }],
] as const) {
  test(`a session that ${how} cannot be deleted`, async (t) => {
    const { send, files } = await setUp(t, { options })
    assert.equal(errorSummary(await send('DELETE', `/${one}`)), '409 conflict')
    assert.ok(files.sessions.has(one))
  })
}

test('a timeout while reading the files is returned as an error', async (t) => {
  const { send, files } = await setUp(t)
  files.messages = async () => {
    throw new AppError('timeout', 'reading took longer than 10 s')
  }
  assert.equal(errorSummary(await send('GET', `/${one}/messages`)), '504 timeout')
})

test('titles and prompts do not appear in the log', async (t) => {
  const { send, logLines } = await setUp(t)
  for (const path of ['?q=secret', `/${one}`, `/${one}/messages`]) await send('GET', path)
  await send('PATCH', `/${one}`, { title: 'a secret title' })
  await send('PATCH', `/${one}`, { title: 'a secret\ntitle' })
  assert.ok(logLines.length >= 5)
  assert.doesNotMatch(JSON.stringify(logLines), /secret|title of/)
})
