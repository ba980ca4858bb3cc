// What a browser does beyond the requests of a page's script: cookies, frames, addresses that a person types, history, and what it
// fetches in advance.
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { test, testIf } from '../helpers/extended.ts'
import { assertRefused, canary, newMark, openPage, type Scene, startTarget } from './browser-scene.ts'

const timeout = 30_000

export function cookies({ browser, home }: Scene): void {
  test('B19 cookies of another port are sent along and change nothing; the server sets none', {
    timeout,
  }, async (t) => {
    const target = await startTarget(t)
    const page = await openPage(t, browser, `http://localhost:${home.port}/`)
    await page.evaluate(`document.cookie = 'port=other'`)
    for (const fields of [{}, { method: 'POST', mode: 'no-cors', body: '{"prompt":"hi"}' }]) {
      const mark = newMark()
      const address = JSON.stringify(`http://localhost:${target.port}/v1/chat${mark}`)
      const init = JSON.stringify({ ...fields, credentials: 'include' })
      assert.equal(await page.evaluate(`fetch(${address}, ${init}).then(() => 'read', () => '')`), '')
      const arrival = await target.watch.first(mark)
      assert.equal(arrival.headers.cookie, 'port=other')
      assertRefused(arrival)
    }
    await page.goto(`http://localhost:${target.port}/page`)
    assert.deepEqual(
      (await page.context().cookies()).map(({ name }) => name),
      ['port'],
    )
    assert.equal(target.agent.requests.length, 0)
  })
}

/** Shows an address in a frame; returns the content of the frame. */
async function show(page: Page, url: string): Promise<string> {
  await page.evaluate(`new Promise((done) => {
    const frame = Object.assign(document.createElement('iframe'), { src: ${JSON.stringify(url)}, onload: done })
    document.body.append(frame)
  })`)
  return (await page.frames().at(-1)?.content()) ?? ''
}

export function frames({ browser, home }: Scene): void {
  const cases: [what: string, address: string, name: string, status: number][] = [
    ['a page of another site', `http://evil.example:${home.port}/`, '127.0.0.1', 403],
    ['a page of another port', `http://localhost:${home.port}/`, 'localhost', 403],
    ['a page that the browser does not identify', `http://evil.example:${home.port}/quiet`, 'box.example', 200],
  ]
  for (const [what, address, name, status] of cases) {
    testIf(name !== 'localhost')(
      `B22 a page of the server is not shown in a frame of ${what}`,
      { timeout },
      async (t) => {
        const target = await startTarget(t, { allowHosts: ['box.example'] })
        const page = await openPage(t, browser, address)
        const mark = newMark()
        assert.ok(!(await show(page, `http://${name}:${target.port}/bare${mark}`)).includes(canary))
        assert.equal((await target.watch.first(mark)).status, status)
      },
    )
  }

  test('B22 a page of the server is shown if a person opens it', { timeout }, async (t) => {
    const target = await startTarget(t)
    const page = await openPage(t, browser, `http://localhost:${target.port}/bare`)
    assert.ok((await page.content()).includes(canary))
  })
}

const typed: [address: string, status: number][] = [
  ['127.0.0.1', 200],
  ['localhost', 200],
  ['LOCALHOST', 200],
  ['127.1', 200],
  ['2130706433', 200],
  ['0x7f.1', 200],
  ['0.0.0.0', 403],
  ['0', 403],
  ['localhost.', 403],
  ['evil.localhost', 403],
  ['[::ffff:127.0.0.1]', 403],
  ['rebound.example', 403],
]

export function addresses({ browser }: Scene): void {
  test('B23 addresses that a person types', { timeout }, async (t) => {
    const { port } = await startTarget(t)
    const page = await openPage(t, browser, 'about:blank')
    for (const [name, status] of typed) {
      await t.test(`B23 http://${name} is ${status}`, async () => {
        const answer = await page.goto(`http://${name}:${port}/livez`)
        assert.ok(answer)
        assert.equal(answer.status(), status)
        if (status === 403) assert.equal((await answer.json()).code, 'host_not_allowed')
      })
    }
  })
}

export function history({ browser, home }: Scene): void {
  test('B08 a person whom a page leads to the server is refused: at first, on going back there, and on reload', {
    timeout,
  }, async (t) => {
    const { watch, port } = await startTarget(t)
    const page = await openPage(t, browser, `http://evil.example:${home.port}/`)
    const mark = newMark()
    const url = `http://127.0.0.1:${port}/v1/health${mark}`
    await Promise.all([page.waitForURL(url), page.evaluate(`void (location.href = ${JSON.stringify(url)})`)])
    await page.goBack()
    await page.goForward()
    await page.reload()
    const arrivals = await watch.until(mark, ({ length }) => length >= 3)
    assert.equal(arrivals.length, 3)
    for (const arrival of arrivals) assertRefused(arrival)
    assert.ok(!(await page.content()).includes(canary))
  })
}

/** What a page has its browser fetch in advance looks as if a person had opened it. */
export function speculation({ browser, home, publicHome }: Scene): void {
  const cases: [what: string, address: string, name: string][] = [
    ['a page of another site', `http://evil.example:${home.port}/`, '127.0.0.1'],
    ['a page of another port', `http://localhost:${home.port}/`, 'localhost'],
    ['a page that sends no referrer', `http://evil.example:${home.port}/quiet`, '127.0.0.1'],
    ['a page of the internet', `http://evil.example:${publicHome.port}/`, '127.0.0.1'],
  ]
  for (const kind of ['prefetch', 'prerender']) {
    for (const [what, address, name] of cases) {
      const isPromise = what === 'a page that sends no referrer' || (kind === 'prerender' && name === 'localhost')
      testIf(isPromise)(`B08 a ${kind} requested by ${what} is refused`, { timeout }, async (t) => {
        const { watch, port } = await startTarget(t)
        const page = await openPage(t, browser, address)
        const mark = newMark()
        const text = JSON.stringify({ [kind]: [{ urls: [`http://${name}:${port}/v1/health${mark}`] }] })
        const rules = JSON.stringify({ type: 'speculationrules', text })
        await page.evaluate(`void document.body.append(Object.assign(document.createElement('script'), ${rules}))`)
        assertRefused(await watch.first(mark))
      })
    }
  }
}

/** A browser keeps pages of the internet from reaching this machine, except by navigation. */
export function internet({ browser, publicHome }: Scene): void {
  test('B06 a navigation from a page of the internet to the server is refused', { timeout }, async (t) => {
    const { watch, port, agent } = await startTarget(t)
    const page = await openPage(t, browser, `http://evil.example:${publicHome.port}/`)
    const opened = newMark()
    await page.evaluate(`void open('http://127.0.0.1:${port}/v1/health${opened}')`)
    assertRefused(await watch.first(opened))
    const sent = newMark()
    await page.evaluate(`{
      const to = { action: 'http://127.0.0.1:${port}/v1/chat${sent}', method: 'post', enctype: 'text/plain', target: '_blank' }
      document.body.appendChild(Object.assign(document.createElement('form'), to)).submit()
    }`)
    assertRefused(await watch.first(sent))
    assert.equal(agent.requests.length, 0)
  })
}
