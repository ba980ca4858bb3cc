// Every route of the real server, compared with a list in this file: a route that is added, removed or needs a lesser scope shows as a
// difference. And each of them against callers without a key, with a placeholder, and with a key of each scope. Each title begins with
// the number of its attack.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { newSecret } from '../../src/auth/keys.ts'
import { type Scope, scopes, unlimitedKey } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { makeFolders, startTestServer } from '../helpers/test-server.ts'
import { pathFor, type Route, send, startWithRoutes, surfaceHeaders } from './posture-routes.ts'

/**
 * Method, path, the scope it needs, the error format, and, for paths that two APIs share, the API that is meant. Each GET also has a
 * HEAD; ALL is every method.
 */
const list = `
GET  /                                        open   native
GET  /ui/chunk.js                             open   native
GET  /ui/highlight.js                         open   native
GET  /ui/icon.svg                             open   native
GET  /ui/page.css                             open   native
GET  /ui/page.js                              open   native
GET  /livez                                   open   native
GET  /readyz                                  any    native
GET  /v1/health                               any    native
GET  /v1/quota                                any    native
GET  /v1/whoami                               any    native
GET  /metrics                                 admin  native
POST /v1/login                                login  native
GET  /openapi.json                            any    native
GET  /docs                                    open   native
GET  /docs/docs.css                           open   native
GET  /docs/docs.js                            open   native
GET  /docs/icon.svg                           open   native
GET  /docs/swagger-ui.css                     open   native
GET  /docs/swagger-ui.js                      open   native
POST /v1/chat                                 agent  native
POST /v1/chat/stream                          agent  native
GET  /v1/runs                                 agent  native
GET  /v1/runs/:id                             agent  native
GET  /v1/runs/:id/events                      agent  native
POST /v1/runs/:id/cancel                      agent  native
POST /v1/runs/:id/permissions/:request_id     agent  native
POST /v1/runs/:id/answers/:request_id         agent  native
GET  /v1/usage                                agent  native
GET  /v1/sessions                             agent  native
GET  /v1/sessions/:id                         agent  native
GET  /v1/sessions/:id/messages                agent  native
PATCH /v1/sessions/:id                        agent  native
POST /v1/sessions/:id/fork                    agent  native
DELETE /v1/sessions/:id                       agent  native

POST /v1/chat/completions                     chat   openai
POST /v1/responses                            chat   openai
POST /v1/responses/compact                    chat   openai
POST /v1/responses/input_tokens               chat   openai
GET  /v1/responses/:id                        chat   openai
DELETE /v1/responses/:id                      chat   openai
POST /v1/responses/:id/cancel                 chat   openai
GET  /v1/responses/:id/input_items            chat   openai
POST /v1/conversations                        chat   openai
GET  /v1/conversations/:id                    chat   openai
POST /v1/conversations/:id                    chat   openai
DELETE /v1/conversations/:id                  chat   openai
POST /v1/conversations/:id/items              chat   openai
GET  /v1/conversations/:id/items              chat   openai
GET  /v1/conversations/:id/items/:item_id     chat   openai
DELETE /v1/conversations/:id/items/:item_id   chat   openai
POST /v1/files                                chat   openai     openai
GET  /v1/files                                chat   openai     openai
GET  /v1/files/:id                            chat   openai     openai
GET  /v1/files/:id/content                    chat   openai     openai
DELETE /v1/files/:id                          chat   openai     openai
POST /v1/batches                              chat   openai
GET  /v1/batches                              chat   openai
GET  /v1/batches/:id                          chat   openai
POST /v1/batches/:id/cancel                   chat   openai
GET  /v1/chat/completions                     chat   openai
GET  /v1/responses                            chat   openai
GET  /v1/responses/compact                    chat   openai
GET  /v1/responses/input_tokens               chat   openai
GET  /v1/models                               chat   openai     openai
GET  /v1/models/*                             chat   openai     openai
ALL  /v1/assistants                           chat   openai     openai
ALL  /v1/assistants/*                         chat   openai     openai
ALL  /v1/audio/*                              chat   openai     openai
ALL  /v1/completions                          chat   openai     openai
ALL  /v1/embeddings                           chat   openai     openai
ALL  /v1/fine_tuning/*                        chat   openai     openai
ALL  /v1/images/*                             chat   openai     openai
ALL  /v1/moderations                          chat   openai     openai
ALL  /v1/threads                              chat   openai     openai
ALL  /v1/threads/*                            chat   openai     openai
ALL  /v1/uploads                              chat   openai     openai
ALL  /v1/vector_stores                        chat   openai     openai
ALL  /v1/vector_stores/*                      chat   openai     openai

POST /mcp                                     chat   mcp
GET  /mcp                                     chat   mcp
DELETE /mcp                                   chat   mcp

POST /v1/messages                             chat   anthropic
POST /v1/messages/count_tokens                chat   anthropic
POST /v1/messages/batches                     chat   anthropic
GET  /v1/messages/batches                     chat   anthropic
GET  /v1/messages/batches/:id                 chat   anthropic
POST /v1/messages/batches/:id/cancel          chat   anthropic
GET  /v1/messages/batches/:id/results         chat   anthropic
DELETE /v1/messages/batches/:id               chat   anthropic
GET  /v1/messages                             chat   anthropic
GET  /v1/messages/count_tokens                chat   anthropic
ALL  /v1/complete                             chat   anthropic
GET  /v1/models                               chat   anthropic  anthropic
GET  /v1/models/*                             chat   anthropic  anthropic

POST /api/chat                                chat   ollama
POST /api/generate                            chat   ollama
POST /api/show                                chat   ollama
GET  /api/tags                                chat   ollama
GET  /api/ps                                  chat   ollama
GET  /api/version                             chat   ollama
GET  /api/chat                                chat   ollama
GET  /api/generate                            chat   ollama
GET  /api/show                                chat   ollama
ALL  /api/pull                                chat   ollama
ALL  /api/push                                chat   ollama
ALL  /api/create                              chat   ollama
ALL  /api/copy                                chat   ollama
ALL  /api/delete                              chat   ollama
ALL  /api/embed                               chat   ollama
ALL  /api/embeddings                          chat   ollama
ALL  /api/blobs/*                             chat   ollama
ALL  /v1/systemone                            chat   ollama
`

