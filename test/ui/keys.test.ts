// P13, P14: the web page where the server wants an API key: how it gets one, where it keeps it, and what happens when the key is over.
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { type KeyRecord, newSecret, type Scope } from '../../src/core/keys.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { step } from '../helpers/test-server.ts'
import {
  answerOf,
  askOn,
  button,
  copyBy,
  messagesOf,
  openPageScene,
  pageTest,
  promptOf,
  refused,
} from './page-scene.ts'

const scene = await openPageScene({ config: { allowHosts: ['box.test'] } }, { names: ['box.test'] })
const { dataDir } = scene.server.folders

let made = 0

async function makeKey(scopes: Scope[] = ['admin']): Promise<{ id: string; secret: string }> {
  const { secret, prefix, hash } = newSecret()
  const id = `key_page${++made}`
  const none = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }
  const key: KeyRecord = { id, name: id, prefix, hash, scopes, createdAtMs: Date.now(), ...none }
  const store = await openKeyStore(dataDir)
  await store.createKey(key)
  await store.close()
  return { id, secret }
}

async function revoke(id: string): Promise<void> {
  const store = await openKeyStore(dataDir)
  await store.revokeKey(id, Date.now())
  await store.close()
}

const key = await makeKey()
const formOf = (page: Page) => page.getByRole('heading', { name: 'This server needs an API key' })

async function giveKey(page: Page, secret: string): Promise<void> {
  await page.getByLabel('API key').fill(secret)
  await page.getByLabel('API key').press('Enter')
}

scene.test('a wrong key is told as such, and a right one opens the page', async (tab) => {
  const { page } = tab
  await formOf(page).waitFor()
  assert.equal(await button(page, 'Go on').isEnabled(), false)
  await giveKey(page, `csk_${'A'.repeat(49)}`)
  await page.getByRole('alert').getByText('unauthorized', { exact: true }).waitFor()
  await giveKey(page, key.secret)
  await tab.ask('With a key')
  await tab.answer.getByText('You said: With a key').waitFor()
  await tab.settled()
  tab.expectFault(/status of 401/)
})

scene.test('what cannot be a key is not taken for a server that is gone', async (tab) => {
  const { page } = tab
  await giveKey(page, 'ключ…')
  const alert = page.getByRole('alert')
  await alert.waitFor()
  assert.doesNotMatch(await alert.innerText(), /cannot be reached/)
  tab.expectFault(/status of 401/)
})

scene.test('the key is kept for this tab alone, and stands in no address', async (tab) => {
  const { page } = tab
  await giveKey(page, key.secret)
  await promptOf(page).waitFor()
  assert.equal(await page.evaluate(`sessionStorage.getItem('claude-serve.key')`), key.secret)
  assert.deepEqual(await page.evaluate('[JSON.stringify(localStorage), document.cookie]'), ['{}', ''])
  await page.reload()
  await tab.ask('After a reload')
  await tab.answer.getByText('You said: After a reload').waitFor()
  await tab.settled()
  assert.doesNotMatch(page.url(), /csk_/)
  await formOf(await tab.another()).waitFor()
  await page.getByRole('link', { name: 'Server' }).click()
  await button(page, 'Forget the API key').click()
  await formOf(page).waitFor()
  assert.equal(await page.evaluate(`JSON.stringify(sessionStorage).includes('csk_')`), false)
  tab.expectFault(/status of 401/)
})

