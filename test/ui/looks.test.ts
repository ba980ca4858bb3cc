// The web page for everybody: by keyboard alone, on a phone, in the dark, with what reads a screen aloud; and without jumping.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { newSecret } from '../../src/core/keys.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { startTestServer, step } from '../helpers/test-server.ts'
import { answerOf, button, openPageScene, pageTest, styleOf, type Tab, until } from './page-scene.ts'

const scene = await openPageScene()
const { cwd } = scene.server.folders
const locked = await startTestServer({ after: (end: () => Promise<void>) => after(end) }, { fake: 'well-behaved' })
const store = await openKeyStore(locked.folders.dataDir)
const { prefix, hash } = newSecret()
const limits = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }
await store.createKey({
  id: 'key_looks',
  name: 'looks',
  prefix,
  hash,
  scopes: ['admin'],
  createdAtMs: Date.now(),
  ...limits,
})
await store.close()

const write = (name: string) =>
  step({ tool: 'Write', input: { file_path: join(cwd, name), content: 'x' } }) + step({ text: 'Written.' })
const questions = [
  {
    question: 'Which colour?',
    header: 'Colour',
    multiSelect: false,
    options: [
      { label: 'Blue', description: 'Calm' },
      { label: 'Red', description: 'Bright' },
    ],
  },
]
const asks = step({ tool: 'AskUserQuestion', input: { questions } }) + step({ text: 'I see.' })

/** Presses a key until this has the focus; fails where it never gets it. */
async function reach(page: Page, place: Locator, key = 'Tab'): Promise<void> {
  await place.waitFor()
  for (let pressed = 0; pressed < 60; pressed++) {
    if (await place.evaluate((element) => element === element.ownerDocument.activeElement)) return
    await page.keyboard.press(key)
  }
  assert.fail(`the focus never comes to ${place}`)
}

scene.test('everything can be done without a mouse', async ({ page, answer }) => {
  const { keyboard } = page
  const isOnPrompt = `document.activeElement?.getAttribute('aria-label') === 'Your prompt'`
  await until(page, isOnPrompt)
  await keyboard.type('one line')
  await keyboard.press('Shift+Enter')
  await keyboard.type(`two lines ${step({ text: 'on and on', tokens: 9, gap: 3000 })}`)
  await reach(page, button(page, 'Send'))
  await keyboard.press('Space')
  await answer.getByText('o', { exact: true }).waitFor()
  await reach(page, button(page, 'Stop'))
  await keyboard.press('Enter')
  await answer.getByText('Stopped.').waitFor()
  await reach(page, page.getByRole('textbox', { name: 'Your prompt' }), 'Shift+Tab')
  await keyboard.insertText(write('by-keyboard.txt'))
  await keyboard.press('Enter')
  await reach(page, button(page, 'Allow'), 'Shift+Tab')
  await keyboard.press('Enter')
  await answer.getByText('Written.').waitFor()
  await button(answer, 'Try again').waitFor()
  assert.ok(existsSync(join(cwd, 'by-keyboard.txt')))
  await reach(page, page.getByRole('textbox', { name: 'Your prompt' }))
  await keyboard.insertText(asks)
  await keyboard.press('Enter')
  const form = page.getByRole('form', { name: 'Claude asks' })
  await reach(page, form.getByRole('textbox'), 'Shift+Tab')
  await keyboard.press('Shift+Tab')
  await keyboard.press('ArrowDown')
  await reach(page, button(form, 'Answer'))
  await keyboard.press('Enter')
  await answer.getByText('I see.').waitFor()
  for (const view of ['Sessions', 'Runs', 'Usage', 'Server', 'Chat']) {
    await reach(page, page.getByRole('link', { name: view, exact: true }), 'Shift+Tab')
    await keyboard.press('Enter')
    if (view !== 'Chat') await page.getByRole('heading', { name: view, level: 1 }).waitFor()
  }
  await until(page, isOnPrompt)
  await page.goto(scene.server.url)
  await page.reload()
  await until(page, isOnPrompt)
  await reach(page, button(page, 'To the content'), 'Shift+Tab')
  await keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'content')
})

scene.test('what has the focus can be seen', async ({ page }) => {
  await page.getByRole('heading', { level: 2 }).waitFor()
  for (let at = 0; at < 12; at++) {
    await page.keyboard.press('Tab')
    const focused = page.locator(':focus')
    // After the last one the focus leaves the page.
    if ((await focused.count()) === 0) continue
    assert.match(
      await styleOf(focused, 'outline-style'),
      /solid|auto/,
      await focused.evaluate((element) => element.outerHTML),
    )
  }
})

scene.test('a run that has just begun is not stopped by the second click of two', async (tab) => {
  await tab.prompt.fill(step({ text: 'all of it', tokens: 3, gap: 300 }))
  await button(tab.page, 'Send').dblclick({ delay: 30 })
  await tab.answer.getByText('all of it').waitFor()
  await tab.settled()
})