type ErrorFormat = 'native' | 'openai' | 'anthropic' | 'ollama' | 'mcp'
type Listed = {
  line: string
  method: string
  path: string
  scope: Scope | 'any' | 'login' | 'open'
  format: ErrorFormat
  surface: string
}

const listed = list
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line): Listed => {
    const [method = '', path = '', scope = '', format = '', surface = ''] = line.split(/\s+/)
    return { line: `${method} ${path}`, method, path, scope: scope as Scope, format: format as ErrorFormat, surface }
  })

/** Stands in for a test context, so that cleanup runs at the end of the file. */
const file = { after: (end: () => Promise<void>) => after(end) }

const folders = makeFolders(file)
const { server, routes } = await startWithRoutes(file, { folders, fake: 'well-behaved' })

const allMethods = routes
  .map(({ methods }) => methods)
  .reduce((most, each) => (each.length > most.length ? each : most), [])

/** Each route as one line of the list. */
const toLine = (method: string, { path, scope, surface }: Route) => [method, path, scope, surface].join(' ').trim()
const lineOf = (route: Route) =>
  toLine(route.methods.length === allMethods.length ? 'ALL' : route.methods.join('+'), route)

test('A17 the server’s routes and their scopes match the list', () => {
  const own = routes.filter(({ methods }) => methods.join() !== 'HEAD').map(lineOf)
  const known = listed.map(({ method, path, scope, surface }) => toLine(method, { methods: [], path, scope, surface }))
  assert.deepEqual(own.toSorted(), known.toSorted())
  assert.equal(new Set(own).size, own.length)
})

test('A17 a HEAD needs the same scope as its GET', () => {
  const of = (method: string) =>
    routes
      .filter(({ methods }) => methods.join() === method)
      .map((route) => toLine('', route))
      .toSorted()
  assert.deepEqual(of('HEAD'), of('GET'))
})

