// Accessibility of the web page: keyboard only, phones, dark mode and screen readers; and no layout shifts.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { newSecret } from '../../src/auth/keys.ts'
import { noPolicy } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { noBrowser } from '../helpers/browser.ts'
import { extendedTest } from '../helpers/extended.ts'
import { startTestServer, step, type TestServer } from '../helpers/test-server.ts'
import { answerOf, button, openTab, styleOf, type Tab, until } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const { cwd } = scene.server.folders

const write = (name: string) =>
  step({ tool: 'Write', input: { file_path: join(cwd, name), content: 'x' } }) + step({ text: 'Written.' })
const questions = [
  {
    question: 'Which color?',
    header: 'Color',
    multiSelect: false,
    options: [
      { label: 'Blue', description: 'Calm' },
      { label: 'Red', description: 'Bright' },
    ],
  },
]
const askQuestion = step({ tool: 'AskUserQuestion', input: { questions } }) + step({ text: 'I see.' })

/** Presses a key until this element has the focus; fails if it never does. */
async function focusWith(page: Page, locator: Locator, key = 'Tab'): Promise<void> {
  await locator.waitFor()
  for (let presses = 0; presses < 60; presses++) {
    if (await locator.evaluate((element) => element === element.ownerDocument.activeElement)) return
    await page.keyboard.press(key)
  }
  assert.fail(`the focus never reaches ${locator}`)
}

const isOnPrompt = `document.activeElement?.getAttribute('aria-label') === 'Your prompt'`

scene.test('prompts, permissions and views work with the keyboard alone', async ({ page, answer }) => {
  const { keyboard } = page
  await until(page, isOnPrompt)
  await keyboard.type('one line')
  await keyboard.press('Shift+Enter')
  await keyboard.type(`two lines ${step({ text: 'on and on', tokens: 9, gap: 3000 })}`)
  await focusWith(page, button(page, 'Send'))
  await keyboard.press('Space')
  await answer.getByText('o', { exact: true }).waitFor()
  await focusWith(page, button(page, 'Stop'))
  await keyboard.press('Enter')
  await answer.getByText('Stopped.').waitFor()
  await focusWith(page, page.getByRole('textbox', { name: 'Your prompt' }), 'Shift+Tab')
  await keyboard.insertText(write('by-keyboard.txt'))
  await keyboard.press('Enter')
  await focusWith(page, button(page, 'Allow'), 'Shift+Tab')
  await keyboard.press('Enter')
  await answer.getByText('Written.').waitFor()
  await button(answer, 'Try again').waitFor()
  assert.ok(existsSync(join(cwd, 'by-keyboard.txt')))
  await focusWith(page, page.getByRole('link', { name: 'Sessions', exact: true }), 'Shift+Tab')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
})

scene.extendedTest(
  'a question, each view and the link to the content work with the keyboard alone',
  async ({ page, answer }) => {
    const { keyboard } = page
    await until(page, isOnPrompt)
    await keyboard.insertText(askQuestion)
    await keyboard.press('Enter')
    const form = page.getByRole('form', { name: 'Question from Claude' })
    await focusWith(page, form.getByRole('textbox'), 'Shift+Tab')
    await keyboard.press('Shift+Tab')
    await keyboard.press('ArrowDown')
    await focusWith(page, button(form, 'Answer'))
    await keyboard.press('Enter')
    await answer.getByText('I see.').waitFor()
    for (const view of ['Sessions', 'Runs', 'Usage', 'Server', 'Chat']) {
      await focusWith(page, page.getByRole('link', { name: view, exact: true }), 'Shift+Tab')
      await keyboard.press('Enter')
      if (view !== 'Chat') await page.getByRole('heading', { name: view, level: 1 }).waitFor()
    }
    await until(page, isOnPrompt)
    await page.goto(scene.server.url)
    await page.reload()
    await until(page, isOnPrompt)
    await focusWith(page, button(page, 'Skip to content'), 'Shift+Tab')
    await keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'content')
  },
)