scene.test('P14 a line for a shell names a variable, not the key', async (tab) => {
  const { page } = tab
  await giveKey(page, key.secret)
  await tab.ask('Say hello')
  await tab.settled()
  await tab.prompt.fill('Say hello again')
  const line = await copyBy(button(page, 'Copy as curl'))
  assert.match(line, / -H "authorization: Bearer \$CLAUDE_SERVE_KEY" /)
  assert.doesNotMatch(line, /csk_/)
  // Each with what stands above the button, or the button would still move.
  const views = {
    Runs: page.getByRole('listitem'),
    Usage: page.getByText('It is what the API would have charged'),
    Server: page.getByRole('meter'),
  }
  for (const [view, shown] of Object.entries(views)) {
    await page.getByRole('link', { name: view, exact: true }).click()
    await page.getByRole('heading', { name: view, level: 1 }).waitFor()
    await shown.first().waitFor()
    const copied = await copyBy(page.getByRole('button', { name: /^Copy( as curl)?$/ }).first())
    assert.match(copied, /Bearer \$CLAUDE_SERVE_KEY"/)
  }
  assert.equal(await page.evaluate(`document.documentElement.outerHTML.includes('csk_')`), false)
  tab.expectFault(/status of 401/)
})

scene.test(
  'P13 a key that is revoked ends its run and what is shown of it; with another one the conversation goes on',
  async (tab) => {
    const { page } = tab
    const own = await makeKey()
    await giveKey(page, own.secret)
    await tab.ask(step({ text: 'one two three four five six seven eight', tokens: 8, gap: 700 }))
    await tab.answer.getByText('one').waitFor()
    await revoke(own.id)
    await formOf(page).waitFor()
    await giveKey(page, key.secret)
    await messagesOf(page, 'You').first().waitFor()
    await tab.settled()
    assert.equal(await page.getByText('eight', { exact: true }).count(), 0)
    assert.equal(await page.getByRole('alert').count(), 0)
    assert.equal(await tab.prompt.inputValue(), '')
    await tab.ask('And now?')
    await tab.answer.getByText('You said: And now?').waitFor()
    await tab.settled()
    tab.expectFault(/status of 401/)
  },
)

scene.test('a key that may too little says so, and can be replaced', async (tab) => {
  const { page } = tab
  const { secret } = await makeKey(['chat'])
  await giveKey(page, secret)
  await page.getByRole('link', { name: 'Sessions' }).click()
  await page.getByRole('alert').getByText('Give another one').waitFor()
  await page.getByRole('link', { name: 'Server' }).click()
  await button(page, 'Forget the API key').click()
  await giveKey(page, key.secret)
  await page.getByRole('link', { name: 'Sessions' }).click()
  await page.getByRole('list').getByRole('link').first().waitFor()
  tab.expectFault(refused)
})

const link = async () => String(await scene.server.pageLink()).replace(scene.server.url, '')

scene.test('a one-time link opens the page once, and its code stands nowhere after that', async (tab) => {
  const path = await link()
  const page = await tab.another(path)
  await askOn(page, 'By a link')
  await answerOf(page).getByText('You said: By a link').waitFor()
  const code = path.slice(path.indexOf('=') + 1)
  assert.ok(code.startsWith('csk_'))
  assert.ok(!page.url().includes(code))
  assert.equal(await page.evaluate(`JSON.stringify(sessionStorage).includes(${JSON.stringify(code)})`), false)
  await page.goBack().catch(() => {})
  assert.ok(!page.url().includes(code))
  const other = await tab.another(path)
  await other.getByRole('alert').getByText('This link was used').waitFor()
  assert.ok(!other.url().includes(code))
  await giveKey(other, key.secret)
  await promptOf(other).waitFor()
  tab.expectFault(/status of 401/)
})

scene.test('a one-time link works in a tab that shows the page already', async (tab) => {
  const { page } = tab
  await formOf(page).waitFor()
  const path = await link()
  await page.goto(`${tab.url}${path}`)
  await promptOf(page).waitFor()
  assert.doesNotMatch(page.url(), /code=/)
  tab.expectFault(/status of 401/)
})

/** As from another machine, over plain HTTP: the browser then lacks some of what it offers. */
const insecureUrl = () => scene.server.url.replace('127.0.0.1', 'box.test')

pageTest(scene.browser, insecureUrl, 'the page works where the browser takes the address for insecure', async (tab) => {
  const { page } = tab
  assert.equal(await page.evaluate('isSecureContext'), false)
  await giveKey(page, key.secret)
  await tab.ask('By another name')
  await tab.answer.getByText('You said: By another name').waitFor()
  await tab.settled()
  await tab.prompt.fill('To be copied')
  await button(page, 'Copy as curl').click()
  await button(page, 'Not copied').or(button(page, 'Copied')).waitFor()
  tab.expectFault(/status of 401/)
  tab.expectFault(/Cross-Origin-Opener-Policy header has been ignored/)
})