scene.test('the focus stays where it is when an answer begins', async (tab) => {
  const { page } = tab
  const held = Promise.withResolvers<void>()
  await page.route('**/v1/runs/*/events*', async (route) => {
    await held.promise
    await route.continue()
  })
  await tab.ask('Who has the focus?')
  await reach(page, button(page, 'Copy as curl'))
  held.resolve()
  await tab.settled()
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Copy as curl')
})

/** Fills the views with what is wide and long. */
async function fill(tab: Tab): Promise<void> {
  const wide = `${'wide'.repeat(60)}\n\n| ${'column | '.repeat(20)}\n| ${'--- | '.repeat(20)}\n| ${'cell | '.repeat(20)}\n\n\`\`\`ts\n${'const x = 1; '.repeat(40)}\n\`\`\`\n\n\`${'y'.repeat(200)}\``
  await tab.ask(`${'prompt'.repeat(60)} ${step({ text: wide })}`)
  await tab.settled()
}

const views = ['#/chat', '#/sessions', '#/runs', '#/usage', '#/server', '#/none'] as const

const noScroll = async (page: Page, where: string) => {
  const [content, seen] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )
  assert.ok(content <= seen, `${where}: ${content} pixels wide in ${seen}`)
}

scene.test(
  'on a phone nothing is wider than the screen',
  async (tab) => {
    const { page } = tab
    await fill(tab)
    await noScroll(page, 'an answer')
    await page.reload()
    await tab.answer.getByRole('table').waitFor()
    await noScroll(page, 'a session')
    await page.getByText('Options', { exact: true }).click()
    await noScroll(page, 'options')
    await page.goto(`${tab.url}/#/runs/${(await scene.newestRun()).id}`)
    await tab.answer.getByRole('table').waitFor()
    await noScroll(page, 'a run')
    for (const view of views) {
      await page.goto(`${tab.url}/${view}`)
      await page
        .getByRole('heading', { level: 1 })
        .or(page.getByText('There is nothing here.'))
        .first()
        .waitFor({ state: 'attached' })
      if (view !== '#/chat' && view !== '#/none') await page.locator('main').locator('li, tr, dl').first().waitFor()
      await noScroll(page, view)
    }
    await page.goto(`${tab.url}/#/chat`)
    await tab.ask(write(`${'long-name'.repeat(20)}.txt`))
    await button(page, 'Allow').waitFor()
    await page.getByText('Change it, or say why not').click()
    await noScroll(page, 'a permission')
    await button(page, 'Deny').click()
    await tab.settled()
    await tab.ask(asks)
    await button(page, 'Answer').waitFor()
    await noScroll(page, 'a question')
    await page.keyboard.press('Escape')
    await tab.settled()
  },
  { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true },
)

scene.test('in the dark the page is dark', async ({ page }) => {
  const colours = async () => [
    await styleOf(page.locator('html'), 'background-color'),
    await styleOf(page.locator('html'), 'color'),
  ]
  await page.emulateMedia({ colorScheme: 'light' })
  const light = await colours()
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await colours()
  const brightness = (colour = '') =>
    (colour.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)
  assert.ok(brightness(light[0]) > 600 && brightness(light[1]) < 200, String(light))
  assert.ok(brightness(dark[0]) < 200 && brightness(dark[1]) > 600, String(dark))
})

type Violation = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }

/** In the dark nothing but the colours is another. */
const rules = {
  light: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  dark: ['color-contrast'],
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** No serious fault for those who see little, or nothing, or use no mouse: in light and dark. */
async function assertUsable(page: Page, where: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    if (!(await page.evaluate(`'axe' in globalThis`))) await page.evaluate(axe)
    const { violations } = await page.evaluate<{ violations: Violation[] }>(
      `axe.run(document, { resultTypes: ['violations'], runOnly: ${JSON.stringify(rules[colorScheme])} })`,
    )
    const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    const told = bad.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
    assert.deepEqual(told, [], `${where}, ${colorScheme}`)
  }
  await page.emulateMedia({ colorScheme: null })
}

scene.test('no serious fault for anybody: conversations', async (tab) => {
  const { page } = tab
  await assertUsable(page, 'the beginning')
  await page.getByText('Options', { exact: true }).click()
  await assertUsable(page, 'options')
  await page.getByText('Options', { exact: true }).click()
  await tab.ask(
    `markdown ${step({ text: 'still [a link](https://a.example) and `code` on', tokens: 8, gap: 600, thinking: 2 })}`,
  )
  await tab.answer.getByText('still').waitFor()
  await assertUsable(page, 'an answer that comes')
  await tab.settled()
  await tab.ask('Some markdown')
  await tab.settled()
  await tab.answer.locator('.hljs-keyword').first().waitFor()
  await assertUsable(page, 'Markdown')
  await tab.ask(step({ tool: 'Bash', input: { command: 'ls nowhere' } }) + step({ text: 'No.', thinking: 3 }))
  await tab.settled()
  for (const closed of await tab.answer.locator('summary').all()) await closed.click()
  await assertUsable(page, 'a tool')
})

