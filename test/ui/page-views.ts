// The views for runs, usage and the server: they show what the API returns and stay up to date.
import assert from 'node:assert/strict'
import type { RunReply, UsageReply } from '../../src/surfaces/native/reply-schemas.ts'
import type { QuotaReply } from '../../src/surfaces/native/server-schemas.ts'
import { step } from '../helpers/test-server.ts'
import { answerOf, button, until } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const exactly = (title: string) => ({ name: title, exact: true })

/** Options that all runs share which need no tools: one process answers them. */
const plain = { tools: [], system_prompt: 'S' }

scene.extendedTest('empty views explain what will appear in them', async ({ page }) => {
  await page.getByRole('link', exactly('Runs')).click()
  await page.getByText('No runs yet').waitFor()
  await page.getByRole('combobox', { name: 'Status' }).selectOption('failed')
  await page.getByText('No failed runs').waitFor()
  await page.getByRole('link', exactly('Sessions')).click()
  await page.getByText('No sessions yet').waitFor()
  await page.getByRole('link', exactly('Usage')).click()
  await page.getByText('No usage in this period').waitFor()
  assert.equal(await page.getByRole('table').count(), 0)
})

scene.test('the views of runs, usage and the server', async (tab, t) => {
  const { page } = tab

  await t.test('a run appears, changes and can be stopped without reloading the page', async () => {
    await page.getByRole('link', exactly('Runs')).click()
    await page.getByRole('heading', exactly('Runs')).waitFor()
    const prompt = `a long one ${step({ text: 'on and on', tokens: 9, gap: 5000 })}`
    await scene.api<RunReply>('/v1/chat', {
      json: { ...plain, prompt, background: true, metadata: { prompt: 'a long one' } },
    })
    const row = page.getByRole('listitem').filter({ hasText: 'a long one' })
    await row.getByText('running', { exact: true }).waitFor()
    await button(row, 'Stop').click()
    await row.getByText('cancelled', { exact: true }).first().waitFor()
    await button(row, 'Stop').waitFor({ state: 'detached' })
    assert.equal((await scene.newestRun()).status, 'cancelled')
    await scene.api('/v1/chat', { json: { ...plain, prompt: 'a short one', metadata: { prompt: 'a short one' } } })
    const other = page.getByRole('listitem').filter({ hasText: 'a short one' })
    await other.getByText('succeeded', { exact: true }).waitFor()
    const status = page.getByRole('combobox', { name: 'Status' })
    await status.selectOption('succeeded')
    await row.waitFor({ state: 'detached' })
    await other.waitFor()
    await status.selectOption('cancelled')
    await other.waitFor({ state: 'detached' })
    await row.waitFor()
    await status.selectOption('')
    await other.getByRole('link', { name: 'Open session' }).click()
    await answerOf(page).getByText('You said: a short one').waitFor()
  })

  await t.test('the usage view shows what the API returns', async () => {
    for (const prompt of ['one', 'two', 'three', 'four']) await scene.api('/v1/chat', { json: { ...plain, prompt } })
    const from = new Date(Date.now() - 29 * 86_400_000).toISOString().slice(0, 10)
    const [byDay, byModel] = await Promise.all(
      ['day', 'model'].map((group) => scene.api<UsageReply>(`/v1/usage?from=${from}&group_by=${group}`)),
    )
    assert.ok(byDay && byModel && byDay.total.runs > 3 && byModel.groups.length > 0)
    await page.getByRole('link', exactly('Usage')).click()
    const money = (usd: number) => (usd === 0 ? '$0' : usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`)
    await page.getByText(`${money(byDay.total.cost_usd)} for ${byDay.total.runs} runs`).waitFor()
    for (const [title, usage] of [
      ['Day', byDay],
      ['Model', byModel],
    ] as const) {
      const rows = page.getByRole('table', { name: title }).getByRole('row')
      await rows.nth(usage.groups.length).waitFor()
      assert.equal(await rows.count(), usage.groups.length + 1)
      for (const [index, { group, ...sums }] of usage.groups.entries()) {
        const cells = (
          await rows
            .nth(index + 1)
            .getByRole('cell')
            .allInnerTexts()
        ).filter((text) => text !== '')
        assert.equal(
          await rows
            .nth(index + 1)
            .getByRole('rowheader')
            .innerText(),
          group ?? 'unknown',
        )
        const counts = [sums.runs, sums.input_tokens, sums.output_tokens, sums.cache_read_input_tokens]
        const share = `${Math.round(100 * (sums.cache_read_share ?? 0))} %`
        assert.deepEqual(cells, [money(sums.cost_usd), ...counts.map(String), share, money(sums.cost_usd)])
      }
    }
    await page.getByRole('combobox', { name: 'Measure' }).selectOption('Tokens')
    const { input_tokens: input, output_tokens: output } = byDay.total
    await page
      .getByRole('table', { name: 'Day' })
      .getByRole('cell', { name: String(input + output), exact: true })
      .waitFor()
    const usageRequest = page.waitForRequest((request) =>
      request.url().includes(`from=${new Date().toISOString().slice(0, 10)}`),
    )
    await page.getByRole('combobox', { name: 'Period' }).selectOption('today')
    await usageRequest
  })

  await t.test('the usage view shows how far the plan is used, if Claude Code has reported it', async () => {
    const resetsAt = new Date(Date.now() + 86_400_000).toISOString()
    const window = { status: 'allowed_warning', resets_at: resetsAt }
    const windows = [
      { ...window, name: 'five_hour', utilization: 0.914 },
      { ...window, name: 'seven_day', utilization: null, status: 'rejected' },
    ]
    const overage = { status: 'allowed', in_use: true, reason: null, resets_at: null }
    await page.route('**/v1/quota', (route) =>
      route.fulfill({ json: { windows, overage, as_of: new Date().toISOString() } satisfies QuotaReply }),
    )
    await page.getByRole('link', exactly('Server')).click()
    await page.getByRole('link', exactly('Usage')).click()
    const table = page.getByRole('table', exactly('Plan'))
    await table.getByRole('row', { name: /^five hour 91 % .*nearly used up/ }).waitFor()
    await table.getByRole('row', { name: /^seven day not known .*used up/ }).waitFor()
    await page.getByText('extra usage is being billed').waitFor()
    await page.unroute('**/v1/quota')
  })

  await t.test('the server view shows its state', async () => {
    const health = await scene.api<{
      version: string
      claude_version: string
      processes: { max: number }
      queue: { limit: number }
    }>('/v1/health')
    await page.getByRole('link', exactly('Server')).click()
    const text = page.getByRole('main')
    for (const shown of [
      `${health.version}, up for`,
      ', demo',
      health.claude_version,
      `of ${health.processes.max}:`,
      `0 of ${health.queue.limit} waiting`,
      'not needed: this is the demo',
    ])
      await text.getByText(shown).first().waitFor()
    await page.getByRole('meter', { name: 'Live processes' }).waitFor()
    const { data } = await scene.api<{ data: { id: string }[] }>('/v1/models')
    await until(page, `document.querySelectorAll('main .models li').length === ${data.length}`)
    await scene.api('/v1/chat', {
      json: { ...plain, prompt: step({ text: 'slow enough', tokens: 4, gap: 2500 }), background: true },
    })
    await text.getByText(/: 1 busy/).waitFor()
    assert.equal(await text.getByRole('link', { name: 'API reference' }).getAttribute('href'), '/docs')
  })
})

scene.extendedTest('the server view leads to the API reference', async ({ page }) => {
  await page.getByRole('link', exactly('Server')).click()
  await page.getByRole('link', { name: 'API reference' }).click()
  await page
    .getByRole('heading', { name: /claude-serve/ })
    .first()
    .waitFor()
})

scene.extendedTest('rarer states of the view of runs', async (tab, t) => {
  const { page } = tab

  await t.test('a run that waits for permission can be answered in its own view', async () => {
    const prompt =
      step({ tool: 'Write', input: { file_path: 'from-the-run.txt', content: 'x' } }) + step({ text: 'Written.' })
    const body = { prompt, background: true, approvals: true, metadata: { prompt: 'it waits' } }
    const { id } = await scene.api<RunReply>('/v1/chat', { json: body })
    await page.getByRole('link', exactly('Runs')).click()
    const row = page.getByRole('listitem').filter({ hasText: 'it waits' })
    await row.getByText('waiting', { exact: true }).waitFor()
    await row.getByRole('link', { name: 'it waits' }).click()
    await button(page.getByRole('region', { name: 'Permission to use Write' }), 'Allow').click()
    await page.getByText('Written.').waitFor()
    await page.getByText('succeeded', { exact: true }).waitFor()
    assert.equal((await scene.api<RunReply>(`/v1/runs/${id}`)).status, 'succeeded')
  })

  await t.test('a request through another surface is a run like any other', async () => {
    await scene.api('/v1/chat/completions', {
      json: { model: 'sonnet', messages: [{ role: 'user', content: 'In the words of OpenAI' }] },
    })
    const { id, surface } = await scene.newestRun()
    assert.equal(surface, 'openai')
    await page.getByRole('link', exactly('Runs')).click()
    const row = page.getByRole('listitem').first()
    await row.getByText(/ · openai · /).waitFor()
    await row.getByRole('link').first().click()
    await until(page, `location.hash.endsWith(${JSON.stringify(id)})`)
    await answerOf(page).getByText('You said: In the words of OpenAI').waitFor()
    await page.getByText('succeeded', { exact: true }).waitFor()
    assert.match(await answerOf(page).innerText(), /· 10 in, \d+ out/)
  })

  await t.test('a slow server still fills the view', async () => {
    let requestCount = 0
    const heldResponses: (() => void)[] = []
    // Each response is held back until the next request.
    await page.route('**/v1/runs?*', async (route) => {
      const response = await route.fetch()
      requestCount++
      heldResponses.push(() => void route.fulfill({ response }).catch(() => {}))
      if (heldResponses.length > 1) heldResponses.shift()?.()
    })
    await page.getByRole('link', exactly('Runs')).click()
    await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor()
    await page.getByRole('listitem').first().waitFor()
    assert.ok(requestCount >= 2)
    await page.unrouteAll({ behavior: 'ignoreErrors' })
  })

  await t.test('a button loads more runs, without gaps or duplicates', async () => {
    const example = await scene.newestRun()
    const all = Array.from({ length: 120 }, (_, index) => ({
      ...example,
      id: `run_${String(index).padStart(32, '0')}`,
      metadata: { prompt: `number ${index} of them` },
    }))
    await page.route('**/v1/runs?*', async (route) => {
      const from = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0)
      const end = from + 50
      await route.fulfill({ json: { runs: all.slice(from, end), next_cursor: end < all.length ? String(end) : null } })
    })
    await page.getByRole('link', exactly('Runs')).click()
    await button(page, 'More').click()
    await page.getByText('number 99 of them').waitFor()
    await button(page, 'More').click()
    await page.getByText('number 119 of them').waitFor()
    assert.equal(await button(page, 'More').count(), 0)
    const titles = await page.locator('main li a.title').allInnerTexts()
    assert.deepEqual(
      titles,
      all.map(({ metadata }) => metadata.prompt),
    )
  })
})
