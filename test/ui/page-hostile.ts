// P09, P10: anything from a model, a tool, a server or a session file is shown as text. Nothing of it runs, and nothing
// makes the browser contact another host (page-scene.ts checks this after each test).
import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'
import { step } from '../helpers/test-server.ts'
import { answerOf, messagesOf, refused, type Tab, until } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const otherHost = 'http://127.0.0.1:9'

/** Each would set a global variable or contact another host if it were more than text. */
const payloads: Record<string, string> = {
  'an image with a handler': '<img src=x onerror="window.__hit=1">',
  'a script': '<script>window.__hit=1</script>',
  'a script from another host': `<script src="${otherHost}/x.js"></script>`,
  'a frame': `<iframe src="${otherHost}/frame" srcdoc="<script>parent.__hit=1</script>"></iframe>`,
  'an SVG': `<svg onload="window.__hit=1"><use href="${otherHost}/x.svg#a"/><script>window.__hit=1</script></svg>`,
  'MathML with a style': `<math><mtext><style><img src=x onerror=window.__hit=1></style></mtext></math>`,
  'a style': `<style>@import url(${otherHost}/x.css); body { display: none }</style>`,
  'a base and a form': `<base href="${otherHost}/"><form action="${otherHost}/"><input name=key autofocus onfocus=window.__hit=1></form>`,
  'a redirect': `<meta http-equiv="refresh" content="0;url=${otherHost}/">`,
  'a link that preloads': `<link rel="stylesheet" href="${otherHost}/x.css"><link rel=preload as=image href=${otherHost}/p.png>`,
  'HTML entities':
    '&lt;img src=x onerror=window.__hit=1&gt; &#60;script&#62;window.__hit=1&#60;/script&#62; &amp;lt;b&amp;gt;',
  'an image in Markdown': `![remote](${otherHost}/pixel.png) ![](${otherHost}/x) ![ref]\n\n[ref]: ${otherHost}/ref.png`,
  'an image with a data URL': '![data](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9IndpbmRvdy5fX2hpdD0xIi8+)',
  'links that run scripts':
    '[a](javascript:window.__hit=1) [b](JaVaScRiPt:window.__hit=1) [c](java&#115;cript:window.__hit=1) <javascript:window.__hit=1> [d](vbscript:x) [e](\tjavascript:window.__hit=1)',
  'links with data URLs':
    '[a](data:text/html,<script>opener.__hit=1</script>) [b](data:text/html;base64,PHNjcmlwdD4=) [c](blob:x) [d](file:///etc/passwd)',
  'links that look like our own':
    '[a](//127.0.0.1:9/evil) [b](/ui/page.js) [c](#/server) [d](\\\\evil) [e](https:evil) [f](//evil "t")',
  'formulas and charts':
    '$$\\href{javascript:window.__hit=1}{x}$$\n\n```mermaid\ngraph TD; A-->B; click A "javascript:window.__hit=1"\n```',
  'HTML in code':
    '```html\n<img src=x onerror=window.__hit=1>\n</code></pre><script>window.__hit=1</script>\n```\n\n`<script>window.__hit=1</script>`',
  'malicious language names':
    '```constructor\na\n```\n```__proto__\nb\n```\n```"><img/src=x/onerror=window.__hit=1>\nc\n```\n```js\u0000\nd\n```',
  'an unclosed fence': 'before\n\n```js\nconst x = "<script>window.__hit=1</script>"\n',
  'terminal escape sequences':
    '\u001b[31mred\u001b[0m \u001b]8;;javascript:window.__hit=1\u0007link\u001b]8;;\u0007 \u001b]0;title\u0007 \u009b2J \u0008\u0007',
  'bidi controls': 'file\u202Etxt.exe\u202C \u2066isolated\u2069 \u200Bzero\u200D',
  'a table of payloads':
    '| <b onclick=window.__hit=1>x</b> | [y](javascript:window.__hit=1) |\n| --- | --- |\n| <img src=x onerror=window.__hit=1> | ![](http://127.0.0.1:9/t.png) |',
  'lone surrogates': 'lone \ud83d and \ude00 here',
}

