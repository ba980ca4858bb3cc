// What keys mean for a whole server with processes behind it: keys that are revoked in the middle of a stream, the folders and
// conversations that a key opens, and web pages that have one. Each title begins with the number of its attack. keys.test.ts tests the
// access checks alone.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newSecret } from '../../src/auth/keys.ts'
import { TranscriptWriter } from '../../src/claude/sessions/transcript.ts'
import { type Scope, unlimitedKey } from '../../src/core/key-record.ts'
import { type KeyAccess, openKeyStore } from '../../src/store/key-store.ts'
import { chat } from '../helpers/client.ts'
import {
  makeFolders,
  startTestServer,
  type TestFolders,
  type TestServer,
  type TestServerOptions,
} from '../helpers/test-server.ts'
import { send } from './posture-routes.ts'

const stalling = fileURLToPath(new URL('keys-stall.mjs', import.meta.url))

type Key = { id: string; secret: string }
type Scene = TestServer & {
  /** Creates a key, as the command does next to a running server. */
  makeKey(...scopes: Scope[]): Promise<Key>
  revoke(...keys: Key[]): Promise<void>
}

async function openServer(t: TestContext, options: TestServerOptions = {}): Promise<Scene> {
  const folders = options.folders ?? makeFolders(t)
  const server = await startTestServer(t, { folders, ...options })
  let count = 0
  const beside = async <T>(use: (keys: KeyAccess) => Promise<T>) => {
    const keys = await openKeyStore(folders.dataDir)
    return use(keys).finally(() => keys.close())
  }
  return Object.assign(server, {
    makeKey: async (...scopes: Scope[]) => {
      const { secret, prefix, hash } = newSecret()
      const id = `key_${++count}`
      await beside((keys) =>
        keys.createKey({ id, name: id, prefix, hash, scopes, createdAtMs: Date.now(), ...unlimitedKey }),
      )
      return { id, secret }
    },
    revoke: (...revoked: Key[]) =>
      beside(async (keys) => {
        for (const { id } of revoked) assert.ok(await keys.revokeKey(id, Date.now()))
      }),
  })
}

const bearer = ({ secret }: Key) => ({ authorization: `Bearer ${secret}` })

const post = (server: TestServer, key: Key | null, path: string, body: object) =>
  send(server, {
    method: 'POST',
    path,
    body: JSON.stringify(body),
    headers: key === null ? {} : bearer(key),
  })

const get = (server: TestServer, key: Key | null, path: string) =>
  send(server, { path, headers: key === null ? {} : bearer(key) })

type Stream = { started: Promise<void>; whole: Promise<string> }

/** Reads a stream to its end; `started` resolves when its first text has arrived. */
async function readStream(response: Response): Promise<Stream> {
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.clone().text())
  const { promise: started, resolve } = Promise.withResolvers<void>()
  const whole = (async () => {
    let text = ''
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part
      if (text.includes('Hello')) resolve()
    }
    return text
  })()
  return { started, whole }
}

const openStream = async (server: TestServer, key: Key, path: string, body: object) =>
  readStream(
    await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify(body),
    }),
  )

const follow = async (server: TestServer, key: Key, runId: string) =>
  readStream(await fetch(`${server.url}/v1/runs/${runId}/events`, { headers: bearer(key) }))

const timeout = 120_000

/** The data of the last frame. */
function lastFrame(text: string): Record<string, unknown> {
  const frame = text.trim().split('\n\n').at(-1) ?? ''
  return JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? '{}') as Record<string, unknown>
}

