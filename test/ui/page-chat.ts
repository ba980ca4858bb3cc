// The web page: sending prompts, streaming answers, the parts of an answer, and stopping, retrying and scrolling.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { step } from '../helpers/test-server.ts'
import { button, copyWith, messagesOf, styleOf, until } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const run = promisify(execFile)

scene.test('a conversation', async (tab, t) => {
  const { page, answer } = tab

  await t.test('an answer streams while the run is active, then shows model, time and cost', async () => {
    await tab.send(step({ text: 'first second third fourth fifth sixth seventh last', tokens: 8, gap: 600 }))
    await answer.getByText('first').waitFor()
    assert.doesNotMatch(await answer.innerText(), /last/)
    assert.equal(await answer.getAttribute('aria-busy'), 'true')
    assert.equal((await scene.newestRun()).status, 'running')
    await button(page, 'Stop').waitFor()
    await tab.settled()
    await answer.getByText('first second third fourth fifth sixth seventh last', { exact: true }).waitFor()
    assert.equal(await answer.getAttribute('aria-busy'), 'false')
    const { model, cost_usd: cost } = await scene.newestRun()
    assert.ok(model !== null && cost !== null && cost > 0)
    const footer = (await answer.getByRole('contentinfo').or(answer.locator('footer')).first().innerText()).split(
      '\n',
    )[0]
    assert.match(String(footer), /^\S+ · [\d.]+ m?s · 10 in, 8 out · \$0\.0*[1-9]\d*$/)
    assert.ok(footer?.startsWith(model))
    await page.getByRole('status').getByText('The answer is complete.').waitFor()
    // It is a conversation now, with an id, and can be continued.
    assert.match(page.url(), /#\/chat\/[0-9a-f-]{36}$/)
    await tab.send('How are you?')
    await messagesOf(page, 'Claude').nth(1).getByText('This is turn 2').waitFor()
    await tab.settled()
  })

  await t.test('Markdown is rendered, and code is highlighted', async () => {
    await tab.send('Some markdown, please')
    await tab.settled()
    await answer.getByRole('heading', { name: 'A heading', level: 1 }).waitFor()
    assert.equal(await answer.getByRole('listitem').count(), 4)
    await answer.getByRole('listitem').getByRole('listitem').getByText('two and a half').waitFor()
    await answer.getByRole('row', { name: 'elephant 1000' }).getByRole('cell', { name: '1000' }).waitFor()
    const code = answer.getByRole('figure').getByRole('code')
    const keyword = code.getByText('export', { exact: true })
    await keyword.waitFor()
    assert.notEqual(await styleOf(keyword, 'color'), await styleOf(code, 'color'))
    const source = 'export function add(a: number, b: number): number {\n  return a + b\n}\n'
    assert.equal(await code.textContent(), source)
    assert.equal(await copyWith(button(answer, 'Copy code')), source)
  })

  await t.test('a tool call is one line that opens to show its input and result', async () => {
    await tab.send(
      `${step({ tool: 'Bash', input: { command: 'echo from the $((40 + 2))' } })}${step({ text: 'So it is.' })}`,
    )
    await tab.settled()
    const card = answer.getByRole('group').filter({ hasText: 'Bash' })
    await card.getByText('done', { exact: true }).waitFor()
    const result = card.getByText('from the 42')
    assert.equal(await result.isVisible(), false)
    await card.getByText('Bash', { exact: true }).click()
    await result.waitFor()
    await card.getByRole('heading', { name: 'Result' }).waitFor()
    assert.equal(await card.getByRole('code').first().textContent(), 'echo from the $((40 + 2))')
  })

  await t.test('an error of the model is shown with its code, and the prompt can be tried again', async () => {
    await tab.send(step({ status: 400, error_type: 'invalid_request_error', message: 'too much of it' }))
    await answer.getByText('too much of it').waitFor()
    const { error } = await scene.newestRun()
    await answer.getByText(String(error?.code), { exact: true }).waitFor()
    await button(answer, 'Try again').waitFor()
    await tab.send('Another one')
    await answer.getByText('You said: Another one').waitFor()
    await tab.settled()
  })

  await t.test('stopping also cancels the run on the server, and the prompt can be tried again', async () => {
    const before = await messagesOf(page, 'Claude').count()
    await tab.send(step({ text: 'on and on', tokens: 9, gap: 4000 }))
    await answer.getByText('o', { exact: true }).waitFor()
    await button(page, 'Stop').click()
    await answer.getByText('Stopped.').waitFor()
    const first = await scene.newestRun()
    assert.equal(first.status, 'cancelled')
    await button(answer, 'Try again').click()
    await messagesOf(page, 'Claude')
      .nth(before + 1)
      .getByText('o', { exact: true })
      .waitFor()
    const second = await scene.newestRun()
    assert.notEqual(second.id, first.id)
    assert.deepEqual([second.status, second.session_id], ['running', first.session_id])
    await page.keyboard.press('Escape')
    await answer.getByText('Stopped.').waitFor()
    assert.equal((await scene.newestRun()).status, 'cancelled')
    assert.equal(await messagesOf(page, 'You').count(), before + 2)
  })
})

scene.test(
  'the copied curl command does the same as the page',
  async (tab) => {
    const { page } = tab
    const prompt = 'it\'s "me" $HOME `id` \\ !! %s\nand a second line; exit 3 #'
    await tab.prompt.fill(prompt)
    await page.getByText(/^Options/).click()
    await page.getByLabel('Append to system prompt').fill("don't")
    const command = await copyWith(button(page, 'Copy as curl'))
    assert.match(command, /^curl -sN 'http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/stream' /)
    const { stdout } = await run('bash', ['-c', command], { env: { PATH: '/usr/bin:/bin', HOME: '/nowhere' } })
    const events = [...stdout.matchAll(/^data: ?(.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    assert.equal(events.at(-1).type, 'done')
    assert.ok(events.at(-1).result.endsWith(`You said: ${prompt}`), events.at(-1).result)
  },
  { isPlain: true },
)

scene.extendedTest('rarer parts of a conversation', async (tab, t) => {
  const { page, answer } = tab

  await t.test('the example command on the start page works as shown', async () => {
    const shown = await page.locator('code', { hasText: 'curl -sN' }).innerText()
    const { stdout } = await run('bash', ['-c', shown], { env: { PATH: '/usr/bin:/bin' } })
    assert.match(stdout, /"type":"done"/)
    assert.equal(await copyWith(button(page, 'Copy')), shown)
  })

  await t.test('thinking is collapsed until it is opened', async () => {
    await tab.send('Think about it')
    await tab.settled()
    const thinking = answer.getByText(/^think0 think1/)
    assert.equal(await thinking.isVisible(), false)
    await answer.getByText('Thinking', { exact: true }).click()
    await thinking.waitFor()
    await answer.getByText('After some thought: it depends.').waitFor()
    await page.reload()
    await answer.getByText('After some thought: it depends.').waitFor()
  })

  await t.test('the page does not scroll while an answer streams if the user has scrolled up', async () => {
    const lines = Array.from({ length: 60 }, (_, index) => `line${index}`).join('\n\n')
    await tab.send(step({ text: lines, tokens: 1 }))
    await tab.settled()
    const atEnd = 'innerHeight + scrollY >= document.documentElement.scrollHeight - 5'
    await until(page, atEnd)
    await tab.send(step({ text: lines, tokens: 60, gap: 25 }))
    await answer.getByText('line20', { exact: true }).waitFor()
    await until(page, atEnd)
    await page.mouse.move(500, 300)
    await page.mouse.wheel(0, -1500)
    await until(page, `!(${atEnd})`)
    const before = await page.evaluate('scrollY')
    await answer.getByText('line59', { exact: true }).waitFor()
    await tab.settled()
    assert.equal(await page.evaluate('scrollY'), before)
  })
})