test('A17 a server with a route that does not declare its scope does not start and releases everything', async (t) => {
  const ownFolders = makeFolders(t)
  const add = (scope: Scope | null) => (app: Parameters<NonNullable<Parameters<typeof startWithRoutes>[2]>>[0]) =>
    void app.register(async (plugin) => {
      plugin.get('/v1/back-door', scope === null ? {} : { config: { scope } }, async () => 'open')
    })
  const options = { folders: ownFolders, fake: 'well-behaved' }
  await assert.rejects(startWithRoutes(t, options, add(null)), /the route \/v1\/back-door does not declare its scope/)
  const declared = await startWithRoutes(t, options, add('admin'))
  assert.ok(declared.routes.some(({ path, scope }) => path === '/v1/back-door' && scope === 'admin'))
  await declared.server.close(0)
  await (await startTestServer(t, options)).close(0)
})

/** Without a scope it creates the code of a one-time link. */
async function makeKey(scope: Scope | null): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const store = await openKeyStore(folders.dataDir)
  const names = { id: `key_${scope ?? 'code'}`, name: scope ?? 'code' }
  const granted = scope === null ? [] : [scope]
  await store.createKey({ ...names, prefix, hash, scopes: granted, createdAtMs: Date.now(), ...unlimitedKey })
  await store.close()
  return secret
}

const keys = new Map<Scope, string>()
for (const scope of scopes) keys.set(scope, await makeKey(scope))
const loginCode = await makeKey(null)

/** The error for an unknown key. */
const notValid = /the API key is not valid: it is incomplete, revoked or expired/

/** What each scope opens, repeated here on purpose. */
const opens: Record<Scope, readonly string[]> = {
  chat: ['open', 'any', 'chat'],
  agent: ['open', 'any', 'chat', 'agent'],
  admin: ['open', 'any', 'chat', 'agent', 'admin'],
}

/** The code or type of an error, in the format of its API; its text in Ollama's, which has nothing else. */
function codeIn(format: ErrorFormat, body: string): unknown {
  const reply = JSON.parse(body)
  if (format === 'native') {
    assert.equal(typeof reply.error, 'string')
    return reply.code
  }
  if (format === 'ollama') {
    assert.deepEqual(Object.keys(reply), ['error'])
    return /lacks the scope/.test(reply.error) ? 'lacks the scope' : 'another'
  }
  assert.equal(typeof reply.error.message, 'string')
  if (format === 'openai') return reply.error.code
  if (format === 'mcp') return reply.error.data.code
  assert.equal(reply.type, 'error')
  return reply.error.type
}

const noKey: Record<ErrorFormat, string> = {
  native: 'unauthorized',
  openai: 'invalid_api_key',
  anthropic: 'authentication_error',
  ollama: 'another',
  mcp: 'unauthorized',
}
const tooLittle: Record<ErrorFormat, string> = {
  native: 'insufficient_scope',
  openai: 'insufficient_scope',
  anthropic: 'permission_error',
  ollama: 'lacks the scope',
  mcp: 'insufficient_scope',
}

/** Of a route for every method, some: it has one handler and one scope for all of them. */
const someMethods = ['GET', 'POST', 'DELETE', 'PROPFIND'].filter((method) => allMethods.includes(method))

const methodsOf = ({ method }: Listed): string[] =>
  method === 'ALL' ? someMethods : method === 'GET' ? ['GET', 'HEAD'] : [method]

/** One answer for each method of the route, requested with these headers. */
async function askAll(route: Listed, headers: Record<string, string>) {
  const path = pathFor(route)
  const answers = methodsOf(route).map(async (method) => {
    const answer = await send(server, { method, path, headers: { ...surfaceHeaders(route), ...headers } })
    return { ...answer, method, hasBody: method !== 'HEAD' }
  })
  return Promise.all(answers)
}

for (const route of listed) {
  const name = `${route.line}${route.surface === '' ? '' : ` for ${route.surface}`}`

  test(`C01 ${name} ${route.scope === 'open' ? 'is open to everybody' : 'is 401 without a key'}`, async () => {
    for (const headers of [{}, { authorization: 'Bearer sk-dummy' }]) {
      for (const answer of await askAll(route, headers)) {
        assert.equal(answer.status, route.scope === 'open' ? 200 : 401, answer.method)
        if (route.scope === 'open') continue
        assert.equal(answer.headers['www-authenticate'], 'Bearer')
        if (answer.hasBody) assert.equal(codeIn(route.format, answer.body), noKey[route.format])
      }
    }
  })

  test(`C04 ${name} is open to the scopes that include ${route.scope}, and 403 to others`, async () => {
    for (const scope of scopes) {
      const answers = await askAll(route, { authorization: `Bearer ${keys.get(scope)}` })
      for (const answer of answers) {
        const what = `${answer.method} with ${scope}: ${answer.body}`
        if (opens[scope].includes(route.scope)) assert.ok(![401, 403].includes(answer.status), what)
        else {
          assert.equal(answer.status, 403, what)
          if (!answer.hasBody) continue
          assert.equal(codeIn(route.format, answer.body), tooLittle[route.format])
          assert.match(answer.body, new RegExp(`lacks the scope ${route.scope}`))
        }
      }
    }
  })
}