test('C14 a revoked key ends its streams on every API, its runs, and all streams of its background runs', {
  timeout,
}, async (t) => {
  const server = await openServer(t, { config: { claudeBin: stalling, maxProcesses: 5 } })
  const [native, openai, anthropic, owner, admin] = [
    await server.makeKey('agent'),
    await server.makeKey('chat'),
    await server.makeKey('chat'),
    await server.makeKey('agent'),
    await server.makeKey('admin'),
  ]
  const plain = { model: 'claude-fake-1', messages: [{ role: 'user', content: 'hi' }], stream: true }
  const streams = await Promise.all([
    openStream(server, native, '/v1/chat/stream', { prompt: 'hi', tools: [] }),
    openStream(server, openai, '/v1/chat/completions', plain),
    openStream(server, anthropic, '/v1/messages', { ...plain, max_tokens: 4000 }),
  ])
  const accepted = await post(server, owner, '/v1/chat', { prompt: 'hi', tools: [], background: true })
  assert.equal(accepted.status, 202)
  const { id } = JSON.parse(accepted.body)
  const followers = [await follow(server, owner, id), await follow(server, admin, id)]
  await Promise.all([...streams, ...followers].map(({ started }) => started))
  await server.revoke(native, openai, anthropic, owner)
  const [ofNative = '', ofOpenai = '', ofAnthropic = ''] = await Promise.all(streams.map(({ whole }) => whole))

  const { type, code, error } = lastFrame(ofNative)
  assert.deepEqual([type, code], ['error', 'unauthorized'])
  assert.match(String(error), /was revoked/)
  const openaiError = lastFrame(ofOpenai).error as Record<string, unknown>
  assert.equal(openaiError.code, 'invalid_api_key')
  assert.ok(!ofOpenai.includes('[DONE]'))
  assert.match(ofAnthropic, /\nevent: error\n[^\n]*authentication_error[^\n]*\n\n$/)
  assert.ok(!ofAnthropic.includes('message_stop'))
  for (const { whole } of followers) assert.equal(lastFrame(await whole).code, 'unauthorized')

  const { runs } = JSON.parse((await get(server, admin, '/v1/runs')).body)
  assert.equal(runs.length, 4)
  for (const run of runs) assert.deepEqual([run.status, run.error?.code], ['failed', 'unauthorized'])
  for (const key of [native, openai, anthropic, owner]) {
    assert.equal((await get(server, key, '/v1/models')).status, 401)
  }
})

test('C14 a revoked admin key cannot continue to read the run of another', { timeout }, async (t) => {
  const server = await openServer(t, { config: { claudeBin: stalling } })
  const [owner, other, admin] = [
    await server.makeKey('agent'),
    await server.makeKey('agent'),
    await server.makeKey('admin'),
  ]
  const accepted = await post(server, owner, '/v1/chat', { prompt: 'hi', tools: [], background: true })
  const { id } = JSON.parse(accepted.body)
  const read = await follow(server, admin, id)
  const others = await openStream(server, other, '/v1/chat/stream', { prompt: 'hi', tools: [] })
  await Promise.all([read.started, others.started])
  await server.revoke(admin, other)
  // When this one is over, the server has looked for revoked keys.
  assert.equal(lastFrame(await others.whole).code, 'unauthorized')
  const cancelled = await post(server, owner, `/v1/runs/${id}/cancel`, {})
  assert.equal(JSON.parse(cancelled.body).status, 'cancelled')
  assert.equal(lastFrame(await read.whole).code, 'unauthorized')
})

type Tree = { inside: string; outside: string }

/** Creates a folder inside the default one, one outside it, and links between them. */
function makeFolderTree(folders: ReturnType<typeof makeFolders>): Tree {
  const made = { inside: join(folders.cwd, 'inside'), outside: join(folders.root, 'outside') }
  for (const folder of Object.values(made)) mkdirSync(folder)
  mkdirSync(`${folders.cwd}-evil`)
  symlinkSync(made.outside, join(folders.cwd, 'link'))
  symlinkSync(made.inside, join(made.outside, 'back'))
  return made
}

