// The API documentation page: in a real browser, under the strict policy of our pages; and its files, of which nothing
// else is served. The browser tests need an installed Chromium.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { registerOpenapi } from '../../src/web/api-docs-routes.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { type Cleanup, noBrowser, openBrowser } from '../helpers/browser.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { listenApp } from '../helpers/inject-app.ts'
import { send } from '../security/posture-routes.ts'
import { operations } from './api-scene.ts'

const cleanup = { after }
const browser = await openBrowser(cleanup)
const { url, port, agent, inject } = await listenApp(cleanup, { prepare: (app) => registerOpenapi(app) })

/** Repeated here on purpose. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

const files: Record<string, string> = {
  '/docs': 'text/html; charset=utf-8',
  '/docs/docs.js': 'text/javascript; charset=utf-8',
  '/docs/docs.css': 'text/css; charset=utf-8',
  '/docs/icon.svg': 'image/svg+xml',
  '/docs/swagger-ui.js': 'text/javascript; charset=utf-8',
  '/docs/swagger-ui.css': 'text/css; charset=utf-8',
}

for (const [path, type] of Object.entries(files)) {
  test(`${path} is served with its type, and only once to clients that cache it`, async () => {
    const first = await send({ port }, { path })
    assert.equal(first.status, 200)
    assert.equal(first.headers['content-type'], type)
    assert.equal(first.headers['x-content-type-options'], 'nosniff')
    assert.equal(first.headers['x-frame-options'], 'DENY')
    assert.equal(first.headers['cross-origin-resource-policy'], 'same-origin')
    const own = first.headers['content-security-policy']
    assert.equal(own, path === '/docs' ? policy : "default-src 'none'; frame-ancestors 'none'")
    assert.ok(first.body.length > 100)
    const etag = String(first.headers.etag)
    assert.match(etag, /^"[\w-]{43}"$/)
    assert.equal(first.headers['cache-control'], 'no-cache')
    const again = await send({ port }, { path, headers: { 'if-none-match': etag } })
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, '', etag])
    assert.equal(again.headers['content-security-policy'], own)
    const other = await send({ port }, { path, headers: { 'if-none-match': '"another"' } })
    assert.deepEqual([other.status, other.body.length], [200, first.body.length])
    const head = await send({ port }, { method: 'HEAD', path })
    assert.deepEqual([head.status, head.body, head.headers.etag], [200, '', etag])
    assert.equal((await send({ port }, { method: 'POST', path })).status, 405)
    // Not compressed by the build.
    const compressed = await send({ port }, { path, headers: { 'accept-encoding': 'gzip, br' } })
    assert.deepEqual([compressed.status, compressed.headers['content-encoding']], [200, undefined])
    assert.deepEqual([compressed.headers.vary, compressed.headers.etag], ['accept-encoding', etag])
  })
}

for (const path of [
  '/docs/',
  '/docs/docs.html',
  '/docs/index.html',
  '/docs/swagger-ui-bundle.js',
  '/docs/docs.js/',
  '/docs/docs.js%00',
  '/docs/docs%2ejs.map',
  '/docs/../package.json',
  '/docs/%2e%2e/package.json',
  '/docs/..%2fpackage.json',
  '/docs/..%5cpackage.json',
  '/docs/....//package.json',
  '/docs/%c0%ae%c0%ae/package.json',
  '/docs/.env',
  '/web/docs.js',
  '/package.json',
  '/openapi.json/../package.json',
]) {
  test(`D17 ${path} does not exist`, async () => {
    const { status, headers } = await send({ port }, { path })
    assert.ok([400, 404].includes(status), String(status))
    assert.match(String(headers['content-type']), /^application\/json/)
  })
}

test('the page links to no other host, and contains no inline code or style', () => {
  const page = readFileSync(new URL('../../web/docs.html', import.meta.url), 'utf8')
  assert.doesNotMatch(page, /https?:|\/\/|<style|style=|\son\w+=|<script>/)
  for (const [, name] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
    assert.ok(name === 'openapi.json' || name === './' || `/${name}` in files, name)
  }
})

test('no code of the Swagger UI package runs in the server', async () => {
  assert.equal((await send({ port }, { path: '/docs/swagger-ui.js' })).status, 200)
  const { cache, resolve } = createRequire(import.meta.url)
  assert.equal(cache[resolve('@fastify/swagger-ui')], undefined)
  assert.ok(Object.keys(cache).every((path) => !path.includes('swagger-ui')))
})

test('if there are keys, the page is public and the document is not', async (t) => {
  const locked = await openLocked(t)
  for (const path of Object.keys(files)) {
    const { status, body } = await send(locked, { path })
    assert.equal(status, 200, path)
    assert.ok(!body.includes(locked.secret))
  }
  assert.equal((await send(locked, { path: '/openapi.json' })).status, 401)
  const headers = { authorization: `Bearer ${locked.secret}` }
  assert.equal((await send(locked, { path: '/openapi.json', headers })).status, 200)
})

test('the document names the address by which it was requested', async () => {
  const served = async (headers: Record<string, string>) =>
    (await inject({ url: '/openapi.json', headers })).json().servers as unknown
  assert.deepEqual(await served({ host: 'localhost:7' }), [{ url: 'http://localhost:7' }])
  assert.deepEqual(await served({ host: '127.0.0.1' }), [{ url: 'http://127.0.0.1' }])
  const forwarded = { host: 'localhost', 'x-forwarded-proto': 'https' }
  assert.deepEqual(await served(forwarded), [{ url: 'https://localhost' }])
  const strange = { host: 'localhost', 'x-forwarded-proto': 'javascript' }
  assert.deepEqual(await served(strange), [{ url: 'http://localhost' }])
})

/** The same server with one API key. */
async function openLocked(t: Cleanup) {
  const { secret, prefix, hash } = newSecret()
  const keys = openMemoryStore()
  await keys.createKey(keyRecord('key_own', { prefix, hash }))
  const callers = new Authenticator({ keys, isLoopback: true, now: Date.now })
  return { ...(await listenApp(t, { callers, prepare: (app) => registerOpenapi(app) })), secret }
}