scene.extendedTest('focus and colors', async (tab, t) => {
  const { page } = tab

  await t.test('the focused element is visible', async () => {
    await page.getByRole('heading', { level: 2 }).waitFor()
    for (let index = 0; index < 12; index++) {
      await page.keyboard.press('Tab')
      const focused = page.locator(':focus')
      // After the last element, the focus leaves the page.
      if ((await focused.count()) === 0) continue
      assert.match(
        await styleOf(focused, 'outline-style'),
        /solid|auto/,
        await focused.evaluate((element) => element.outerHTML),
      )
    }
  })

  await t.test('the page follows dark mode', async () => {
    const colors = async () => [
      await styleOf(page.locator('html'), 'background-color'),
      await styleOf(page.locator('html'), 'color'),
    ]
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await colors()
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await colors()
    const brightness = (color = '') =>
      (color.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)
    assert.ok(brightness(light[0]) > 600 && brightness(light[1]) < 200, String(light))
    assert.ok(brightness(dark[0]) < 200 && brightness(dark[1]) > 600, String(dark))
  })

  await t.test('a double click on Send does not stop the run it starts', async () => {
    await tab.prompt.fill(step({ text: 'all of it', tokens: 3, gap: 300 }))
    await button(tab.page, 'Send').dblclick({ delay: 30 })
    await tab.answer.getByText('all of it').waitFor()
    await tab.settled()
  })

  await t.test('the focus does not move when an answer starts', async () => {
    const release = Promise.withResolvers<void>()
    await page.route('**/v1/runs/*/events*', async (route) => {
      await release.promise
      await route.continue()
    })
    await tab.send('Who has the focus?')
    await focusWith(page, button(page, 'Copy as curl'))
    release.resolve()
    await tab.settled()
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Copy as curl')
  })
})

/** Fills the views with wide and long content. */
async function addWideContent(tab: Tab): Promise<void> {
  const wide = `${'wide'.repeat(60)}\n\n| ${'column | '.repeat(20)}\n| ${'--- | '.repeat(20)}\n| ${'cell | '.repeat(20)}\n\n\`\`\`ts\n${'const x = 1; '.repeat(40)}\n\`\`\`\n\n\`${'y'.repeat(200)}\``
  await tab.send(`${'prompt'.repeat(60)} ${step({ text: wide })}`)
  await tab.settled()
}

const views = ['#/chat', '#/sessions', '#/runs', '#/usage', '#/server', '#/none'] as const

const assertNoOverflow = async (page: Page, where: string) => {
  const [contentWidth, screenWidth] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )
  assert.ok(contentWidth <= screenWidth, `${where}: ${contentWidth} pixels wide, screen ${screenWidth}`)
}

scene.extendedTest(
  'nothing is wider than the screen of a phone',
  async (tab) => {
    const { page } = tab
    await addWideContent(tab)
    await assertNoOverflow(page, 'an answer')
    await page.reload()
    await tab.answer.getByRole('table').waitFor()
    await assertNoOverflow(page, 'a session')
    await page.getByText('Options', { exact: true }).click()
    await assertNoOverflow(page, 'options')
    await page.goto(`${tab.url}/#/runs/${(await scene.newestRun()).id}`)
    await tab.answer.getByRole('table').waitFor()
    await assertNoOverflow(page, 'a run')
    for (const view of views) {
      await page.goto(`${tab.url}/${view}`)
      await page
        .getByRole('heading', { level: 1 })
        .or(page.getByText('There is nothing here.'))
        .first()
        .waitFor({ state: 'attached' })
      if (view !== '#/chat' && view !== '#/none') await page.locator('main').locator('li, tr, dl').first().waitFor()
      await assertNoOverflow(page, view)
    }
    await page.goto(`${tab.url}/#/chat`)
    await tab.send(write(`${'long-name'.repeat(20)}.txt`))
    await button(page, 'Allow').waitFor()
    await page.getByText('Edit the input or explain a denial').click()
    await assertNoOverflow(page, 'a permission')
    await button(page, 'Deny').click()
    await tab.settled()
    await tab.send(askQuestion)
    await button(page, 'Answer').waitFor()
    await assertNoOverflow(page, 'a question')
    await page.keyboard.press('Escape')
    await tab.settled()
  },
  { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true },
)