test('C21 with keys and no --cwd-root, requests can name only the default folder and what is below it', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const { inside, outside } = makeFolderTree(folders)
  const server = await openServer(t, { folders, fake: 'well-behaved' })
  const keys = [await server.makeKey('agent'), await server.makeKey('admin')]
  const missing = join(folders.root, 'nowhere')
  const refused = [
    ...[outside, missing, folders.root, folders.home, folders.dataDir, '/', '/etc', `${folders.cwd}-evil`],
    ...[join(folders.cwd, 'link'), `${folders.cwd}/../outside`, `${folders.cwd}/inside/../../outside`],
  ]
  for (const key of keys) {
    for (const folder of key === keys[0] ? refused : [outside, missing, '/']) {
      for (const [field, named] of [
        ['cwd', { cwd: folder }],
        ['add_dirs[0]', { add_dirs: [folder] }],
        ['add_dirs[1]', { add_dirs: [inside, folder] }],
      ] as const) {
        const answer = await post(server, key, '/v1/chat', { prompt: 'hi', ...named })
        const reply = JSON.parse(answer.body)
        assert.deepEqual([answer.status, reply.code], [403, 'cwd_not_allowed'], `${folder} as ${field}`)
        // The same text, whether the folder exists or not.
        assert.equal(
          reply.error,
          `${field} is not within a folder that this server allows; start the server with --cwd-root to allow it`,
        )
      }
    }
    for (const folder of key === keys[0] ? [folders.cwd, inside, `${folders.cwd}/`, join(outside, 'back')] : [inside]) {
      assert.equal((await post(server, key, '/v1/chat', { prompt: 'hi', cwd: folder, add_dirs: [inside] })).status, 200)
    }
  }
  const { processes } = JSON.parse((await get(server, keys[0] ?? null, '/v1/health')).body)
  assert.ok(processes.live > 0)
})

/** A conversation as the CLI stores it. */
function writeConversation({ configDir }: TestFolders, cwd: string): string {
  const sessionId = randomUUID()
  const writer = new TranscriptWriter({ configDir, cwd, sessionId, version: '2.1.330' })
  const message = (role: 'user' | 'assistant', text: string) => ({ role, content: [{ type: 'text', text }] })
  writer.append([message('user', 'hi'), message('assistant', 'a secret answer')], null)
  return sessionId
}

test('C21 with keys and no --cwd-root, conversations of other folders do not exist', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const { inside, outside } = makeFolderTree(folders)
  const server = await openServer(t, { folders, fake: 'well-behaved' })
  const [mine, theirs] = [writeConversation(folders, inside), writeConversation(folders, outside)]
  assert.equal((await get(server, null, `/v1/sessions/${theirs}`)).status, 200)
  const [agent, admin] = [await server.makeKey('agent'), await server.makeKey('admin')]
  for (const key of [agent, admin]) {
    const { sessions } = JSON.parse((await get(server, key, '/v1/sessions')).body)
    assert.deepEqual(
      sessions.map(({ session_id: id }: { session_id: string }) => id),
      [mine],
    )
    assert.equal((await get(server, key, `/v1/sessions/${mine}`)).status, 200)
    assert.equal((await get(server, key, `/v1/sessions?cwd=${encodeURIComponent(outside)}`)).status, 403)
    const unknown = '99999999-2222-4333-8444-555555555555'
    for (const [method, ending, body] of [
      ['GET', '', ''],
      ['GET', '/messages', ''],
      ['PATCH', '', '{"title":"mine now"}'],
      ['POST', '/fork', '{}'],
      ['DELETE', '', ''],
    ] as const) {
      const answerTo = async (id: string) => {
        const headers = { ...bearer(key), 'content-type': 'application/json' }
        const { status, body: text } = await send(server, {
          method,
          path: `/v1/sessions/${id}${ending}`,
          headers,
          body,
        })
        return [status, text.replaceAll(id, 'ID').replace(/req_\w+/, '')]
      }
      const answer = await answerTo(theirs)
      assert.equal(answer[0], 404, `${method} ${ending}`)
      assert.match(String(answer[1]), /session_not_found/)
      assert.deepEqual(answer, await answerTo(unknown), `${method} ${ending} reveals that it exists`)
    }
    for (const more of [{}, { fork: true }, { cwd: folders.cwd }, { cwd: inside, fork: true }]) {
      const answer = await post(server, key, '/v1/chat', { prompt: 'go on', session_id: theirs, tools: [], ...more })
      assert.deepEqual([answer.status, JSON.parse(answer.body).code], [404, 'session_not_found'], JSON.stringify(more))
    }
    assert.equal(JSON.parse((await get(server, key, '/v1/health')).body).processes.live, 0)
  }
})