/** Errors of a page, its own or violations of its policy, and its requests to other hosts. */
type Watched = { page: Page; errors: string[]; strangers: string[] }

async function watchedPage(browser: Browser, own = url): Promise<Watched> {
  const page = await browser.newPage()
  page.setDefaultTimeout(90_000)
  const errors: string[] = []
  const strangers: string[] = []
  page.on('pageerror', (error) => void errors.push(String(error)))
  page.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())))
  page.on('request', (request) => void (request.url().startsWith(`${own}/`) || strangers.push(request.url())))
  return { page, errors, strangers }
}

/** Together they show everything that is drawn: bodies, streams, parameters, answers without a body. */
const opened = [
  'native-chat',
  'native-followRun',
  'native-deleteSession',
  'openai-createChatCompletion',
  'server-getDocs',
]

const clickAll = (selector: string) => `for (const each of document.querySelectorAll('${selector}')) each.click()`

/** Each is forbidden, and the browser reports it with this text. */
const misdeeds: [RegExp, string][] = [
  [/inline style/, `document.body.append(Object.assign(document.createElement('style'), { textContent: 'a {}' }))`],
  [/TrustedScript/, `try { document.body.setAttribute('onclick', 'alert(1)') } catch {}`],
  [/connect-src/, `void fetch('http://127.0.0.1:9/').catch(() => {})`],
  [/img-src/, `new Image().src = 'http://127.0.0.1:9/x.png'`],
  [/TrustedHTML/, `try { document.createElement('div').innerHTML = '<b>x</b>' } catch {}`],
]