type Violation = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }

/** In dark mode, only the colors differ. */
const rules = {
  light: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  dark: ['color-contrast'],
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** No serious accessibility violations, in light and dark mode. */
async function assertAccessible(page: Page, where: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    if (!(await page.evaluate(`'axe' in globalThis`))) await page.evaluate(axe)
    const { violations } = await page.evaluate<{ violations: Violation[] }>(
      `axe.run(document, { resultTypes: ['violations'], runOnly: ${JSON.stringify(rules[colorScheme])} })`,
    )
    const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    const summaries = bad.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
    assert.deepEqual(summaries, [], `${where}, ${colorScheme}`)
  }
  await page.emulateMedia({ colorScheme: null })
}

scene.test(
  'no serious accessibility violations: the start page and an answer',
  async (tab) => {
    const { page } = tab
    await assertAccessible(page, 'the start page')
    await tab.send('Some markdown')
    await tab.settled()
    await tab.answer.locator('.hljs-keyword').first().waitFor()
    await assertAccessible(page, 'Markdown')
  },
  { isPlain: true },
)

scene.extendedTest('no serious accessibility violations: conversations', async (tab) => {
  const { page } = tab
  await page.getByText('Options', { exact: true }).click()
  await assertAccessible(page, 'options')
  await page.getByText('Options', { exact: true }).click()
  await tab.send(
    `markdown ${step({ text: 'still [a link](https://a.example) and `code` on', tokens: 8, gap: 600, thinking: 2 })}`,
  )
  await tab.answer.getByText('still').waitFor()
  await assertAccessible(page, 'a streaming answer')
  await tab.settled()
  await tab.send(step({ tool: 'Bash', input: { command: 'ls nowhere' } }) + step({ text: 'No.', thinking: 3 }))
  await tab.settled()
  for (const summary of await tab.answer.locator('summary').all()) await summary.click()
  await assertAccessible(page, 'a tool')
})

scene.extendedTest('no serious accessibility violations: approvals and errors', async (tab) => {
  const { page } = tab
  await tab.send(write('usable.txt'))
  await page.getByText('Edit the input or explain a denial').click()
  await assertAccessible(page, 'a permission')
  await button(page, 'Deny').click()
  await tab.settled()
  await tab.send(askQuestion)
  await button(page, 'Answer').waitFor()
  await assertAccessible(page, 'a question')
  await page.keyboard.press('Escape')
  await tab.settled()
  await assertAccessible(page, 'an unanswered question')
  await tab.send(step({ status: 400, message: 'no' }))
  await button(answerOf(page), 'Try again').waitFor()
  await page.route('**/v1/chat', (route) =>
    route.fulfill({ status: 503, json: { error: 'no', code: 'claude_not_logged_in' } }),
  )
  await tab.send('Not now')
  await page.getByRole('alert').waitFor()
  await assertAccessible(page, 'an error')
  tab.expectError(/status of 503/)
})

scene.extendedTest('no serious accessibility violations: views', async (tab) => {
  const { page } = tab
  await tab.send('To be listed')
  await tab.settled()
  for (const view of [...views.slice(1), `#/runs/${(await scene.newestRun()).id}`]) {
    await page.goto(`${tab.url}/${view}`)
    if (view !== '#/none') await page.locator('main').locator('li, tr, dl, footer').first().waitFor()
    await assertAccessible(page, view)
  }
  await page.goto(`${tab.url}/#/sessions`)
  const row = page.getByRole('listitem').first()
  await button(row, 'Rename').click()
  await assertAccessible(page, 'renaming')
  await button(row, 'Delete…').click()
  await assertAccessible(page, 'deleting')
  await page.getByRole('searchbox').fill('none of it')
  await page.getByText('No session has').waitFor()
  await assertAccessible(page, 'nothing found')
})

