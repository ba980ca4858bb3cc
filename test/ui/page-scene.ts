// Shared by the tests of the web page: a real browser with a real server, the real CLI and the demo model. After each
// test, the page must have had no errors and no policy violations, must not have run anything a model wrote, and must
// not have contacted any other host.
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { type BrowserOptions, noBrowser, openBrowser } from '../helpers/browser.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

/** When a step of a test counts as hanging, in milliseconds: far more than a slow machine needs. */
const timeoutMs = 45_000

/** Console messages of the browser for an error response, for a server that is gone and for a broken connection. */
export const refused = /Failed to load resource: the server responded with a status of/
export const unreachable = /Failed to load resource: net::ERR_|net::ERR_\w+/

export type Tab = {
  page: Page
  context: BrowserContext
  /** The URL of the server. */
  url: string
  /** The last message from Claude. */
  answer: Locator
  prompt: Locator
  /** Types a prompt and sends it. */
  send(prompt: string): Promise<void>
  /** Waits until the run has ended. */
  settled(): Promise<void>
  /** Opens another tab in the same browser. It has its own session storage. */
  another(path?: string): Promise<Page>
  /** Requires an error that matches the pattern, and does not count it as a failure. */
  expectError(pattern: RegExp): void
}

export type TabOptions = BrowserContextOptions & {
  path?: string
  /** For conversations that need no tools: they share one process, while each of the others needs one of its own. */
  isPlain?: boolean
}

/** The option that is set, as the form stores it. Empty pages have no storage. */
const choosePlain = `try { sessionStorage.setItem('claude-serve.options', '{"tools":"none"}') } catch {}`

class ErrorCollector {
  readonly #errors: string[] = []
  readonly #expected: RegExp[] = []

  async start(context: BrowserContext, url: string): Promise<void> {
    context.on('weberror', (error) => void this.#errors.push(`error: ${error.error().stack}`))
    context.on('console', (message) => {
      if (message.type() === 'error') this.#errors.push(`console: ${message.text()} (${message.location().url})`)
    })
    context.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) this.#errors.push(`foreign request: ${request.url()}`)
    })
    await context.exposeBinding('reportViolation', (_, text: string) => void this.#errors.push(`policy: ${text}`))
    await context.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      reportViolation(violatedDirective + ' ' + blockedURI))`)
  }

  expect(pattern: RegExp): void {
    this.#expected.push(pattern)
  }

  async check(context: BrowserContext): Promise<void> {
    for (const page of context.pages()) {
      assert.equal(await page.evaluate(`'__hit' in globalThis`), false, 'something a model wrote was run')
    }
    for (const pattern of this.#expected)
      assert.ok(
        this.#errors.some((error) => pattern.test(error)),
        `no error matches ${pattern}`,
      )
    const unexpected = this.#errors.filter((error) => !this.#expected.some((pattern) => pattern.test(error)))
    assert.deepEqual(unexpected, [])
  }
}

export const promptOf = (page: Page) => page.getByRole('textbox', { name: 'Your prompt' })
export const button = (locator: Page | Locator, name: string) => locator.getByRole('button', { name, exact: true })
export const messagesOf = (page: Page, author: 'You' | 'Claude') =>
  page.getByRole('article').filter({ has: page.getByRole('heading', { name: author, exact: true, level: 2 }) })
export const answerOf = (page: Page) => messagesOf(page, 'Claude').last()

/** Waits until the expression is true in the page. (The page's policy forbids Playwright's own waitForFunction.) */
export async function until(page: Page, expression: string): Promise<void> {
  const isTrue = page.evaluate(`new Promise((resolve) => {
    const check = () => { if (${expression}) resolve(); else requestAnimationFrame(check) }
    check()
  })`)
  await withTimeout(isTrue, `never true: ${expression}`)
}

async function withTimeout<T>(awaited: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), timeoutMs)
  })
  return Promise.race([awaited, timeout]).finally(() => clearTimeout(timer))
}

/** A computed style. */
export const styleOf = (locator: Locator, name: string): Promise<string> =>
  locator.evaluate(
    (element, property) => String(Reflect.get(globalThis, 'getComputedStyle')(element).getPropertyValue(property)),
    name,
  )

/**
 * Clicks a copy button and returns the clipboard. The confirmation only shows for a moment, so it is observed before
 * the click.
 */
export async function copyWith(copyButton: Locator): Promise<string> {
  const element = await copyButton.elementHandle()
  assert.ok(element)
  const newLabel = element.evaluate(
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
  assert.equal(await withTimeout(newLabel, 'the label of the button does not change'), 'Copied')
  return copyButton.page().evaluate('navigator.clipboard.readText()')
}

export async function sendOn(page: Page, prompt: string): Promise<void> {
  await promptOf(page).fill(prompt)
  await promptOf(page).press('Enter')
}

/** Waits until a run has started and ended: its answer has a footer, or states how it ended. */
export async function settledOn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Send', exact: true, disabled: false }).waitFor()
  await answerOf(page).locator('footer, [role="status"]').waitFor()
}

export async function openTab(
  browser: Browser,
  url: string,
  options: TabOptions,
): Promise<{ tab: Tab; check(): Promise<void>; close(): Promise<void> }> {
  const { path = '/', isPlain = false, ...contextOptions } = options
  const context = await browser.newContext({
    viewport: { width: 1100, height: 800 },
    reducedMotion: 'reduce',
    ...contextOptions,
  })
  context.setDefaultTimeout(timeoutMs)
  if (isPlain) await context.addInitScript(choosePlain)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const errors = new ErrorCollector()
  await errors.start(context, url)
  const another = async (path = '/') => {
    const page = await context.newPage()
    await page.goto(`${url}${path}`)
    return page
  }
  const page = await another(path)
  const tab: Tab = {
    page,
    context,
    url,
    answer: answerOf(page),
    prompt: promptOf(page),
    send: (prompt) => sendOn(page, prompt),
    settled: () => settledOn(page),
    another,
    expectError: (pattern) => errors.expect(pattern),
  }
  return { tab, check: () => errors.check(context), close: () => context.close() }
}

export type Body = (tab: Tab, t: TestContext) => Promise<void>

/** A test with a page, skipped if there is no browser. `urlOf` is called when the test starts. */
export function pageTest(
  browser: Browser | null,
  urlOf: () => string,
  name: string,
  body: Body,
  options: TabOptions = {},
  register = test,
): void {
  if (browser === null) return void register(name, { skip: noBrowser }, () => {})
  register(name, { timeout: 240_000 }, async (t) => {
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
  /** For what the page does in rarer cases: runs in `npm run test:extended` only. */
  extendedTest(name: string, body: Body, options?: TabOptions): void
  /** Calls the native API, with JSON. */
  api<T = Record<string, unknown>>(path: string, init?: RequestInit & { json?: unknown }): Promise<T>
  /** The run that was started last. */
  newestRun(): Promise<RunReply>
}

/** Call it at the top of a file: all its tests share one server and one browser. */
export async function openPageScene(
  options: TestServerOptions = {},
  browserOptions: BrowserOptions = {},
): Promise<PageScene> {
  const browser = await openBrowser({ after }, browserOptions)
  const server = await startTestServer(
    { after: (end: () => Promise<void>) => after(end) },
    { ...options, config: { demo: true, ...options.config } },
  )
  const api = apiOf(() => server.url)
  return {
    server,
    browser,
    test: (name, body, tabOptions) => pageTest(browser, () => server.url, name, body, tabOptions),
    extendedTest: (name, body, tabOptions) => pageTest(browser, () => server.url, name, body, tabOptions, extendedTest),
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
