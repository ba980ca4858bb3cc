// The web page in a real browser, before a real server with the real CLI and the demo's model: what its tests share. After each test
// the page must have had no fault, broken no policy, run nothing of what a model wrote, and asked nobody but its own server.
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { RunReply } from '../../src/surfaces/native/run-schemas.ts'
import { type BrowserOptions, noBrowser, openBrowser } from '../helpers/browser.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

/** No step of a test may take longer than this, in milliseconds. */
const patienceMs = 15_000

/** What browsers say of an answer that is an error, of a server that is gone and of a connection that breaks. */
export const refused = /Failed to load resource: the server responded with a status of/
export const unreachable = /Failed to load resource: net::ERR_|net::ERR_\w+/

export type Tab = {
  page: Page
  context: BrowserContext
  /** Where the server is. */
  url: string
  /** The message of Claude that came last. */
  answer: Locator
  prompt: Locator
  /** Writes a prompt and sends it. */
  ask(words: string): Promise<void>
  /** Waits until nothing goes on any more. */
  settled(): Promise<void>
  /** Another page of the same browser. It has a session storage of its own. */
  another(path?: string): Promise<Page>
  /** Such a fault was meant, and must have been there. */
  expectFault(words: RegExp): void
}

export type TabOptions = BrowserContextOptions & { path?: string }

class Watch {
  readonly #faults: string[] = []
  readonly #expected: RegExp[] = []

