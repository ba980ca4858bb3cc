// P11: the files of the web page: their content types and security headers, and that no other files are served.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { registerUi } from '../../src/web/page-routes.ts'
import { listenApp } from '../helpers/inject-app.ts'
import { send } from '../security/posture-routes.ts'

const trusted = 'https://app.example'
const { port, inject } = await listenApp({ after }, { corsOrigins: [trusted], prepare: (app) => registerUi(app) })
const folder = new URL('../../web/ui/', import.meta.url)

/** Duplicated on purpose. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

const types: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

const names = existsSync(folder) ? readdirSync(folder).filter((name) => (name.split('.').at(-1) ?? '') in types) : []
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const page = () => readFileSync(new URL('page.html', folder), 'utf8')

test('the page has been built with npm run build:ui', () => {
  assert.ok(existsSync(new URL('page.html', folder)))
  for (const name of ['page.js', 'page.css', 'icon.svg']) assert.ok(names.includes(name), name)
})

for (const path of ['/', ...names.map((name) => `/ui/${name}`)]) {
  test(`P11 ${path} is served with the right headers, and not again to clients that have it cached`, async () => {
    const first = await send({ port }, { path, headers: html })
    assert.equal(first.status, 200)
    assert.equal(first.headers['content-type'], types[path.split('.').at(-1) ?? ''] ?? 'text/html; charset=utf-8')
    assert.equal(first.headers['x-content-type-options'], 'nosniff')
    assert.equal(first.headers['x-frame-options'], 'DENY')
    assert.equal(first.headers['referrer-policy'], 'no-referrer')
    assert.equal(first.headers['cross-origin-resource-policy'], 'same-origin')
    assert.equal(first.headers['access-control-allow-origin'], undefined)
    const csp = first.headers['content-security-policy']
    assert.equal(csp, path === '/' ? policy : "default-src 'none'; frame-ancestors 'none'")
    assert.ok(first.body.length > 100)
    const etag = String(first.headers.etag)
    assert.match(etag, /^"[\w-]{43}"$/)
    assert.equal(first.headers['cache-control'], 'no-cache')
    assert.equal(first.headers.vary, path === '/' ? 'accept, accept-encoding' : 'accept-encoding')
    const again = await send({ port }, { path, headers: { ...html, 'if-none-match': etag } })
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, '', etag])
    assert.equal(again.headers['content-security-policy'], csp)
    assert.equal((await send({ port }, { method: 'POST', path })).status, 405)
  })
}

const plain = (body: Buffer) => body
const encodings: [accepted: string | undefined, encoding: string | undefined, decode: (body: Buffer) => Buffer][] = [
  [undefined, undefined, plain],
  ['identity', undefined, plain],
  ['deflate, zstd', undefined, plain],
  ['br;q=0, gzip;q=0', undefined, plain],
  ['gzip', 'gzip', gunzipSync],
  ['br;q=0, gzip', 'gzip', gunzipSync],
  ['br', 'br', brotliDecompressSync],
  ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
]
for (const name of ['page.html', ...names]) {
  test(`${name} is sent compressed to clients that accept it, and cached per encoding`, async () => {
    const file = readFileSync(new URL(name, folder))
    const url = name === 'page.html' ? '/' : `/ui/${name}`
    const sent = (headers: Record<string, string>) =>
      inject({ url, headers: { host: 'localhost', ...html, ...headers } })
    const etags = new Map<unknown, unknown>()
    for (const [accepted, encoding, decode] of encodings) {
      const headers = accepted === undefined ? {} : { 'accept-encoding': accepted }
      const answer = await sent(headers)
      assert.equal(answer.headers['content-encoding'], encoding, accepted)
      assert.ok(decode(answer.rawPayload).equals(file))
      assert.equal(answer.headers['content-length'], String(answer.rawPayload.length))
      assert.match(String(answer.headers.vary), /\baccept-encoding$/)
      const { etag } = answer.headers
      assert.equal(etags.get(encoding) ?? etag, etag)
      etags.set(encoding, etag)
      const again = await sent({ ...headers, 'if-none-match': String(etag) })
      assert.deepEqual([again.statusCode, again.body, again.headers.etag], [304, '', etag])
      assert.equal(again.headers.vary, answer.headers.vary)
    }
    assert.equal(new Set(etags.values()).size, 3)
    // Cached uncompressed, which is no answer to a client that wants it compressed.
    const other = await sent({ 'accept-encoding': 'br', 'if-none-match': String(etags.get(undefined)) })
    assert.deepEqual([other.statusCode, other.headers['content-encoding']], [200, 'br'])
  })
}

test('the scripts are compressed to less than half', async () => {
  for (const name of names.filter((each) => /^(page|highlight)\.js$/.test(each))) {
    const { rawPayload } = await inject({
      url: `/ui/${name}`,
      headers: { host: 'localhost', 'accept-encoding': 'gzip' },
    })
    assert.ok(rawPayload.length < readFileSync(new URL(name, folder)).length / 2, name)
  }
})

test('an answer to a page of an allowed origin depends on the origin too', async () => {
  const headers = { host: 'localhost', origin: trusted, 'sec-fetch-site': 'cross-site' }
  for (const [accept, vary] of [
    ['text/html', 'origin, accept, accept-encoding'],
    ['*/*', 'origin, accept'],
  ] as const) {
    assert.equal((await inject({ url: '/', headers: { ...headers, accept } })).headers.vary, vary)
  }
})