for (const route of listed.filter(({ scope }) => scope !== 'login')) {
  const name = `${route.line}${route.surface === '' ? '' : ` for ${route.surface}`}`

  test(`C16 the code of a one-time link is no key for ${name}`, async () => {
    // x-api-key would make some of these requests belong to another API.
    for (const [header, value] of Object.entries({ authorization: `Bearer ${loginCode}`, 'api-key': loginCode })) {
      for (const answer of await askAll(route, { [header]: value })) {
        assert.equal(answer.status, route.scope === 'open' ? 200 : 401, answer.method)
        if (route.scope === 'open' || !answer.hasBody) continue
        assert.equal(codeIn(route.format, answer.body), noKey[route.format])
        assert.match(answer.body, notValid)
      }
    }
  })
}

/** Base URLs of the two APIs are set in all of these ways, and some clients end paths in a slash. Repeated here on purpose. */
const spellings = (path: string) =>
  ['', '/v1', '/v1/v1', '//v1/'].flatMap((base) => [`${base}${path}`, `${base}${path}/`, `${base}${path}?beta=true`])

const spelled = listed.filter(({ path }) => /^\/v1\/(chat\/completions|messages|models|responses)/.test(path))

for (const route of spelled) {
  test(`C01 ${route.line} needs a key and a scope in all of its spellings`, async () => {
    const name = pathFor(route).replace('/v1', '')
    for (const path of spellings(name)) {
      for (const method of methodsOf(route)) {
        const ask = (headers: Record<string, string>) =>
          send(server, { method, path, headers: { ...surfaceHeaders(route), ...headers } })
        assert.equal((await ask({})).status, 401, `${method} ${path}`)
        const [wanted, answer] = await Promise.all([
          send(server, {
            method,
            path: `/v1${name}`,
            headers: { ...surfaceHeaders(route), authorization: `Bearer ${keys.get('chat')}` },
          }),
          ask({ authorization: `Bearer ${keys.get('chat')}` }),
        ])
        assert.equal(answer.status, wanted.status, `${method} ${path}`)
        assert.notEqual(answer.status, 403)
      }
    }
  })
}

test('C01 paths of other APIs have one spelling', async () => {
  for (const { method, path, ...route } of listed.filter((each) => each.format === 'native' && each.path !== '/')) {
    const real = pathFor({ path })
    const others = [`${real}/`, `/v1${real}`, ...(real.startsWith('/v1/') ? [real.slice('/v1'.length)] : [])]
    for (const other of others) {
      const headers = { ...surfaceHeaders(route), authorization: `Bearer ${keys.get('admin')}` }
      const { status } = await send(server, { method, path: other, headers })
      // A slash may be followed by a parameter, which is empty then.
      assert.ok(status === 404 || (status === 400 && other.endsWith('/')), `${method} ${other} answered ${status}`)
    }
  }
})

test('C01 none of this started a process', async () => {
  const health = await send(server, { path: '/v1/health', headers: { authorization: `Bearer ${keys.get('chat')}` } })
  const { processes } = JSON.parse(health.body) as { processes: { busy: number } }
  assert.equal(processes.busy, 0)
  const runs = await send(server, { path: '/v1/runs', headers: { authorization: `Bearer ${keys.get('admin')}` } })
  assert.deepEqual(JSON.parse(runs.body), { runs: [], next_cursor: null })
})

for (const path of [
  '/nothing',
  '/api/nothing',
  '/v1/nothing',
  '/v1/keys',
  '/admin',
  '/.env',
  '/v1/runs/../../etc/passwd',
]) {
  test(`C01 ${path} does not exist, with a key or without one`, async () => {
    for (const key of ['', keys.get('admin') ?? '']) {
      const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${key}` }
      assert.equal((await send(server, { path, headers })).status, 404)
    }
  })
}