  async start(context: BrowserContext, url: string): Promise<void> {
    context.on('weberror', (error) => void this.#faults.push(`error: ${error.error().stack}`))
    context.on('console', (message) => {
      if (message.type() === 'error') this.#faults.push(`console: ${message.text()} (${message.location().url})`)
    })
    context.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) this.#faults.push(`elsewhere: ${request.url()}`)
    })
    await context.exposeBinding('tellViolation', (_, words: string) => void this.#faults.push(`policy: ${words}`))
    await context.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      tellViolation(violatedDirective + ' ' + blockedURI))`)
  }

  expect(words: RegExp): void {
    this.#expected.push(words)
  }

  async check(context: BrowserContext): Promise<void> {
    for (const page of context.pages()) {
      assert.equal(await page.evaluate(`'__hit' in globalThis`), false, 'what a model wrote was run')
    }
    for (const words of this.#expected)
      assert.ok(
        this.#faults.some((fault) => words.test(fault)),
        `none like ${words}`,
      )
    const faults = this.#faults.filter((fault) => !this.#expected.some((words) => words.test(fault)))
    assert.deepEqual(faults, [])
  }
}

export const promptOf = (page: Page) => page.getByRole('textbox', { name: 'Your prompt' })
export const button = (place: Page | Locator, name: string) => place.getByRole('button', { name, exact: true })
export const messagesOf = (page: Page, who: 'You' | 'Claude') =>
  page.getByRole('article').filter({ has: page.getByRole('heading', { name: who, exact: true, level: 2 }) })
export const answerOf = (page: Page) => messagesOf(page, 'Claude').last()

/** Until the expression is true in the page. (The page's policy forbids what Playwright's own way of waiting does.) */
export async function until(page: Page, expression: string): Promise<void> {
  const looked = page.evaluate(`new Promise((resolve) => {
    const look = () => { if (${expression}) resolve(); else requestAnimationFrame(look) }
    look()
  })`)
  await inTime(looked, `never true: ${expression}`)
}

async function inTime<T>(awaited: Promise<T>, fault: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(fault)), patienceMs)
  })
  return Promise.race([awaited, late]).finally(() => clearTimeout(timer))
}

/** As the browser draws it. */
export const styleOf = (place: Locator, name: string): Promise<string> =>
  place.evaluate(
    (element, wanted) => String(Reflect.get(globalThis, 'getComputedStyle')(element).getPropertyValue(wanted)),
    name,
  )

/** Presses a button that copies, and gives what is in the clipboard. That it was copied is said for a moment only, so it is awaited before. */
export async function copyBy(copier: Locator): Promise<string> {
  const element = await copier.elementHandle()
  assert.ok(element)
  const said = element.evaluate(
    (node) =>
      new Promise((resolve) => {
        const Observer = Reflect.get(globalThis, 'MutationObserver')
        new Observer(() => resolve(node.textContent)).observe(node, {
          childList: true,
          characterData: true,
          subtree: true,
        })
      }),
  )
  await element.click()
  assert.equal(await inTime(said, 'the button says nothing'), 'Copied')
  return copier.page().evaluate('navigator.clipboard.readText()')
}

export async function askOn(page: Page, words: string): Promise<void> {
  await promptOf(page).fill(words)
  await promptOf(page).press('Enter')
}

/** A run has begun and come to its end: its answer has a footer, or says how else it ended. */
export async function settledOn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Send', exact: true, disabled: false }).waitFor()
  await answerOf(page).locator('footer, [role="status"]').waitFor()
}

export async function openTab(
  browser: Browser,
  url: string,
  options: TabOptions,
): Promise<{ tab: Tab; check(): Promise<void>; close(): Promise<void> }> {
  const { path = '/', ...contextOptions } = options
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...contextOptions })
  context.setDefaultTimeout(patienceMs)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const watch = new Watch()
  await watch.start(context, url)
  const another = async (where = '/') => {
    const page = await context.newPage()
    await page.goto(`${url}${where}`)
    return page
  }
  const page = await another(path)
  const tab: Tab = {
    page,
    context,
    url,
    answer: answerOf(page),
    prompt: promptOf(page),
    ask: (words) => askOn(page, words),
    settled: () => settledOn(page),
    another,
    expectFault: (words) => watch.expect(words),
  }
  return { tab, check: () => watch.check(context), close: () => context.close() }
}

export type Body = (tab: Tab, t: TestContext) => Promise<void>

/** A test with a page, skipped where there is no browser. `urlOf` is asked when the test begins. */
export function pageTest(
  browser: Browser | null,
  urlOf: () => string,
  name: string,
  body: Body,
  options: TabOptions = {},
): void {
  if (browser === null) return void test(name, { skip: noBrowser }, () => {})
  test(name, { timeout: 90_000 }, async (t) => {
    const { tab, check, close } = await openTab(browser, urlOf(), options)
    try {
      await body(tab, t)
      await check()
    } finally {
      await close()
    }
  })
}

export type PageScene = {
  server: TestServer
  browser: Browser | null
  test(name: string, body: Body, options?: TabOptions): void
  /** Of the native API, as JSON. */
  api<T = Record<string, unknown>>(path: string, init?: RequestInit & { json?: unknown }): Promise<T>
  /** The run that was begun last. */
  newestRun(): Promise<RunReply>
}

/** To be called at the top of a file: one server and one browser serve all of its tests. */
export async function openPageScene(
  options: TestServerOptions = {},
  browserOptions: BrowserOptions = {},
): Promise<PageScene> {
  const browser = await openBrowser({ after }, browserOptions)
  const server = await startTestServer(
    { after: (end: () => Promise<void>) => after(end) },
    { ...options, config: { demo: true, warm: 1, ...options.config } },
  )
  const api = apiOf(() => server.url)
  return {
    server,
    browser,
    test: (name, body, given) => pageTest(browser, () => server.url, name, body, given),
    api,
    newestRun: async () => {
      const [run] = (await api<{ runs: RunReply[] }>('/v1/runs?limit=1')).runs
      assert.ok(run)
      return run
    },
  }
}

export const apiOf =
  (urlOf: () => string, key?: string) =>
  async <T>(path: string, { json, ...init }: RequestInit & { json?: unknown } = {}): Promise<T> => {
    const response = await fetch(`${urlOf()}${path}`, {
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
      ...init,
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
    })
    assert.ok(response.ok, `${path}: ${response.status}`)
    return (response.status === 204 ? null : await response.json()) as T
  }
