// P09, P10: whatever a model, a tool, a server or a session's file says is text on the page. None of it is run, and none of it makes
// the browser ask anybody (page-scene.ts looks after each test).
import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'
import { step } from '../helpers/test-server.ts'
import { answerOf, messagesOf, openPageScene, refused, until } from './page-scene.ts'

const scene = await openPageScene()

const elsewhere = 'http://127.0.0.1:9'

/** Each would leave a mark, or ask elsewhere, if it were more than text. */
const payloads: Record<string, string> = {
  'an image with a handler': '<img src=x onerror="window.__hit=1">',
  'a script': '<script>window.__hit=1</script>',
  'a script from elsewhere': `<script src="${elsewhere}/x.js"></script>`,
  'a frame': `<iframe src="${elsewhere}/frame" srcdoc="<script>parent.__hit=1</script>"></iframe>`,
  'a drawing': `<svg onload="window.__hit=1"><use href="${elsewhere}/x.svg#a"/><script>window.__hit=1</script></svg>`,
  'formulas with a style': `<math><mtext><style><img src=x onerror=window.__hit=1></style></mtext></math>`,
  'a style': `<style>@import url(${elsewhere}/x.css); body { display: none }</style>`,
  'a base and a form': `<base href="${elsewhere}/"><form action="${elsewhere}/"><input name=key autofocus onfocus=window.__hit=1></form>`,
  'a page that moves on': `<meta http-equiv="refresh" content="0;url=${elsewhere}/">`,
  'a link that preloads': `<link rel="stylesheet" href="${elsewhere}/x.css"><link rel=preload as=image href=${elsewhere}/p.png>`,
  entities:
    '&lt;img src=x onerror=window.__hit=1&gt; &#60;script&#62;window.__hit=1&#60;/script&#62; &amp;lt;b&amp;gt;',
  'an image in Markdown': `![remote](${elsewhere}/pixel.png) ![](${elsewhere}/x) ![ref]\n\n[ref]: ${elsewhere}/ref.png`,
  'an image with data': '![data](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9IndpbmRvdy5fX2hpdD0xIi8+)',
  'links that run':
    '[a](javascript:window.__hit=1) [b](JaVaScRiPt:window.__hit=1) [c](java&#115;cript:window.__hit=1) <javascript:window.__hit=1> [d](vbscript:x) [e](\tjavascript:window.__hit=1)',
  'links with data':
    '[a](data:text/html,<script>opener.__hit=1</script>) [b](data:text/html;base64,PHNjcmlwdD4=) [c](blob:x) [d](file:///etc/passwd)',
  'links that look like ours':
    '[a](//127.0.0.1:9/evil) [b](/ui/page.js) [c](#/server) [d](\\\\evil) [e](https:evil) [f](//evil "t")',
  'formulas and charts':
    '$$\\href{javascript:window.__hit=1}{x}$$\n\n```mermaid\ngraph TD; A-->B; click A "javascript:window.__hit=1"\n```',
  'code with HTML':
    '```html\n<img src=x onerror=window.__hit=1>\n</code></pre><script>window.__hit=1</script>\n```\n\n`<script>window.__hit=1</script>`',
  'strange languages':
    '```constructor\na\n```\n```__proto__\nb\n```\n```"><img/src=x/onerror=window.__hit=1>\nc\n```\n```js\u0000\nd\n```',
  'a fence that is not closed': 'before\n\n```js\nconst x = "<script>window.__hit=1</script>"\n',
  'a terminal':
    '\u001b[31mred\u001b[0m \u001b]8;;javascript:window.__hit=1\u0007link\u001b]8;;\u0007 \u001b]0;title\u0007 \u009b2J \u0008\u0007',
  'text from right to left': 'file\u202Etxt.exe\u202C \u2066isolated\u2069 \u200Bzero\u200D',
  'a table of it':
    '| <b onclick=window.__hit=1>x</b> | [y](javascript:window.__hit=1) |\n| --- | --- |\n| <img src=x onerror=window.__hit=1> | ![](http://127.0.0.1:9/t.png) |',
  'halves of characters': 'lone \ud83d and \ude00 here',
}

