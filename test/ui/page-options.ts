// The web page: options and attached files reach the request, and errors from the server are shown.
import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { button, refused, type Tab } from './page-scene.ts'
import { scene } from './shared-scene.ts'

type RequestBody = Record<string, unknown>

/** Records what is sent, and responds with an error instead of the server. */
async function rejectAll(
  page: Page,
  status = 503,
  body: object = { error: 'not now', code: 'internal' },
): Promise<RequestBody[]> {
  const sent: RequestBody[] = []
  await page.route('**/v1/chat', async (route) => {
    sent.push(route.request().postDataJSON())
    await route.fulfill({ status, json: { request_id: 'req_1', details: {}, ...body } })
  })
  return sent
}

/** Text fields by their labels, with the resulting field of the body. */
const textFields: [label: string, text: string, field: string, value: unknown][] = [
  ['Model', 'opus', 'model', 'opus'],
  ['Folder', '/srv/work', 'cwd', '/srv/work'],
  ['Additional folders', '/a\n /b \n\n', 'add_dirs', ['/a', '/b']],
  ['Available tools', 'Read\nBash', 'tools', ['Read', 'Bash']],
  ['Allowed without asking', 'Bash(git status)\nRead', 'allowed_tools', ['Bash(git status)', 'Read']],
  ['Never allowed', 'WebFetch', 'disallowed_tools', ['WebFetch']],
  ['System prompt', 'Be brief.\nBe kind.', 'system_prompt', 'Be brief.\nBe kind.'],
  ['Append to system prompt', 'Rhyme.', 'append_system_prompt', 'Rhyme.'],
  ['Maximum turns', '3', 'max_turns', 3],
  ['Maximum cost in US dollars', '0.25', 'max_budget_usd', 0.25],
  ['Time limit in seconds', '90', 'timeout_s', 90],
  ['Fallback model', 'sonnet', 'fallback_model', 'sonnet'],
  ['JSON Schema for the answer', '{"type":"object"}', 'json_schema', { type: 'object' }],
  ['MCP servers', '{"a":{"command":"b"}}', 'mcp_servers', { a: { command: 'b' } }],
  ['Agents', '{"c":{"description":"d","prompt":"e"}}', 'agents', { c: { description: 'd', prompt: 'e' } }],
  ['Setting sources', 'user\nproject', 'setting_sources', ['user', 'project']],
]

const selectFields: [label: string, choice: string, field: string][] = [
  ['Permission mode', 'acceptEdits', 'permission_mode'],
  ['Effort', 'high', 'effort'],
  ['If the server crashes', 'restart', 'on_crash'],
]

/** A label may be followed by a help text. */
const fieldOf = (page: Page, label: string) => page.getByLabel(new RegExp(`^${label}`)).first()

const openOptions = (page: Page) => page.getByText(/^Options( \(\d+ set\))?$/).click()