/** Elements and attributes that must never come from Markdown. */
const forbidden =
  'img, script, iframe, object, embed, style, link, meta, base, form, input, video, audio, math, use, [onerror], [onload], [onclick], [style], [srcdoc]'

/** There are no forbidden elements, and all links lead to web pages or mail, in a tab without access to ours. */
async function assertHarmless(locator: Locator): Promise<void> {
  assert.equal(await locator.locator(forbidden).count(), 0)
  const links = await linksIn(locator)
  assert.deepEqual(
    links.filter(
      ({ href, rel, target }) =>
        !/^(https?:\/\/|mailto:)/.test(href) || rel !== 'noopener noreferrer' || target !== '_blank',
    ),
    [],
  )
}

type Link = { href: string; rel: string; target: string }

const linksIn = (locator: Locator) =>
  locator.locator('a').evaluateAll((elements): Link[] =>
    elements.map((link) => {
      const [href = '', rel = '', target = ''] = ['href', 'rel', 'target'].map((name) => link.getAttribute(name) ?? '')
      return { href, rel, target }
    }),
  )

const allPayloads = Object.entries(payloads)
  .map(([name, text]) => `## ${name}\n\n${text}`)
  .join('\n\n')

scene.test(
  'an answer full of payloads is nothing but text',
  async (tab) => {
    const unclosed = payloads['an unclosed fence'] ?? ''
    const text = `${allPayloads.replace(unclosed, '')}\n\n## the last\n\n${unclosed}`
    await tab.send(step({ text, tokens: 60, gap: 1 }))
    await tab.settled()
    const { answer } = tab
    await answer.getByRole('heading', { name: 'the last' }).waitFor()
    await assertHarmless(answer)
    await assertHarmless(messagesOf(tab.page, 'You').first())
    const shown = await answer.innerText()
    for (const part of [
      '<img src=x onerror="window.__hit=1">',
      '<script>window.__hit=1</script>',
      '<iframe src=',
      '<style>@import',
      '&lt;b&gt;',
    ])
      assert.ok(shown.includes(part), part)
    // Only images and plain URLs have become links.
    const hrefs = (await linksIn(answer)).map(({ href }) => href)
    assert.ok(hrefs.includes(`${otherHost}/pixel.png`))
    assert.ok(
      hrefs.every((href) => href.startsWith(otherHost)),
      String(hrefs),
    )
    // The same holds when it is loaded from the file.
    await tab.page.reload()
    await answer.getByRole('heading', { name: 'the last' }).waitFor()
    await assertHarmless(answer)
  },
  { isPlain: true },
)

scene.extendedTest('the title of a link shows where it leads', async (tab) => {
  await tab.send(step({ text: '[https://bank.example](https://thief.example/x)' }))
  // While it is still incomplete, the first half is shown as a link of its own.
  await tab.settled()
  const link = tab.answer.getByRole('link', { name: 'https://bank.example' })
  assert.equal(await link.getAttribute('title'), 'https://thief.example/x')
})

const deep: Record<string, string> = {
  quotes: '>'.repeat(10_000),
  lists: Array.from({ length: 200 }, (_, index) => `${'  '.repeat(index)}- x`).join('\n'),
  brackets: '['.repeat(10_000),
  links: '[a]('.repeat(5_000),
  stars: '*a **'.repeat(4_000),
  ticks: Array.from({ length: 300 }, (_, index) => '`'.repeat(index + 1)).join(' '),
  images: '!['.repeat(5_000),
  tables: `|${'a|'.repeat(2_000)}\n|${'-|'.repeat(2_000)}\n`,
  addresses: 'http://'.repeat(3_000),
}

/** Records the longest time that the main thread was blocked, in milliseconds. */
const watchLongTasks = `
  globalThis.longest = 0
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration)
  }).observe({ type: 'longtask' })`