test('a client that does not accept HTML gets a plain text status', async () => {
  for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }, { accept: '' }]) {
    const { status, headers: responseHeaders, body } = await send({ port }, { path: '/', headers })
    assert.deepEqual(
      [status, responseHeaders['content-type'], body],
      [200, 'text/plain; charset=utf-8', 'claude-serve is running\n'],
    )
    assert.equal(responseHeaders['content-security-policy'], "default-src 'none'; frame-ancestors 'none'")
    assert.equal(responseHeaders.vary, 'accept')
  }
})

test('the page refers to no other host and has no inline scripts or styles', () => {
  assert.doesNotMatch(page(), /https?:|\/\/|<style|style=|\son\w+=|<script>/)
  for (const [, name] of page().matchAll(/(?:src|href)="([^"]+)"/g)) {
    assert.ok(names.includes(String(name).replace(/^\/ui\//, '')), name)
  }
})

test('the scripts never run text as code and never contact another host', () => {
  for (const name of names.filter((each) => each.endsWith('.js'))) {
    const code = readFileSync(new URL(name, folder), 'utf8')
    assert.doesNotMatch(code, /\beval\(|new Function\(|document\.write|insertAdjacentHTML|sourceMappingURL/, name)
    assert.doesNotMatch(code, /\bfetch\(["'`]https?:|import\(["'`]https?:|new WebSocket/, name)
  }
})

for (const path of [
  '/ui',
  '/ui/',
  '/ui/page.html',
  '/page.html',
  '/index.html',
  '/ui/main.tsx',
  '/ui/page.js/',
  '/ui/page.js.br',
  '/ui/page.js.gz',
  '/ui/page.js%00',
  '/ui/page%2ejs.map',
  '/ui/../package.json',
  '/ui/%2e%2e/package.json',
  '/ui/..%2fpackage.json',
  '/ui/..%5cpackage.json',
  '/ui/....//package.json',
  '/ui/%c0%ae%c0%ae/package.json',
  '/ui/.env',
  '/web/ui/page.js',
  '/ui/__proto__',
  '/ui/constructor',
]) {
  test(`D17 ${path} does not exist`, async () => {
    const { status, headers } = await send({ port }, { path, headers: html })
    assert.ok([400, 404].includes(status), String(status))
    assert.match(String(headers['content-type']), /^application\/json/)
  })
}