scene.test('no serious fault for anybody: what is asked, and what goes wrong', async (tab) => {
  const { page } = tab
  await tab.ask(write('usable.txt'))
  await page.getByText('Change it, or say why not').click()
  await assertUsable(page, 'a permission')
  await button(page, 'Deny').click()
  await tab.settled()
  await tab.ask(asks)
  await button(page, 'Answer').waitFor()
  await assertUsable(page, 'a question')
  await page.keyboard.press('Escape')
  await tab.settled()
  await assertUsable(page, 'a question that is over')
  await tab.ask(step({ status: 400, message: 'no' }))
  await button(answerOf(page), 'Try again').waitFor()
  await page.route('**/v1/chat', (route) =>
    route.fulfill({ status: 503, json: { error: 'no', code: 'claude_not_logged_in' } }),
  )
  await tab.ask('Not now')
  await page.getByRole('alert').waitFor()
  await assertUsable(page, 'an error')
  tab.expectFault(/status of 503/)
})

scene.test('no serious fault for anybody: the views', async (tab) => {
  const { page } = tab
  await tab.ask('To be listed')
  await tab.settled()
  for (const view of [...views.slice(1), `#/runs/${(await scene.newestRun()).id}`]) {
    await page.goto(`${tab.url}/${view}`)
    if (view !== '#/none') await page.locator('main').locator('li, tr, dl, footer').first().waitFor()
    await assertUsable(page, view)
  }
  await page.goto(`${tab.url}/#/sessions`)
  const row = page.getByRole('listitem').first()
  await button(row, 'Rename').click()
  await assertUsable(page, 'renaming')
  await button(row, 'Delete …').click()
  await assertUsable(page, 'deleting')
  await page.getByRole('searchbox').fill('none of it')
  await page.getByText('No session has').waitFor()
  await assertUsable(page, 'nothing found')
})

pageTest(
  scene.browser,
  () => locked.url,
  'no serious fault for anybody: the form for a key',
  async ({ page, expectFault }) => {
    await page.getByLabel('API key').fill('wrong')
    await assertUsable(page, 'the form for a key')
    await page.getByLabel('API key').press('Enter')
    await page.getByRole('alert').waitFor()
    await assertUsable(page, 'a wrong key')
    expectFault(/status of 401/)
  },
)

/**
 * What jumps, and where the line below the answer was painted once there is an answer: the browser measures before the page has moved to
 * its end again.
 */
const watchJumps = `
  globalThis.jumps = []
  globalThis.painted = []
  new PerformanceObserver((list) => {
    for (const { hadRecentInput, value, sources } of list.getEntries()) {
      const elements = sources.map(({ node }) => node).filter((node) => node?.className !== 'busy')
      if (!hadRecentInput && elements.length > 0)
        jumps.push({ value, of: elements.map((node) => (node?.outerHTML ?? node?.textContent ?? '').slice(0, 80)) })
    }
  }).observe({ type: 'layout-shift' })
  const look = () => {
    setTimeout(() => {
      const busy = document.querySelector('.busy')
      const answer = [...document.querySelectorAll('article')].at(-1)
      if (busy !== null && answer?.querySelector('li')) painted.push(busy.getBoundingClientRect().y)
    })
    requestAnimationFrame(look)
  }
  look()`

scene.test('nothing jumps while an answer comes, nor when it is complete', async (tab) => {
  const { page } = tab
  const isAtEnd = 'innerHeight + scrollY >= document.documentElement.scrollHeight - 5'
  const lines = Array.from({ length: 30 }, (_, at) => `Line ${at}\n\n- item\n\n\`\`\`ts\nconst x = ${at}\n\`\`\``)
  await tab.ask(step({ text: lines.join('\n\n'), tokens: 1 }))
  await tab.settled()
  await until(page, isAtEnd)
  await page.evaluate(watchJumps)
  await tab.ask(step({ text: lines.join('\n\n'), tokens: 60, gap: 50, thinking: 3 }))
  await tab.answer.getByText('Line 29').waitFor()
  await tab.settled()
  await tab.answer.locator('.hljs-keyword').last().waitFor()
  await until(page, isAtEnd)
  const jumps = await page.evaluate<{ value: number; of: string[] }[]>('jumps')
  const sum = jumps.reduce((all, { value }) => all + value, 0)
  assert.ok(sum < 0.1, `${sum}: ${JSON.stringify(jumps.filter(({ value }) => value > 0.01))}`)
  // Not the first ones: what was asked has just come there.
  const painted = (await page.evaluate<number[]>('painted')).slice(10)
  assert.ok(painted.length > 10)
  assert.ok(Math.max(...painted) - Math.min(...painted) < 3, String(painted))
})