function playPage(browser: Browser): void {
  extendedTest(
    'the page shows every operation, follows its policy, and sends no requests to other hosts',
    {
      timeout: 240_000,
    },
    async (t) => {
      const { page, errors, strangers } = await watchedPage(browser)
      t.after(() => page.close())
      await page.goto(`${url}/docs`)
      await page.waitForSelector('.opblock')
      assert.equal(await page.title(), 'claude-serve API')
      const shown = operations.flatMap(({ tags }) => tags).length
      assert.equal(await page.locator('.opblock').count(), shown)
      for (const id of opened) {
        await page.evaluate(clickAll(`#operations-${id} .opblock-summary-control`))
        await page.locator(`#operations-${id} .responses-wrapper`).waitFor()
        await page.evaluate(clickAll(`#operations-${id} .tablinks[data-name=model]`))
      }
      await page.locator('.opblock .json-schema-2020-12').first().waitFor()
      await page.evaluate(clickAll('button.authorize'))
      await page.locator('.modal-ux .auth-container').nth(1).waitFor()
      const text = await page.locator('body').innerText()
      for (const { summary } of operations) assert.ok(text.includes(summary), summary)
      // Descriptions are formatted, although without HTML.
      assert.ok(await page.locator('.markdown code', { hasText: 'claude -p' }).count())
      assert.ok(await page.locator('.markdown li').count())
      assert.deepEqual([errors, strangers], [[], []])
    },
  )

  extendedTest('a request can be tried out with the body that the page shows', { timeout: 240_000 }, async (t) => {
    const { page, errors, strangers } = await watchedPage(browser)
    t.after(() => page.close())
    await page.goto(`${url}/docs#/native/chat`)
    const chat = page.locator('#operations-native-chat')
    await chat.locator('.try-out__btn').click()
    await chat.locator('.execute').click()
    const response = chat.locator('.live-responses-table')
    await response.waitFor()
    assert.match(await response.innerText(), /"result": "Hello there"/)
    assert.deepEqual(agent.requests.at(-1)?.prompt, [{ type: 'text', text: 'Say hello' }])
    assert.deepEqual([errors, strangers], [[], []])
  })

  test('a page of a server with keys', { timeout: 240_000 }, async (t) => {
    const locked = await openLocked(t)
    const { page, errors, strangers } = await watchedPage(browser, locked.url)
    t.after(() => page.close())

    await t.test('if there are keys, the page shows what to do, and uses the key of the page at /', async () => {
      await page.goto(`${locked.url}/docs`)
      const notice = page.locator('#needs-key')
      await notice.waitFor()
      assert.match(await notice.innerText(), /Open the server's page first/)
      await page.evaluate(`sessionStorage.setItem('claude-serve.key', ${JSON.stringify(locked.secret)})`)
      await page.goto(`${locked.url}/docs?again#/native/chat`)
      const chat = page.locator('#operations-native-chat')
      await chat.locator('.try-out__btn').click()
      assert.equal(await notice.isVisible(), false)
      await chat.locator('.execute').click()
      await chat.locator('.live-responses-table').waitFor()
      assert.match(await chat.locator('.live-responses-table').innerText(), /"result": "Hello there"/)
      // The key is not in the command that the page offers to copy either.
      assert.ok((await chat.locator('.curl').innerText()).includes('/v1/chat'))
      assert.ok(!(await page.content()).includes(locked.secret))
      assert.deepEqual(strangers, [])
    })

    await t.test('the page sends its key only to this server, and what its policy forbids is blocked', async () => {
      await page.evaluate(`sessionStorage.setItem('claude-serve.key', 'csk_canary')`)
      const headersFor = (request: object) => page.evaluate(`withKey(${JSON.stringify(request)}).headers`)
      assert.deepEqual(await headersFor({ url: '/v1/runs' }), { authorization: 'Bearer csk_canary' })
      assert.deepEqual(await headersFor({ url: `${locked.url}/v1/runs`, headers: { a: 'b' } }), {
        a: 'b',
        authorization: 'Bearer csk_canary',
      })
      const { port: ownPort } = new URL(locked.url)
      for (const other of [
        'https://evil.example/',
        '//evil.example/',
        `http://localhost:${ownPort}/`,
        'http://127.0.0.1:9/',
      ])
        assert.deepEqual(await headersFor({ url: other, headers: {} }), {}, other)
      for (const headers of [{ Authorization: 'Bearer x' }, { 'X-API-Key': 'x' }])
        assert.deepEqual(await headersFor({ url: '/v1/runs', headers }), headers)
      // What the policy forbids is blocked, and these tests detect it.
      for (const [words, script] of misdeeds) {
        const reported = page.waitForEvent('console', (message) => words.test(message.text()))
        await page.evaluate(script)
        await reported
        assert.ok(errors.some((text) => words.test(text)))
      }
    })
  })
}

if (browser === null) test('the page in a browser', { skip: noBrowser }, () => {})
else playPage(browser)