scene.test('each option reaches the request, survives a reload, and can be reset', async (tab) => {
  const { page } = tab
  const sent = await rejectAll(page)
  await openOptions(page)
  for (const [label, text] of textFields) await fieldOf(page, label).fill(text)
  for (const [label, choice] of selectFields) await fieldOf(page, label).selectOption(choice)
  await page.getByLabel('Enable /commands and @files in the prompt').check()
  await page.getByText('Options (20 set)').waitFor()
  const expected = {
    commands: true,
    ...Object.fromEntries(textFields.map(([, , field, value]) => [field, value])),
    ...Object.fromEntries(selectFields.map(([, choice, field]) => [field, choice])),
  }
  await tab.send('With everything')
  await page.getByRole('alert').getByText('not now').waitFor()
  const { prompt, background, approvals, metadata, ...options } = sent[0] ?? {}
  assert.deepEqual(
    [prompt, background, approvals, metadata],
    ['With everything', true, true, { prompt: 'With everything' }],
  )
  assert.deepEqual(options, expected)
  await page.reload()
  await page.getByText('Options (20 set)').waitFor()
  await openOptions(page)
  await fieldOf(page, 'Available tools').fill('none')
  await tab.send('Without tools')
  await page.getByRole('alert').getByText('not now').waitFor()
  assert.deepEqual(sent[1]?.tools, [])
  await button(page, 'Reset to defaults').click()
  await tab.send('With nothing')
  await page.getByRole('alert').getByText('not now').waitFor()
  assert.deepEqual(Object.keys(sent[2] ?? {}).sort(), ['approvals', 'background', 'metadata', 'prompt'])
  tab.expectError(refused)
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

scene.test(
  'the real server accepts attached files',
  async (tab) => {
    const { page } = tab
    await page.getByLabel('Files', { exact: true }).setInputFiles(files.filter(({ name }) => name !== 'paper.pdf'))
    await page.getByText('notes.md').waitFor()
    await button(page, 'Send').click()
    await tab.answer.getByText('I got 1 image and 1 document.').waitFor()
    await tab.settled()
    await page.reload()
    await tab.answer.getByText('I got 1 image and 1 document.').waitFor()
  },
  { isPlain: true },
)

const errors: [status: number, code: string, error: string, hint: RegExp | null][] = [
  [400, 'invalid_request', 'max_turns: must be an integer from 1 to 1000', null],
  [429, 'queue_full', 'too many requests wait already', /Try again in a moment, or stop a run under Runs/],
  [503, 'claude_not_found', 'there is no claude', /claude-serve doctor/],
  [403, 'cwd_not_allowed', 'this folder is not allowed', /--cwd-root/],
]

async function testForm(tab: Tab, t: TestContext): Promise<void> {
  const { page } = tab

  await t.test('this test covers every option of the form', async () => {
    await openOptions(page)
    const ids = await page.locator('[id^=option-]').evaluateAll((all) => all.map(({ id }) => id.replace('option-', '')))
    assert.deepEqual(
      ids.sort(),
      ['commands', ...textFields.map(([, , field]) => field), ...selectFields.map(([, , field]) => field)].sort(),
    )
  })

  await t.test('invalid JSON and numbers are reported with the name of the field, and nothing is sent', async () => {
    const sent = await rejectAll(page)
    const alert = page.getByRole('alert')
    for (const [label, text] of [
      ['JSON Schema for the answer', '{"type": '],
      ['MCP servers', 'x'],
      ['Agents', '{,}'],
      ['Maximum turns', 'many'],
      ['Time limit in seconds', '-1'],
    ] as const) {
      await fieldOf(page, label).fill(text)
      await tab.send('With a mistake')
      await alert.getByText(`${label}:`).waitFor()
      assert.equal(await tab.prompt.inputValue(), 'With a mistake')
      await fieldOf(page, label).fill('')
    }
    assert.deepEqual(sent, [])
    await tab.send('Without')
    await alert.getByText('not now').waitFor()
    assert.equal(sent.length, 1)
    tab.expectError(refused)
  })
}

type Register = typeof scene.test
const nothing: typeof testForm = async () => {}

function testErrors(register: Register, title: string, isIncluded: (code: string) => boolean, before = nothing): void {
  register(title, async (tab, t) => {
    const { page } = tab
    await before(tab, t)
    for (const [status, code, error, hint] of errors.filter(([, code]) => isIncluded(code))) {
      await t.test(`${code} is shown with a hint if there is one, and the prompt is not lost`, async () => {
        const sent = await rejectAll(page, status, { error, code })
        await tab.send('Keep this')
        const alert = page.getByRole('alert')
        await alert.getByText(error).waitFor()
        await alert.getByText(code, { exact: true }).waitFor()
        if (hint !== null) assert.match(await alert.innerText(), hint)
        assert.equal(await tab.prompt.inputValue(), 'Keep this')
        assert.equal(await page.getByRole('article').count(), 0)
        await button(page, 'Send').click()
        await page.getByRole('alert').getByText(error).waitFor()
        assert.deepEqual(sent[1], sent[0])
      })
    }
    tab.expectError(refused)
  })
}

const essential = ['invalid_request', 'queue_full']
testErrors(scene.test, 'the form, and errors with and without a hint', (code) => essential.includes(code), testForm)
testErrors(scene.extendedTest, 'other errors', (code) => !essential.includes(code))

scene.extendedTest('an error of the real server names the field', async (tab) => {
  const { page } = tab
  await openOptions(page)
  await fieldOf(page, 'Maximum turns').fill('1.5')
  await tab.send('Half a turn')
  await page
    .getByRole('alert')
    .getByText(/max_turns/)
    .waitFor()
  assert.equal(await tab.prompt.inputValue(), 'Half a turn')
  tab.expectError(refused)
})

scene.extendedTest('examples and files', async (tab, t) => {
  const { page } = tab

  await t.test('the examples on the start page use the options', async () => {
    const sent = await rejectAll(page)
    await openOptions(page)
    await fieldOf(page, 'Model').fill('opus')
    await page.getByRole('button', { name: /^Think of a name/ }).click()
    await page.getByRole('alert').getByText('not now').waitFor()
    assert.equal(sent[0]?.model, 'opus')
    tab.expectError(refused)
    await page.reload()
  })

  await t.test('files that could not be sent stay attached', async () => {
    const sent = await rejectAll(page)
    await page.getByLabel('Files', { exact: true }).setInputFiles(files.slice(0, 1))
    await page.getByText('dot.png').waitFor()
    await tab.send('Keep this')
    await page.getByRole('alert').getByText('not now').waitFor()
    const again = page.waitForRequest('**/v1/chat')
    await button(page, 'Send').click()
    await again
    assert.deepEqual(sent[1]?.prompt, sent[0]?.prompt)
    await page.getByRole('alert').getByText('not now').waitFor()
    tab.expectError(refused)
    await page.reload()
  })

  await t.test('attached files are sent with the prompt, each as its type', async () => {
    const sent = await rejectAll(page)
    await page
      .getByLabel('Files', { exact: true })
      .setInputFiles([...files, { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }])
    const list = page.getByRole('list', { name: 'Attached files' })
    await list.getByText('wrong.txt').waitFor()
    await button(page, 'Remove wrong.txt').click()
    assert.equal(await list.getByRole('listitem').count(), 3)
    await tab.send('Look at these')
    await page.getByRole('alert').getByText('not now').waitFor()
    const [image, pdf, text] = files.map(({ buffer }) => buffer)
    assert.deepEqual(sent[0]?.prompt, [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image?.toString('base64') } },
      {
        type: 'document',
        title: 'paper.pdf',
        source: { type: 'base64', media_type: 'application/pdf', data: pdf?.toString('base64') },
      },
      {
        type: 'document',
        title: 'notes.md',
        source: { type: 'text', media_type: 'text/plain', data: text?.toString() },
      },
      { type: 'text', text: 'Look at these' },
    ])
    tab.expectError(refused)
    await page.reload()
  })

  await t.test('a file that cannot be attached is rejected with its name', async () => {
    const pick = page.getByLabel('Files', { exact: true })
    await pick.setInputFiles([{ name: 'a.out', mimeType: 'application/octet-stream', buffer: Buffer.from([1, 0, 2]) }])
    await page.getByRole('alert').getByText('a.out is not an image, a PDF or a text file.').waitFor()
    const big = join(scene.server.folders.root, 'big.txt')
    writeFileSync(big, '')
    truncateSync(big, 20 * 1024 ** 2 + 1)
    await pick.setInputFiles(big)
    await page.getByRole('alert').getByText('big.txt is larger than 20 MB.').waitFor()
    assert.equal(await page.getByRole('list', { name: 'Attached files' }).count(), 0)
  })
})