scene.extendedTest(
  'very deep nesting and very many repetitions are rendered without blocking the page',
  async (tab) => {
    await tab.page.evaluate(watchLongTasks)
    for (const [index, [name, text]] of Object.entries(deep).entries()) {
      await tab.send(`very many ${step({ text: `${text}\n\nend of it`, tokens: 40, gap: 2 })}`)
      await messagesOf(tab.page, 'Claude').nth(index).getByText('end of it').last().waitFor()
      await tab.settled()
      await assertHarmless(tab.answer)
      const longest = await tab.page.evaluate<number>('longest')
      assert.ok(longest < 2_000, `${name}: blocked for ${longest} ms`)
    }
  },
)

scene.extendedTest('a line of one megabyte is shown in full without blocking the page', async (tab) => {
  const { page } = tab
  await page.evaluate(watchLongTasks)
  // Too long for a scripted prompt, so the events of the run are mocked.
  const events = eventsOf({ type: 'delta', text: 'm'.repeat(1_000_000) }, done)
  await page.route('**/v1/runs/*/events*', (route) => route.fulfill({ contentType: 'text/event-stream', body: events }))
  await tab.send('a very long line, please')
  await tab.settled()
  const shown = await tab.answer.evaluate((element) => String(element.textContent).split('m').length - 1)
  assert.ok(shown >= 1_000_000, String(shown))
  const longest = await page.evaluate<number>('longest')
  assert.ok(longest < 2_000, `blocked for ${longest} ms`)
})

const done = {
  type: 'done',
  result: '',
  session_id: '',
  cost_usd: 0,
  usage: {},
  model: 'm',
  run_id: 'r',
  num_turns: 1,
  duration_ms: 1,
  stop_reason: 'end_turn',
  structured_output: null,
  permission_denials: [],
}

const eventsOf = (...events: object[]) =>
  events.map((event, index) => `id: ${index + 1}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const nasty =
  '<img src=x onerror="window.__hit=1">[x](javascript:window.__hit=1)![](http://127.0.0.1:9/n)\u202Etxt\u001b[31m'

/** Events in which every string is hostile. */
const events = [
  { type: 'start', session_id: '', model: nasty, run_id: nasty },
  { type: 'thinking', text: nasty },
  { type: 'tool_use', id: 'a', name: nasty, input: { [nasty]: nasty, command: nasty } },
  { type: 'tool_result', tool_use_id: 'a', is_error: true, text: nasty },
  { type: 'tool_use', id: 'b', name: '__proto__', input: nasty },
  {
    type: 'permission_request',
    request_id: 'p',
    tool_name: nasty,
    tool_use_id: 'a',
    input: { a: nasty },
    description: nasty,
    blocked_path: nasty,
    suggestions: [],
  },
  {
    type: 'question',
    request_id: 'q',
    tool_use_id: 'b',
    questions: [
      {
        question: nasty,
        header: nasty,
        multiSelect: false,
        options: [
          { label: nasty, description: nasty },
          { label: 'b', description: '' },
        ],
      },
    ],
  },
  { type: 'status', status: 'retrying', attempt: 1, delay_ms: 10, upstream_status: 500 },
]

const run = (fields: object) => ({
  id: `run_${'0'.repeat(32)}`,
  surface: nasty,
  status: 'running',
  session_id: null,
  model: nasty,
  cwd: nasty,
  background: true,
  metadata: { prompt: nasty },
  created_at: '2026-11-22T10:00:00.000Z',
  started_at: null,
  ended_at: null,
  pending: [],
  result: nasty,
  structured_output: null,
  cost_usd: 1,
  usage: null,
  num_turns: 1,
  duration_ms: 1,
  stop_reason: nasty,
  error: { error: nasty, code: nasty },
  ...fields,
})

const mock = (page: Page, path: string, json: unknown, status = 200) =>
  page.route(path, (route) => route.fulfill({ json, status }))

async function assertAllText(page: Page): Promise<void> {
  assert.equal(
    await page.locator(`main img, main script, main iframe, main [onerror], main a[href^="javascript"]`).count(),
    0,
  )
}

async function openRun({ page, url }: Tab): Promise<void> {
  await mock(page, '**/v1/runs/run_*', run({}))
  await page.goto(`${url}/#/runs/run_${'0'.repeat(32)}`)
}

