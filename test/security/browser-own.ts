// What the server's own pages can do, and what even they cannot: the counterpart of everything that other pages are refused.
import assert from 'node:assert/strict'
import { testIf } from '../helpers/extended.ts'
import { assertNothingGranted, canary, newMark, openPage, type Scene, startTarget } from './browser-scene.ts'

type Row = [
  name: string,
  /** `url` is an address of the server; returns what the page learns from it. */
  script: string,
  path: string,
  expect: { learned: string; status: number; runs: number },
]

const json = `'{"prompt":"hi"}'`
const asJson = `{ 'content-type': 'application/json' }`
const cancel = '/v1/runs/run_00000000000000000000000000000000/cancel'
const refused = (status: number) => ({ learned: String(status), status, runs: 0 })
const status = (fields: string) => `return String((await fetch(url, ${fields})).status)`

const rows: Row[] = [
  [
    'B07 fetch, JSON',
    `return (await (await fetch(url, { method: 'POST', headers: ${asJson}, body: ${json} })).json()).result`,
    '/v1/chat',
    { learned: 'Hello there', status: 200, runs: 1 },
  ],
  [
    'B07 fetch of a stream',
    `const text = await (await fetch(url, { method: 'POST', headers: ${asJson}, body: ${json} })).text()
    return [...text.matchAll(/"type":"(\\w+)"/g)].map(([, type]) => type).join()`,
    '/v1/chat/stream',
    { learned: 'start,delta,delta,done', status: 200, runs: 1 },
  ],
  [
    'B07 sendBeacon, a JSON Blob',
    `navigator.sendBeacon(url, new Blob([${json}], { type: 'application/json' })); return ''`,
    '/v1/chat',
    { learned: '', status: 200, runs: 1 },
  ],
  [
    'B07 fetch, GET',
    `return (await (await fetch(url)).json()).claude_version`,
    '/v1/health',
    { learned: canary, status: 200, runs: 0 },
  ],
  ['B14 fetch, text', status(`{ method: 'POST', body: ${json} }`), '/v1/chat', refused(415)],
  ['B14 fetch, a Blob without type', status(`{ method: 'POST', body: new Blob([${json}]) }`), '/v1/chat', refused(415)],
  [
    'B15 a form',
    `const action = { action: url, method: 'post', enctype: 'text/plain', target: '_blank' }
    document.body.appendChild(Object.assign(document.createElement('form'), action)).submit()
    return ''`,
    '/v1/chat',
    // Without a referrer a form sends no origin either.
    { learned: '', status: 403, runs: 0 },
  ],
  [
    'B16 sendBeacon, text',
    `navigator.sendBeacon(url, ${json}); return ''`,
    '/v1/chat',
    { learned: '', status: 415, runs: 0 },
  ],
  ['B24 POST without body and type', status(`{ method: 'POST' }`), cancel, refused(415)],
  ['B24 POST without body', status(`{ method: 'POST', headers: ${asJson} }`), cancel, refused(404)],
  [
    'B06 a sandboxed frame',
    `const say = (what) => 'parent.postMessage(' + what + ', "*")'
    const asks = 'fetch("' + url + '").then(() => ' + say('"read"') + ', () => ' + say('""') + ')'
    const srcdoc = '<script>' + asks + '</' + 'script>'
    const told = new Promise((done) => addEventListener('message', ({ data }) => done(data)))
    document.body.append(Object.assign(document.createElement('iframe'), { sandbox: 'allow-scripts', srcdoc }))
    return told`,
    '/v1/health',
    { learned: '', status: 403, runs: 0 },
  ],
  [
    'B06 another name of the server',
    `const other = location.hostname === 'localhost' ? '127.0.0.1' : 'localhost'
    return fetch(url.replace(location.hostname, other)).then(() => 'read', () => '')`,
    '/v1/health',
    { learned: '', status: 403, runs: 0 },
  ],
]

export function ownPage({ browser }: Scene): void {
  for (const name of ['localhost', '127.0.0.1']) {
    testIf(name === 'localhost')(`B07 a page of the server at ${name}`, { timeout: 60_000 }, async (t) => {
      const { agent, watch, port } = await startTarget(t)
      const origin = `http://${name}:${port}`
      const page = await openPage(t, browser, `${origin}/page`)
      for (const [what, script, path, expect] of rows) {
        await t.test(`${what}, from a page of the server at ${name}`, async () => {
          const before = agent.requests.length
          const mark = newMark()
          const learned = await page.evaluate<string>(
            `(async (url) => { ${script} })(${JSON.stringify(`${origin}${path}${mark}`)})`,
          )
          const { status, answered } = await watch.first(mark)
          assert.deepEqual({ learned, status, runs: agent.requests.length - before }, expect)
          assertNothingGranted(answered)
        })
      }
      await t.test(`B20 a WebSocket, from a page of the server at ${name}`, async () => {
        const mark = newMark()
        const how = await page.evaluate<string>(`new Promise((done) => {
          const socket = new WebSocket('ws://${name}:${port}/v1/chat/stream${mark}')
          socket.onopen = () => done('open')
          socket.onclose = () => done('closed')
        })`)
        assert.equal(how, 'closed')
        assert.notEqual((await watch.first(mark)).status, 101)
      })
    })
  }
}