/** What Markdown must never have made of it. */
const forbidden =
  'img, script, iframe, object, embed, style, link, meta, base, form, input, video, audio, math, use, [onerror], [onload], [onclick], [style], [srcdoc]'

/** All links lead to web pages, in a tab that knows nothing of ours. */
async function assertTame(place: Locator): Promise<void> {
  assert.equal(await place.locator(forbidden).count(), 0)
  const links = await linksIn(place)
  assert.deepEqual(
    links.filter(
      ({ href, rel, target }) =>
        !/^(https?:\/\/|mailto:)/.test(href) || rel !== 'noopener noreferrer' || target !== '_blank',
    ),
    [],
  )
}

type Link = { href: string; rel: string; target: string }

const linksIn = (place: Locator) =>
  place.locator('a').evaluateAll((found): Link[] =>
    found.map((link) => {
      const [href = '', rel = '', target = ''] = ['href', 'rel', 'target'].map((name) => link.getAttribute(name) ?? '')
      return { href, rel, target }
    }),
  )

const allPayloads = Object.entries(payloads)
  .map(([name, text]) => `## ${name}\n\n${text}\n\n${text.includes('not closed') ? '```' : ''}`)
  .join('\n\n')

scene.test('of an answer full of it nothing is more than text', async (tab) => {
  const unclosed = payloads['a fence that is not closed'] ?? ''
  const text = `${allPayloads.replace(unclosed, '')}\n\n## the last\n\n${unclosed}`
  await tab.ask(step({ text, tokens: 60, gap: 1 }))
  await tab.settled()
  const { answer } = tab
  await answer.getByRole('heading', { name: 'the last' }).waitFor()
  await assertTame(answer)
  await assertTame(messagesOf(tab.page, 'You').first())
  const shown = await answer.innerText()
  for (const part of [
    '<img src=x onerror="window.__hit=1">',
    '<script>window.__hit=1</script>',
    '<iframe src=',
    '<style>@import',
    '&lt;b&gt;',
  ])
    assert.ok(shown.includes(part), part)
  // Nothing more than the conversation can be clicked at.
  const hrefs = (await linksIn(answer)).map(({ href }) => href)
  assert.ok(hrefs.includes(`${elsewhere}/pixel.png`))
  assert.ok(
    hrefs.every((href) => href.startsWith(elsewhere)),
    String(hrefs),
  )
  // And the same when it is read from the file.
  await tab.page.reload()
  await answer.getByRole('heading', { name: 'the last' }).waitFor()
  await assertTame(answer)
})

scene.test('a link says where it leads', async (tab) => {
  await tab.ask(step({ text: '[https://bank.example](https://thief.example/x)' }))
  // Before its other half has come, it is an address.
  await tab.settled()
  const link = tab.answer.getByRole('link', { name: 'https://bank.example' })
  assert.equal(await link.getAttribute('title'), 'https://thief.example/x')
})

const deep: Record<string, string> = {
  quotes: '>'.repeat(10_000),
  lists: Array.from({ length: 200 }, (_, at) => `${'  '.repeat(at)}- x`).join('\n'),
  brackets: '['.repeat(10_000),
  links: '[a]('.repeat(5_000),
  stars: '*a **'.repeat(4_000),
  ticks: Array.from({ length: 300 }, (_, at) => '`'.repeat(at + 1)).join(' '),
  images: '!['.repeat(5_000),
  tables: `|${'a|'.repeat(2_000)}\n|${'-|'.repeat(2_000)}\n`,
  addresses: 'http://'.repeat(3_000),
}

/** How long the page's thread was busy at a stretch, in milliseconds. */
const watchLongTasks = `
  globalThis.longest = 0
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration)
  }).observe({ type: 'longtask' })`

scene.test('what is nested very deeply, or repeated very often, is drawn, and the page goes on', async (tab) => {
  await tab.page.evaluate(watchLongTasks)
  for (const [at, [name, text]] of Object.entries(deep).entries()) {
    await tab.ask(`very many ${step({ text: `${text}\n\nend of it`, tokens: 40, gap: 2 })}`)
    await messagesOf(tab.page, 'Claude').nth(at).getByText('end of it').last().waitFor()
    await tab.settled()
    await assertTame(tab.answer)
    const longest = await tab.page.evaluate<number>('longest')
    assert.ok(longest < 2_000, `${name}: busy for ${longest} ms`)
  }
})

scene.test('a megabyte in one line is shown as a whole, and the page goes on', async (tab) => {
  const { page } = tab
  await page.evaluate(watchLongTasks)
  // More than a prompt may script: told by a stand-in for the events of a run.
  const events = eventsOf({ type: 'delta', text: 'm'.repeat(1_000_000) }, done)
  await page.route('**/v1/runs/*/events*', (route) => route.fulfill({ contentType: 'text/event-stream', body: events }))
  await tab.ask('a very long line, please')
  await tab.settled()
  const shown = await tab.answer.evaluate((element) => String(element.textContent).split('m').length - 1)
  assert.ok(shown >= 1_000_000, String(shown))
  const longest = await page.evaluate<number>('longest')
  assert.ok(longest < 2_000, `busy for ${longest} ms`)
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
  events.map((event, at) => `id: ${at + 1}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const nasty =
  '<img src=x onerror="window.__hit=1">[x](javascript:window.__hit=1)![](http://127.0.0.1:9/n)\u202Etxt\u001b[31m'

/** Strings that stand anywhere in an event are this one. */
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

const fulfil = (page: Page, path: string, json: unknown, status = 200) =>
  page.route(path, (route) => route.fulfill({ json, status }))

async function assertAllText(page: Page): Promise<void> {
  assert.equal(
    await page.locator(`main img, main script, main iframe, main [onerror], main a[href^="javascript"]`).count(),
    0,
  )
}

scene.test('names, inputs and results of tools, what is asked, and errors are text', async (tab) => {
  const { page } = tab
  await fulfil(page, '**/v1/runs/run_*', run({}))
  const failed = { type: 'error', error: nasty, code: nasty }
  await page.route('**/v1/runs/*/events*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: eventsOf(...events) }),
  )
  await page.goto(`${tab.url}/#/runs/run_${'0'.repeat(32)}`)
  await page.getByRole('form', { name: 'Claude asks' }).getByRole('radio').first().waitFor()
  await page.getByRole('region', { name: `Permission to use ${nasty}` }).waitFor()
  for (const closed of await page.locator('main summary').all()) await closed.click()
  await assertAllText(page)
  await page.route('**/v1/runs/*/events*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: eventsOf(...events, failed) }),
  )
  await page.reload()
  await page.getByText('What went wrong').waitFor({ state: 'attached' })
  await answerOf(page).getByRole('status').getByText(nasty).first().waitFor()
  await assertAllText(page)
  await page.route('**/v1/runs/*/events*', (route) => {
    const reply = {
      ...done,
      model: nasty,
      stop_reason: nasty,
      structured_output: { a: nasty },
      permission_denials: [{ tool_name: nasty, tool_use_id: 'a' }],
    }
    return route.fulfill({ contentType: 'text/event-stream', body: eventsOf(...events, reply) })
  })
  await page.reload()
  await page.getByText(`was not allowed.`).waitFor()
  await assertAllText(page)
})

scene.test('titles, folders, models and errors in the views are text', async (tab) => {
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
    cost_usd: 1,
  }
  const health = {
    ...(await scene.api('/v1/health')),
    version: nasty,
    claude_version: nasty,
    claude_path: nasty,
    auth_method: nasty,
  }
  await fulfil(page, '**/v1/sessions?*', { sessions: [session], next_cursor: null })
  await fulfil(page, `**/v1/sessions/${id}`, session)
  await fulfil(page, `**/v1/sessions/${id}/messages*`, {
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
  await fulfil(page, '**/v1/runs?*', { runs: [run({ status: 'failed', session_id: id })], next_cursor: null })
  await fulfil(page, '**/v1/usage?*', {
    from: '',
    to: '',
    group_by: 'day',
    groups: [{ group: nasty, ...sums }],
    total: sums,
  })
  await fulfil(page, '**/v1/models', { data: [{ id: nasty }] })
  await fulfil(page, '**/v1/health', health)
  const shown = nasty.slice(0, 20)
  for (const [view, times] of [
    ['sessions', 1],
    [`chat/${id}`, 3],
    ['runs', 1],
    ['usage', 2],
    ['server', 3],
  ] as const) {
    await page.goto(`${tab.url}/#/${view}`)
    await page.reload()
    await until(page, `document.querySelector('main')?.textContent.split(${JSON.stringify(shown)}).length > ${times}`)
    await assertAllText(page)
  }
  for (const path of ['**/v1/runs?*', '**/v1/sessions?*', '**/v1/usage?*', '**/v1/health'])
    await fulfil(page, path, { error: nasty, code: nasty, request_id: nasty }, 500)
  for (const view of ['sessions', 'runs', 'usage', 'server']) {
    await page.goto(`${tab.url}/#/${view}`)
    await page.reload()
    await page.getByRole('alert').getByText(nasty).first().waitFor()
    await assertAllText(page)
  }
  tab.expectFault(/the server responded with a status of 500/)
})

scene.test('what is no id in an address leads nowhere on the server', async (tab) => {
  const { page } = tab
  const paths: string[] = []
  page.on('request', (request) => void paths.push(new URL(request.url()).pathname))
  for (const id of ['../runs/run_1/cancel?', '..%2Fruns', '%E0%A4%A', 'a/../../b', '?x=1', '__proto__']) {
    for (const view of ['chat', 'runs']) {
      await page.goto(`${tab.url}/#/${view}/${encodeURIComponent(id)}`)
      await page.goto(`${tab.url}/#/${view}/${id}`)
      await page.reload()
      await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' })
    }
  }
  const known = /^\/(ui\/[\w.-]+|v1\/(models|runs|sessions\/__proto__(\/messages)?|runs\/(__proto__|a))|)$/
  assert.deepEqual(
    paths.filter((path) => !known.test(path)),
    [],
  )
  tab.expectFault(refused)
})

/** Each is forbidden, and the browser says so in these words. */
const misdeeds: [RegExp, string][] = [
  [
    /policy: style-src/,
    `document.body.append(Object.assign(document.createElement('style'), { textContent: 'a {}' }))`,
  ],
  [/TrustedScript/, `try { document.body.setAttribute('onclick', 'alert(1)') } catch {}`],
  [/policy: connect-src http:\/\/127\.0\.0\.1:9/, `void fetch('${elsewhere}/').catch(() => {})`],
  [/elsewhere: http:\/\/127\.0\.0\.1:9\/x\.png/, `new Image().src = '${elsewhere}/x.png'`],
  [/policy: require-trusted-types-for/, `try { document.createElement('div').innerHTML = '<b>x</b>' } catch {}`],
  [/error: Error: noticed/, `setTimeout(() => { throw new Error('noticed') })`],
]

scene.test('what the policy forbids is forbidden, and noticed by these tests', async (tab) => {
  for (const [words, script] of misdeeds) {
    await tab.page.evaluate(script)
    tab.expectFault(words)
  }
  // What is told comes in order: the last one means that all were told.
  const last = tab.page.waitForEvent('console', (message) => message.text() === 'all were told')
  await tab.page.evaluate(`new Promise((done) => setTimeout(done)).then(() => console.log('all were told'))`)
  await last
  tab.expectFault(/connect-src|img-src|style|Trusted|violates/)
})