const sendEvents = (page: Page, ...last: object[]) =>
  page.route('**/v1/runs/*/events*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: eventsOf(...events, ...last) }),
  )

scene.test('tool names, inputs and results, questions and errors are shown as text', async (tab) => {
  const { page } = tab
  await sendEvents(page)
  await openRun(tab)
  await page.getByRole('form', { name: 'Question from Claude' }).getByRole('radio').first().waitFor()
  // The stream ends, so the page reads it again, and this server sends the same events once more.
  await page
    .getByRole('region', { name: `Permission to use ${nasty}` })
    .first()
    .waitFor()
  for (const summary of await page.locator('main summary').all()) await summary.click()
  await assertAllText(page)
  await sendEvents(page, { type: 'error', error: nasty, code: nasty })
  await page.reload()
  await page.getByRole('heading', { name: 'Error', exact: true, includeHidden: true }).waitFor({ state: 'attached' })
  await answerOf(page).getByRole('status').getByText(nasty).first().waitFor()
  await assertAllText(page)
})

scene.extendedTest('the end of a run is shown as text', async (tab) => {
  const { page } = tab
  await sendEvents(page, {
    ...done,
    model: nasty,
    stop_reason: nasty,
    structured_output: { a: nasty },
    permission_denials: [{ tool_name: nasty, tool_use_id: 'a' }],
  })
  await openRun(tab)
  await page.getByText(`was not allowed.`).waitFor()
  await assertAllText(page)
})

scene.test('titles, folders and models in the views are shown as text', async (tab) => {
  const { page } = tab
  const id = '11111111-2222-4333-8444-555555555555'
  const session = {
    session_id: id,
    title: nasty,
    first_prompt: nasty,
    cwd: nasty,
    created_at: null,
    updated_at: '2026-11-22T10:00:00.000Z',
    model: nasty,
    running: nasty,
    cost_usd: 1,
    usage: null,
    resume_command: nasty,
  }
  const sums = {
    runs: 1,
    input_tokens: 1,
    output_tokens: 1,
    cache_read_input_tokens: 1,
    cache_creation_input_tokens: 1,
    cache_read_share: 1 / 3,
    cost_usd: 1,
  }
  const health = {
    ...(await scene.api('/v1/health')),
    version: nasty,
    claude_version: nasty,
    claude_path: nasty,
    auth_method: nasty,
  }
  await mock(page, '**/v1/sessions?*', { sessions: [session], next_cursor: null })
  await mock(page, `**/v1/sessions/${id}`, session)
  await mock(page, `**/v1/sessions/${id}/messages*`, {
    messages: [
      {
        id: 'a',
        role: 'user',
        created_at: null,
        content: [
          { type: 'text', text: nasty },
          { type: 'image', media_type: nasty, bytes: 1 },
          { type: 'other', name: nasty },
        ],
      },
      {
        id: 'b',
        role: 'assistant',
        created_at: null,
        content: [
          { type: 'thinking', thinking: nasty },
          { type: 'tool_use', id: 't', name: nasty, input: { path: nasty } },
        ],
      },
      {
        id: 'c',
        role: 'user',
        created_at: null,
        content: [{ type: 'tool_result', tool_use_id: 't', is_error: true, content: [{ type: 'text', text: nasty }] }],
      },
    ],
    next_cursor: null,
  })
  await mock(page, '**/v1/runs?*', { runs: [run({ status: 'failed', session_id: id })], next_cursor: null })
  await mock(page, '**/v1/usage?*', {
    from: '',
    to: '',
    group_by: 'day',
    groups: [{ group: nasty, ...sums }],
    total: sums,
  })
  await mock(page, '**/v1/models', { data: [{ id: nasty }] })
  await mock(page, '**/v1/health', health)
  const shown = nasty.slice(0, 20)
  // What was loaded before must not be shown.
  await page.reload()
  for (const [view, times] of [
    ['sessions', 1],
    [`chat/${id}`, 3],
    ['runs', 1],
    ['usage', 2],
    ['server', 3],
  ] as const) {
    // The view before has the texts too.
    await page.goto(`${tab.url}/#/none`)
    await page.getByText('There is nothing here.').waitFor()
    await page.goto(`${tab.url}/#/${view}`)
    await until(page, `document.querySelector('main')?.textContent.split(${JSON.stringify(shown)}).length > ${times}`)
    await assertAllText(page)
  }
})

