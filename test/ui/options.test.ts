// The web page: what is filled in and attached is what the server is asked, and what the server says against it is told.
import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { button, openPageScene, refused } from './page-scene.ts'

const scene = await openPageScene()

type Sent = Record<string, unknown>

/** Notes what is sent, and answers with an error in place of the server. */
async function refuseAll(
  page: Page,
  status = 503,
  body: object = { error: 'not now', code: 'internal' },
): Promise<Sent[]> {
  const sent: Sent[] = []
  await page.route('**/v1/chat', async (route) => {
    sent.push(route.request().postDataJSON())
    await route.fulfill({ status, json: { request_id: 'req_1', details: {}, ...body } })
  })
  return sent
}

/** By their labels: what is filled in, and what the body then has. */
const filled: [label: string, text: string, field: string, value: unknown][] = [
  ['Model', 'opus', 'model', 'opus'],
  ['Folder', '/srv/work', 'cwd', '/srv/work'],
  ['Further folders', '/a\n /b \n\n', 'add_dirs', ['/a', '/b']],
  ['Tools that exist', 'Read\nBash', 'tools', ['Read', 'Bash']],
  ['Allowed without asking', 'Bash(git status)\nRead', 'allowed_tools', ['Bash(git status)', 'Read']],
  ['Never allowed', 'WebFetch', 'disallowed_tools', ['WebFetch']],
  ['System prompt', 'Be brief.\nBe kind.', 'system_prompt', 'Be brief.\nBe kind.'],
  ['Added to the system prompt', 'Rhyme.', 'append_system_prompt', 'Rhyme.'],
  ['Turns at most', '3', 'max_turns', 3],
  ['Cost at most, in US dollars', '0.25', 'max_budget_usd', 0.25],
  ['Time at most, in seconds', '90', 'timeout_s', 90],
  ['Model where that one is overloaded', 'sonnet', 'fallback_model', 'sonnet'],
  ['JSON Schema of the answer', '{"type":"object"}', 'json_schema', { type: 'object' }],
  ['MCP servers', '{"a":{"command":"b"}}', 'mcp_servers', { a: { command: 'b' } }],
  ['Agents', '{"c":{"description":"d","prompt":"e"}}', 'agents', { c: { description: 'd', prompt: 'e' } }],
  ['Settings that count', 'user\nproject', 'setting_sources', ['user', 'project']],
]

const chosen: [label: string, choice: string, field: string][] = [
  ['Permission mode', 'acceptEdits', 'permission_mode'],
  ['Effort', 'high', 'effort'],
  ['If the server dies', 'restart', 'on_crash'],
]

/** A label may have words of help after its own. */
const fieldOf = (page: Page, label: string) => page.getByLabel(new RegExp(`^${label}(?! to the)`)).first()

const opened = (page: Page) => page.getByText(/^Options( \(\d+ set\))?$/).click()

scene.test('each option reaches the request, survives a reload, and can be taken back', async (tab) => {
  const { page } = tab
  const sent = await refuseAll(page)
  await opened(page)
  for (const [label, text] of filled) await fieldOf(page, label).fill(text)
  for (const [label, choice] of chosen) await fieldOf(page, label).selectOption(choice)
  await page.getByLabel('Let /commands and @files in the prompt act').check()
  await page.getByText('Options (20 set)').waitFor()
  const expected = {
    commands: true,
    ...Object.fromEntries(filled.map(([, , field, value]) => [field, value])),
    ...Object.fromEntries(chosen.map(([, choice, field]) => [field, choice])),
  }
  await tab.ask('With everything')
  await page.getByRole('alert').getByText('not now').waitFor()
  const { prompt, background, approvals, metadata, ...options } = sent[0] ?? {}
  assert.deepEqual(
    [prompt, background, approvals, metadata],
    ['With everything', true, true, { prompt: 'With everything' }],
  )
  assert.deepEqual(options, expected)
  await page.reload()
  await page.getByText('Options (20 set)').waitFor()
  await opened(page)
  await fieldOf(page, 'Tools that exist').fill('none')
  await tab.ask('Without tools')
  await page.getByRole('alert').getByText('not now').waitFor()
  assert.deepEqual(sent[1]?.tools, [])
  await button(page, 'Back to the defaults').click()
  await tab.ask('With nothing')
  await page.getByRole('alert').getByText('not now').waitFor()
  assert.deepEqual(Object.keys(sent[2] ?? {}).sort(), ['approvals', 'background', 'metadata', 'prompt'])
  tab.expectFault(refused)
})

scene.test('every option that the form has is in this test', async ({ page }) => {
  await opened(page)
  const ids = await page.locator('[id^=option-]').evaluateAll((all) => all.map(({ id }) => id.replace('option-', '')))
  assert.deepEqual(
    ids.sort(),
    ['commands', ...filled.map(([, , field]) => field), ...chosen.map(([, , field]) => field)].sort(),
  )
})

scene.test('what is no JSON and no number is told by the name of its field, and nothing is sent', async (tab) => {
  const { page } = tab
  const sent = await refuseAll(page)
  await opened(page)
  const alert = page.getByRole('alert')
  for (const [label, text] of [
    ['JSON Schema of the answer', '{"type": '],
    ['MCP servers', 'x'],
    ['Agents', '{,}'],
    ['Turns at most', 'many'],
    ['Time at most, in seconds', '-1'],
  ] as const) {
    await fieldOf(page, label).fill(text)
    await tab.ask('With a mistake')
    await alert.getByText(`${label}:`).waitFor()
    assert.equal(await tab.prompt.inputValue(), 'With a mistake')
    await fieldOf(page, label).fill('')
  }
  assert.deepEqual(sent, [])
  await tab.ask('Without')
  await alert.getByText('not now').waitFor()
  assert.equal(sent.length, 1)
  tab.expectFault(refused)
})

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
)
const files = [
  { name: 'dot.png', mimeType: 'image/png', buffer: png },
  { name: 'paper.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 …') },
  { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Ümlaut & <b>') },
]