extendedTest('no serious accessibility violations: API key form', { timeout: 240_000 }, async (t) => {
  if (scene.browser === null) return t.skip(noBrowser)
  const { tab, check, close } = await openTab(scene.browser, (await startLocked(t)).url, {})
  t.after(close)
  const { page } = tab
  await page.getByLabel('API key').fill('wrong')
  await assertAccessible(page, 'the API key form')
  await page.getByLabel('API key').press('Enter')
  await page.getByRole('alert').waitFor()
  await assertAccessible(page, 'a wrong key')
  tab.expectError(/status of 401/)
  await check()
})

/** A server that requires a key. */
async function startLocked(t: TestContext): Promise<TestServer> {
  const locked = await startTestServer(t, { fake: 'well-behaved' })
  const store = await openKeyStore(locked.folders.dataDir)
  const { prefix, hash } = newSecret()
  const limits = {
    expiresAtMs: null,
    ratePerMinute: null,
    budgetUsd: null,
    policy: noPolicy,
    revokedAtMs: null,
    lastUsedAtMs: null,
  }
  const id = 'key_accessibility'
  await store.createKey({ id, name: id, prefix, hash, scopes: ['admin'], createdAtMs: Date.now(), ...limits })
  await store.close()
  return locked
}

/**
 * Records layout shifts, and the position of the line below the answer whenever the transcript has grown and the page has followed it: its
 * own observer comes first. The browser measures shifts before the page has scrolled to its end again.
 */
const watchLayoutShifts = `
  globalThis.shifts = []
  globalThis.positions = []
  new PerformanceObserver((list) => {
    for (const { hadRecentInput, value, sources } of list.getEntries()) {
      const elements = sources.map(({ node }) => node).filter((node) => node?.className !== 'busy')
      if (!hadRecentInput && elements.length > 0)
        shifts.push({ value, of: elements.map((node) => (node?.outerHTML ?? node?.textContent ?? '').slice(0, 80)) })
    }
  }).observe({ type: 'layout-shift' })
  new ResizeObserver(() => {
    const busy = document.querySelector('.busy')
    const answer = [...document.querySelectorAll('article')].at(-1)
    if (busy !== null && answer?.querySelector('li')) positions.push(busy.getBoundingClientRect().y)
  }).observe(document.querySelector('.transcript'))`

scene.extendedTest('the layout does not shift while an answer streams, nor when it is complete', async (tab) => {
  const { page } = tab
  const isAtEnd = 'innerHeight + scrollY >= document.documentElement.scrollHeight - 5'
  const lines = Array.from(
    { length: 30 },
    (_, index) => `Line ${index}\n\n- item\n\n\`\`\`ts\nconst x = ${index}\n\`\`\``,
  )
  await tab.send(step({ text: lines.join('\n\n'), tokens: 1 }))
  await tab.settled()
  await until(page, isAtEnd)
  await tab.send(step({ text: lines.join('\n\n'), tokens: 60, gap: 50, thinking: 3 }))
  // What a prompt moves when it is sent is the user's doing, but the browser only knows that for half a second.
  await tab.answer.getByText('Line 0', { exact: true }).waitFor()
  await page.evaluate(watchLayoutShifts)
  await tab.answer.getByText('Line 29').waitFor()
  await tab.settled()
  await tab.answer.locator('.hljs-keyword').last().waitFor()
  await until(page, isAtEnd)
  const shifts = await page.evaluate<{ value: number; of: string[] }[]>('shifts')
  const sum = shifts.reduce((all, { value }) => all + value, 0)
  assert.ok(sum < 0.1, `${sum}: ${JSON.stringify(shifts.filter(({ value }) => value > 0.01))}`)
  // Not the first ones: the prompt has only just been added there.
  const positions = (await page.evaluate<number[]>('positions')).slice(10)
  assert.ok(positions.length > 10)
  assert.ok(Math.max(...positions) - Math.min(...positions) < 3, String(positions))
})
