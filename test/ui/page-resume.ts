// The web page: returning to active runs and old sessions after a reload, in another tab or from the list of sessions,
// and recovering from broken connections.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { step } from '../helpers/test-server.ts'
import { answerOf, button, messagesOf, sendOn, settledOn, until } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const { cwd } = scene.server.folders

const fullText = Array.from({ length: 16 }, (_, index) => `w${index}`).join(' ')
/** A slow answer. */
const slow = (gap = 450) => step({ text: fullText, tokens: 16, gap })

/** A slow answer that is not over before a permission was given, however long that takes. */
const slowWithQuestion = (fileName: string) =>
  step({
    text: fullText,
    tokens: 16,
    gap: 450,
    tool: 'Write',
    input: { file_path: join(cwd, fileName), content: 'x' },
  }) + step({ text: 'The end.' })

const permissionOn = (page: Page) => page.getByRole('region', { name: 'Permission to use Write' })

/** The texts of the conversation, without the footers, which only live runs have. */
const textsOf = async (page: Page) => {
  const articles = await page.getByRole('article').all()
  return Promise.all(
    articles.map((article) =>
      article.evaluate((element) =>
        [...element.querySelectorAll('.markdown')].map(({ textContent }) => textContent).join('\n'),
      ),
    ),
  )
}

scene.test('a page that is reloaded, or loses a response', async (tab, t) => {
  const { page } = tab

  await t.test('a page reloaded in the middle of an answer shows the full answer once', async () => {
    await tab.send(slowWithQuestion('after-reload.txt'))
    await tab.answer.getByText('w3').waitFor()
    await page.reload()
    await tab.answer.getByText('w5').waitFor()
    assert.equal((await scene.newestRun()).ended_at, null)
    await button(permissionOn(page), 'Allow').click()
    await tab.answer.getByText('The end.').waitFor()
    await tab.settled()
    await tab.answer.getByText(fullText, { exact: true }).waitFor()
    assert.deepEqual([await messagesOf(page, 'You').count(), await messagesOf(page, 'Claude').count()], [1, 1])
    await page.reload()
    await tab.answer.getByText(fullText, { exact: true }).waitFor()
    assert.deepEqual([await messagesOf(page, 'You').count(), await messagesOf(page, 'Claude').count()], [1, 1])
  })

  await t.test('a page reloaded while a tool waits for permission shows a working permission prompt', async () => {
    const input = { file_path: join(cwd, 'reloaded.txt'), content: 'x' }
    await tab.send(`${step({ text: 'First this.', tool: 'Write', input })}${step({ text: 'Then that.' })}`)
    const card = permissionOn(page)
    await card.waitFor()
    await page.reload()
    await button(card, 'Allow').click()
    await tab.settled()
    assert.ok(existsSync(input.file_path))
    assert.deepEqual((await textsOf(page)).slice(3), ['First this.\nThen that.'])
    assert.equal(await messagesOf(page, 'You').count(), 2)
  })

  await t.test('a prompt whose response was lost is neither lost nor run twice', async () => {
    const keys: (string | undefined)[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/v1/chat')) keys.push(request.headers()['idempotency-key'])
    })
    // The server receives the request, but the response is lost.
    await page.route(
      '**/v1/chat',
      async (route) => {
        await route.fetch()
        await route.abort()
      },
      { times: 1 },
    )
    const { runs: before } = await scene.api<{ runs: unknown[] }>('/v1/runs?limit=200')
    await tab.send('Only once, please')
    await page.getByRole('alert').getByText('The server cannot be reached').waitFor()
    assert.equal(await tab.prompt.inputValue(), 'Only once, please')
    await button(page, 'Send').click()
    await tab.answer.getByText('You said: Only once, please').waitFor()
    await tab.settled()
    assert.equal(await page.getByRole('alert').count(), 0)
    const { runs: after } = await scene.api<{ runs: unknown[] }>('/v1/runs?limit=200')
    assert.equal(keys.length, 2)
    assert.deepEqual([keys[0], after.length - before.length], [keys[1], 1])
    tab.expectError(/net::ERR_FAILED/)
  })
})