test('C22 runs from before the first key are visible to admin keys only', { timeout }, async (t) => {
  const server = await openServer(t, { fake: 'well-behaved' })
  const { run_id: id } = await chat(server, { prompt: 'hi' })
  const [agent, admin] = [await server.makeKey('agent'), await server.makeKey('admin')]
  for (const path of [`/v1/runs/${id}`, `/v1/runs/${id}/events`]) {
    assert.equal((await get(server, agent, path)).status, 404, path)
    assert.equal((await get(server, admin, path)).status, 200, path)
  }
  assert.equal((await post(server, agent, `/v1/runs/${id}/cancel`, {})).status, 404)
  assert.deepEqual(JSON.parse((await get(server, agent, '/v1/runs')).body).runs, [])
})

const page = 'https://app.example'
const fromPage = { origin: page, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }

const calls = [
  ['/v1/chat', { prompt: 'hi' }, /"code":"unauthorized"/],
  ['/v1/chat/stream', { prompt: 'hi' }, /"code":"unauthorized"/],
  ['/v1/chat/completions', { model: 'sonnet', messages: [] }, /"code":"invalid_api_key"/],
  ['/v1/messages', { model: 'sonnet', messages: [], max_tokens: 5 }, /"type":"authentication_error"/],
  ['/api/chat', { model: 'sonnet', messages: [] }, /^{"error":"[^"]*\bkey\b[^"]*"}$/],
] as const

test('C20 a page of an allowed origin needs a key and can read why it was refused', { timeout }, async (t) => {
  const server = await openServer(t, { fake: 'well-behaved', config: { corsOrigins: [page] } })
  const ask = (path: string, body: object, headers: Record<string, string>) =>
    send(server, { method: 'POST', path, body: JSON.stringify(body), headers: { ...fromPage, ...headers } })
  const assertReadable = ({ headers }: Awaited<ReturnType<typeof ask>>) => {
    assert.equal(headers['access-control-allow-origin'], page)
    assert.match(String(headers.vary), /\borigin\b/i)
    assert.equal(headers['access-control-allow-credentials'], undefined)
  }
  const assertRefused = async () => {
    for (const [path, body, pattern] of calls) {
      for (const headers of [{}, { authorization: 'Bearer sk-dummy' }, { 'x-api-key': newSecret().secret }]) {
        const refused = await ask(path, body, headers)
        assert.equal(refused.status, 401, path)
        assert.match(refused.body, pattern)
        assert.equal(refused.headers['www-authenticate'], 'Bearer')
        assertReadable(refused)
      }
    }
  }
  await assertRefused()
  const { secret } = await server.makeKey('agent')
  for (const path of ['/v1/chat', '/v1/chat/stream']) {
    const answer = await ask(path, { prompt: 'hi' }, { authorization: `Bearer ${secret}` })
    assert.equal(answer.status, 200, answer.body)
    assertReadable(answer)
    assert.match(answer.body, /Hello from the fake CLI/)
  }
  const preflight = { ...fromPage, 'access-control-request-method': 'POST' }
  const preflighted = await send(server, { method: 'OPTIONS', path: '/v1/chat', headers: preflight })
  assert.equal(preflighted.status, 204)
  const foreign = { ...fromPage, origin: `${page}.evil.example`, authorization: `Bearer ${secret}` }
  const refused = await send(server, { method: 'POST', path: '/v1/chat', headers: foreign, body: '{"prompt":"hi"}' })
  assert.equal(refused.status, 403)
  assert.equal(refused.headers['access-control-allow-origin'], undefined)
})