scene.test('files go with the prompt, as what they are', async (tab) => {
  const { page } = tab
  const sent = await refuseAll(page)
  await page
    .getByLabel('Files', { exact: true })
    .setInputFiles([...files, { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }])
  const list = page.getByRole('list', { name: 'Files that go with it' })
  await list.getByText('wrong.txt').waitFor()
  await button(page, 'Leave out wrong.txt').click()
  assert.equal(await list.getByRole('listitem').count(), 3)
  await tab.ask('Look at these')
  await page.getByRole('alert').getByText('not now').waitFor()
  const [image, pdf, text] = files.map(({ buffer }) => buffer)
  assert.deepEqual(sent[0]?.prompt, [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image?.toString('base64') } },
    {
      type: 'document',
      title: 'paper.pdf',
      source: { type: 'base64', media_type: 'application/pdf', data: pdf?.toString('base64') },
    },
    { type: 'document', title: 'notes.md', source: { type: 'text', media_type: 'text/plain', data: text?.toString() } },
    { type: 'text', text: 'Look at these' },
  ])
  tab.expectFault(refused)
})

scene.test('the real server takes them', async (tab) => {
  const { page } = tab
  await page.getByLabel('Files', { exact: true }).setInputFiles(files.filter(({ name }) => name !== 'paper.pdf'))
  await page.getByText('notes.md').waitFor()
  await button(page, 'Send').click()
  await tab.answer.getByText('I got 1 image and 1 document.').waitFor()
  await tab.settled()
  await page.reload()
  await tab.answer.getByText('I got 1 image and 1 document.').waitFor()
})

scene.test('a file that cannot be read by anybody is refused by its name', async ({ page }) => {
  const pick = page.getByLabel('Files', { exact: true })
  await pick.setInputFiles([{ name: 'a.out', mimeType: 'application/octet-stream', buffer: Buffer.from([1, 0, 2]) }])
  await page.getByRole('alert').getByText('a.out is no image, no PDF and no text.').waitFor()
  const big = join(scene.server.folders.root, 'big.txt')
  writeFileSync(big, '')
  truncateSync(big, 20 * 1024 ** 2 + 1)
  await pick.setInputFiles(big)
  await page.getByRole('alert').getByText('big.txt has more than 20 MB.').waitFor()
  assert.equal(await page.getByRole('list', { name: 'Files that go with it' }).count(), 0)
})

const errors: [status: number, code: string, error: string, hint: RegExp | null][] = [
  [400, 'invalid_request', 'max_turns: must be an integer from 1 to 1000', null],
  [429, 'queue_full', 'too many requests wait already', /Try again in a moment, or stop a run under Runs/],
  [503, 'claude_not_logged_in', 'Claude is not logged in', /Run claude once in a terminal and log in/],
  [503, 'claude_not_found', 'there is no claude', /claude-serve doctor/],
  [403, 'cwd_not_allowed', 'this folder is not allowed', /--cwd-root/],
]

for (const [status, code, error, hint] of errors) {
  scene.test(`${code} is told with what can be done, and what was written is not lost`, async (tab) => {
    const { page } = tab
    const sent = await refuseAll(page, status, { error, code })
    await tab.ask('Keep this')
    const alert = page.getByRole('alert')
    await alert.getByText(error).waitFor()
    await alert.getByText(code, { exact: true }).waitFor()
    if (hint !== null) assert.match(await alert.innerText(), hint)
    assert.equal(await tab.prompt.inputValue(), 'Keep this')
    assert.equal(await page.getByRole('article').count(), 0)
    await button(page, 'Send').click()
    await page.getByRole('alert').getByText(error).waitFor()
    assert.deepEqual(sent[1], sent[0])
    tab.expectFault(refused)
  })
}

scene.test('files that could not be sent are not lost', async (tab) => {
  const { page } = tab
  const sent = await refuseAll(page)
  await page.getByLabel('Files', { exact: true }).setInputFiles(files.slice(0, 1))
  await page.getByText('dot.png').waitFor()
  await tab.ask('Keep this')
  await page.getByRole('alert').getByText('not now').waitFor()
  const again = page.waitForRequest('**/v1/chat')
  await button(page, 'Send').click()
  await again
  assert.deepEqual(sent[1]?.prompt, sent[0]?.prompt)
  await page.getByRole('alert').getByText('not now').waitFor()
  tab.expectFault(refused)
})

scene.test('an error of the real server names the field', async (tab) => {
  const { page } = tab
  await opened(page)
  await fieldOf(page, 'Turns at most').fill('1.5')
  await tab.ask('Half a turn')
  await page
    .getByRole('alert')
    .getByText(/max_turns/)
    .waitFor()
  assert.equal(await tab.prompt.inputValue(), 'Half a turn')
  tab.expectFault(refused)
})

scene.test('the examples of the first page mind the options', async (tab) => {
  const { page } = tab
  const sent = await refuseAll(page)
  await opened(page)
  await fieldOf(page, 'Model').fill('opus')
  await page.getByRole('button', { name: /^Think of a name/ }).click()
  await page.getByRole('alert').getByText('not now').waitFor()
  assert.equal(sent[0]?.model, 'opus')
  tab.expectFault(refused)
})