scene.test(
  'an old session can be found, continued, forked, renamed and deleted',
  async (tab) => {
    const { page } = tab
    await tab.send('The walrus and the carpenter')
    await tab.settled()
    await page.getByRole('link', { name: 'New' }).click()
    await tab.send('Something else altogether')
    await tab.settled()
    await page.getByRole('link', { name: 'Sessions' }).click()
    const list = page.getByRole('list').last()
    await list.getByRole('link', { name: 'Something else altogether' }).waitFor()
    const search = page.getByRole('searchbox', { name: 'Search by title or first prompt' })
    await search.fill('nothing like it')
    await page.getByText('No session has “nothing like it”').waitFor()
    await search.fill('WALRUS')
    await list.getByRole('link', { name: 'The walrus and the carpenter' }).waitFor()
    assert.equal(await list.getByRole('listitem').count(), 1)
    await button(list, 'Rename').click()
    await list.getByRole('textbox', { name: 'Title' }).fill('Oysters for the walrus')
    await button(list, 'Save').click()
    await list.getByRole('link', { name: 'Oysters for the walrus' }).click()
    await page.getByRole('heading', { name: 'Oysters for the walrus', level: 1 }).waitFor()
    await tab.send('And then?')
    await tab.answer.getByText('This is turn 2. You said: And then?').waitFor()
    await tab.settled()
    const original = page.url()
    await button(page, 'Fork').click()
    await until(page, `location.href !== ${JSON.stringify(original)}`)
    await messagesOf(page, 'Claude').nth(1).getByText('This is turn 2').waitFor()
    await tab.send('In the copy')
    await tab.answer.getByText('This is turn 3. You said: In the copy').waitFor()
    await tab.settled()
    await page.goto(original)
    await messagesOf(page, 'Claude').nth(1).getByText('This is turn 2').waitFor()
    assert.equal(await messagesOf(page, 'Claude').count(), 2)
    const id = String(original.split('/').at(-1))
    await page.getByRole('link', { name: 'Sessions' }).click()
    const row = list.getByRole('listitem').filter({ has: page.locator(`a[href$="${id}"]`) })
    await button(row, 'Delete…').click()
    await button(row, 'Cancel').click()
    await button(row, 'Delete…').click()
    assert.equal((await scene.api<{ session_id: string }>(`/v1/sessions/${id}`)).session_id, id)
    await button(row, 'Delete').click()
    await row.waitFor({ state: 'detached' })
    assert.equal((await fetch(`${tab.url}/v1/sessions/${id}`)).status, 404)
  },
  { isPlain: true },
)

scene.test(
  'two tabs on one session show the prompts of the other and end up the same',
  async (tab) => {
    const { page } = tab
    await tab.send('From the first')
    await tab.settled()
    const other = await tab.another(new URL(page.url()).pathname + new URL(page.url()).hash)
    await messagesOf(other, 'Claude').nth(0).getByText('From the first').waitFor()
    await page.bringToFront()
    await sendOn(other, `From the second ${slow(60)}`)
    await messagesOf(page, 'Claude').nth(1).getByText('w2').waitFor()
    for (const each of [page, other]) {
      await answerOf(each).getByText(fullText, { exact: true }).waitFor()
      await button(each, 'Send').waitFor()
    }
    assert.deepEqual(await textsOf(page), await textsOf(other))
    await sendOn(page, 'And the first again')
    await messagesOf(other, 'Claude').nth(2).getByText('This is turn 3').waitFor()
    await settledOn(page)
    assert.deepEqual(await textsOf(page), await textsOf(other))
    assert.equal((await textsOf(page)).length, 6)
  },
  { isPlain: true },
)

scene.extendedTest(
  'a new conversation can be started while another one is running, which is shown again on return',
  async (tab) => {
    const { page } = tab
    await tab.send(slow())
    await tab.answer.getByText('w2').waitFor()
    const first = page.url()
    await page.getByRole('link', { name: 'New' }).click()
    await page.getByRole('heading', { name: 'Talk to your own Claude Code' }).waitFor()
    await tab.send('Meanwhile')
    await tab.answer.getByText('This is turn 1. You said: Meanwhile').waitFor()
    await tab.settled()
    await page.goto(first)
    await tab.answer.getByText(fullText, { exact: true }).waitFor()
    assert.equal((await textsOf(page)).length, 2)
  },
)

scene.extendedTest('a stream that is followed elsewhere, or ends too early', async (tab, t) => {
  const { page } = tab

  await t.test('a tab opened in the middle of an answer follows it to the end', async () => {
    await tab.send(slowWithQuestion('in-two-tabs.txt'))
    await tab.answer.getByText('w4').waitFor()
    const other = await tab.another(new URL(page.url()).pathname + new URL(page.url()).hash)
    await answerOf(other).getByText('w6').waitFor()
    await button(other, 'Stop').waitFor()
    await button(permissionOn(page), 'Allow').click()
    await answerOf(other).getByText('The end.').waitFor()
    await Promise.all([settledOn(page), settledOn(other)])
    await answerOf(other).getByText(fullText, { exact: true }).waitFor()
    assert.deepEqual(await textsOf(page), await textsOf(other))
    assert.equal((await textsOf(page)).length, 2)
    await other.close()
  })

  await t.test('a stream that keeps ending too early is shown without gaps or duplicates', async () => {
    const requests: string[] = []
    // Each connection delivers one event more than the last one, then ends.
    await page.route('**/v1/runs/*/events*', async (route) => {
      requests.push(route.request().url())
      if (requests.length > 5) return route.continue()
      const response = await fetch(route.request().url())
      const frames = (await response.text()).split('\n\n').slice(0, requests.length)
      await route.fulfill({
        contentType: 'text/event-stream',
        body: `${frames.join('\n\n')}\n\n${requests.length === 3 ? 'id: 99\ndata: {"ty' : ''}`,
      })
    })
    await tab.send(slow(1))
    await tab.settled()
    await tab.answer.getByText(fullText, { exact: true }).waitFor()
    assert.deepEqual(
      requests.map((address) => new URL(address).searchParams.get('after')),
      ['0', '1', '3', '6', '10', '15'],
    )
  })
})