scene.extendedTest('errors in the views are shown as text', async (tab) => {
  const { page } = tab
  for (const path of ['**/v1/runs?*', '**/v1/sessions?*', '**/v1/usage?*', '**/v1/health'])
    await mock(page, path, { error: nasty, code: nasty, request_id: nasty }, 500)
  for (const view of ['sessions', 'runs', 'usage', 'server']) {
    await page.goto(`${tab.url}/#/${view}`)
    await page.reload()
    await page.getByRole('alert').getByText(nasty).first().waitFor()
    await assertAllText(page)
  }
  tab.expectError(/the server responded with a status of 500/)
})

async function openInvalidIds(tab: Tab, ids: readonly string[]): Promise<void> {
  const { page } = tab
  const paths: string[] = []
  page.on('request', (request) => void paths.push(new URL(request.url()).pathname))
  for (const id of ids) {
    for (const view of ['chat', 'runs']) {
      await page.goto(`${tab.url}/#/${view}/${encodeURIComponent(id)}`)
      await page.goto(`${tab.url}/#/${view}/${id}`)
      await page.reload()
      await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' })
    }
  }
  const known = /^\/(ui\/[\w.-]+|v1\/(health|models|runs|sessions\/__proto__(\/messages)?|runs\/(__proto__|a))|)$/
  assert.deepEqual(
    paths.filter((path) => !known.test(path)),
    [],
  )
}

scene.test('an invalid id in the URL never becomes a path on the server', (tab) =>
  openInvalidIds(tab, ['../runs/run_1/cancel?']),
)

scene.extendedTest('other invalid ids in the URL never become a path on the server', async (tab) => {
  await openInvalidIds(tab, ['__proto__', '..%2Fruns', '%E0%A4%A', 'a/../../b', '?x=1'])
  // The only one that can be an id.
  tab.expectError(refused)
})

/** Forbidden actions, with the errors that the browser reports. */
const forbiddenActions: [RegExp, string][] = [
  [
    /policy: style-src/,
    `document.body.append(Object.assign(document.createElement('style'), { textContent: 'a {}' }))`,
  ],
  [/TrustedScript/, `try { document.body.setAttribute('onclick', 'alert(1)') } catch {}`],
  [/policy: connect-src http:\/\/127\.0\.0\.1:9/, `void fetch('${otherHost}/').catch(() => {})`],
  [/foreign request: http:\/\/127\.0\.0\.1:9\/x\.png/, `new Image().src = '${otherHost}/x.png'`],
  [/policy: require-trusted-types-for/, `try { document.createElement('div').innerHTML = '<b>x</b>' } catch {}`],
  [/error: Error: noticed/, `setTimeout(() => { throw new Error('noticed') })`],
]

scene.test('the policy is enforced, and these tests notice violations', async (tab) => {
  for (const [pattern, script] of forbiddenActions) {
    await tab.page.evaluate(script)
    tab.expectError(pattern)
  }
  // Reports arrive in order: after the last one, all have arrived.
  const last = tab.page.waitForEvent('console', (message) => message.text() === 'all reported')
  await tab.page.evaluate(`new Promise((done) => setTimeout(done)).then(() => console.log('all reported'))`)
  await last
  tab.expectError(/connect-src|img-src|style|Trusted|violates/)
})
