// P13, P14: the web page when the server requires an API key: how it gets one, where it stores it, and what revoking
// the key does.
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { newSecret } from '../../src/auth/keys.ts'
import { type KeyRecord, type Scope, unlimitedKey } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { extendedTest } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  answerOf,
  apiOf,
  button,
  copyWith,
  messagesOf,
  openPageScene,
  pageTest,
  promptOf,
  refused,
  sendOn,
} from './page-scene.ts'

const scene = await openPageScene({ config: { allowHosts: ['box.test'] } }, { names: ['box.test'] })
const { dataDir } = scene.server.folders

const plainTab = { isPlain: true }

let keyCount = 0

async function makeKey(scopes: Scope[] = ['admin']): Promise<{ id: string; secret: string }> {
  const { secret, prefix, hash } = newSecret()
  const id = `key_page${++keyCount}`
  const key: KeyRecord = { id, name: id, prefix, hash, scopes, createdAtMs: Date.now(), ...unlimitedKey }
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
const formOf = (page: Page) => page.getByRole('heading', { name: 'This server requires an API key' })

async function enterKey(page: Page, secret: string): Promise<void> {
  await page.getByLabel('API key').fill(secret)
  await page.getByLabel('API key').press('Enter')
}

scene.extendedTest('a malformed key is not reported as an unreachable server', async (tab) => {
  const { page } = tab
  await enterKey(page, 'ключ…')
  const alert = page.getByRole('alert')
  await alert.waitFor()
  assert.doesNotMatch(await alert.innerText(), /cannot be reached/)
  tab.expectError(/status of 401/)
})

scene.test(
  'a key that is entered',
  async (tab, t) => {
    const { page } = tab

    await t.test('a wrong key shows an error, and a valid one opens the page', async () => {
      await formOf(page).waitFor()
      assert.equal(await button(page, 'Continue').isEnabled(), false)
      await enterKey(page, `csk_${'A'.repeat(49)}`)
      await page.getByRole('alert').getByText('unauthorized', { exact: true }).waitFor()
      await enterKey(page, key.secret)
      await tab.send('With a key')
      await tab.answer.getByText('You said: With a key').waitFor()
      await tab.settled()
      tab.expectError(/status of 401/)
    })

    await t.test('P14 curl commands contain a variable, not the key', async () => {
      await tab.prompt.fill('Say hello again')
      const conversation = page.url()
      const command = await copyWith(button(page, 'Copy as curl'))
      assert.match(command, / -H "authorization: Bearer \$CLAUDE_SERVE_KEY" /)
      assert.doesNotMatch(command, /csk_/)
      // Each with an element above the button: until it is there, the button may still move.
      const views = {
        Runs: page.getByRole('listitem'),
        Usage: page.getByText('This is what the API would have charged'),
        Server: page.getByRole('meter'),
      }
      for (const [view, shown] of Object.entries(views)) {
        await page.getByRole('link', { name: view, exact: true }).click()
        await page.getByRole('heading', { name: view, level: 1 }).waitFor()
        await shown.first().waitFor()
        const viewCommand = await copyWith(page.getByRole('button', { name: /^Copy( as curl)?$/ }).first())
        assert.match(viewCommand, /Bearer \$CLAUDE_SERVE_KEY"/)
      }
      assert.equal(await page.evaluate(`document.documentElement.outerHTML.includes('csk_')`), false)
      await page.goto(conversation)
    })

    await t.test('the key is only stored for this tab and never appears in the URL', async () => {
      await promptOf(page).waitFor()
      assert.equal(await page.evaluate(`sessionStorage.getItem('claude-serve.key')`), key.secret)
      assert.deepEqual(await page.evaluate('[JSON.stringify(localStorage), document.cookie]'), ['{}', ''])
      await page.reload()
      await tab.send('After a reload')
      await tab.answer.getByText('You said: After a reload').waitFor()
      await tab.settled()
      assert.doesNotMatch(page.url(), /csk_/)
      await formOf(await tab.another()).waitFor()
      await page.getByRole('link', { name: 'Server' }).click()
      await button(page, 'Remove API key').click()
      await formOf(page).waitFor()
      assert.equal(await page.evaluate(`JSON.stringify(sessionStorage).includes('csk_')`), false)
    })
  },
  plainTab,
)

scene.test(
  'P13 revoking a key ends its run and hides the conversation, which continues with another key',
  async (tab) => {
    const { page } = tab
    const own = await makeKey()
    await enterKey(page, own.secret)
    await tab.send(step({ text: 'one two three four five six seven eight', tokens: 8, gap: 700 }))
    await tab.answer.getByText('one').waitFor()
    await revoke(own.id)
    await formOf(page).waitFor()
    await enterKey(page, key.secret)
    await messagesOf(page, 'You').first().waitFor()
    await tab.settled()
    assert.equal(await page.getByText('eight', { exact: true }).count(), 0)
    assert.equal(await page.getByRole('alert').count(), 0)
    assert.equal(await tab.prompt.inputValue(), '')
    await tab.send('And now?')
    await tab.answer.getByText('You said: And now?').waitFor()
    await tab.settled()
    tab.expectError(/status of 401/)
  },
  plainTab,
)

scene.extendedTest('a key with insufficient scope shows an error and can be replaced', async (tab) => {
  const { page } = tab
  const { secret } = await makeKey(['chat'])
  await apiOf(() => scene.server.url, key.secret)('/v1/chat', { json: { prompt: 'To be listed' } })
  await enterKey(page, secret)
  await page.getByRole('link', { name: 'Sessions' }).click()
  await page.getByRole('alert').getByText('Use one created with').waitFor()
  await page.getByRole('link', { name: 'Server' }).click()
  await button(page, 'Remove API key').click()
  await enterKey(page, key.secret)
  await page.getByRole('link', { name: 'Sessions' }).click()
  await page.getByRole('list').getByRole('link').first().waitFor()
  tab.expectError(refused)
})

const loginPath = async () => String(await scene.server.pageLink()).replace(scene.server.url, '')

scene.test(
  'a one-time link opens the page once, and its code is stored nowhere afterwards',
  async (tab) => {
    const path = await loginPath()
    const page = await tab.another(path)
    await sendOn(page, 'By a link')
    await answerOf(page).getByText('You said: By a link').waitFor()
    const code = path.slice(path.indexOf('=') + 1)
    assert.ok(code.startsWith('csk_'))
    assert.ok(!page.url().includes(code))
    assert.equal(await page.evaluate(`JSON.stringify(sessionStorage).includes(${JSON.stringify(code)})`), false)
    await page.goBack().catch(() => {})
    assert.ok(!page.url().includes(code))
    const other = await tab.another(path)
    await other.getByRole('alert').getByText('This link was already used').waitFor()
    assert.ok(!other.url().includes(code))
    await enterKey(other, key.secret)
    await promptOf(other).waitFor()
    tab.expectError(/status of 401/)
  },
  plainTab,
)

scene.extendedTest('a one-time link works in a tab that already shows the page', async (tab) => {
  const { page } = tab
  await formOf(page).waitFor()
  const path = await loginPath()
  await page.goto(`${tab.url}${path}`)
  await promptOf(page).waitFor()
  assert.doesNotMatch(page.url(), /code=/)
  tab.expectError(/status of 401/)
})

/** Like from another machine over plain HTTP, where browsers disable some features. */
const insecureUrl = () => scene.server.url.replace('127.0.0.1', 'box.test')

pageTest(
  scene.browser,
  insecureUrl,
  'the page works if the browser considers its origin insecure',
  async (tab) => {
    const { page } = tab
    assert.equal(await page.evaluate('isSecureContext'), false)
    await enterKey(page, key.secret)
    await tab.send('By another name')
    await tab.answer.getByText('You said: By another name').waitFor()
    await tab.settled()
    await tab.prompt.fill('To be copied')
    await button(page, 'Copy as curl').click()
    await button(page, 'Copy failed').or(button(page, 'Copied')).waitFor()
    tab.expectError(/status of 401/)
    tab.expectError(/Cross-Origin-Opener-Policy header has been ignored/)
  },
  {},
  extendedTest,
)
