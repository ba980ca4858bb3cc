// The setting of the browser tests: the guarded server, a server that lets everybody in, and the home of hostile pages. Each
// records what arrives and how it was answered. Contains no tests.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { Authenticator } from '../../src/auth/authenticate.ts'
import type { App } from '../../src/http/app.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { registerAnthropic } from '../../src/surfaces/anthropic/routes.ts'
import { registerOpenai } from '../../src/surfaces/openai/routes.ts'
import { batchOptions } from '../helpers/batch-options.ts'
import { type Cleanup, createInjectApp, type InjectAppOptions, openaiRest } from '../helpers/inject-app.ts'
import type { ScriptedAgent } from '../helpers/scripted-agent.ts'

/** Appears in the answers of both servers and nowhere else. */
export const canary = 'canary-5b1f9c'

export type Arrival = {
  method: string
  url: string
  /** Of the request. */
  headers: NodeJS.Dict<string | string[]>
  status: number
  /** The headers of the answer. */
  answered: OutgoingHttpHeaders
}

/** Records each request of a server once it is answered. */
export class Watch {
  readonly arrivals: Arrival[] = []
  #waiting: (() => void)[] = []

  constructor(server: Server) {
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      response.once('close', () => this.note(request, response.statusCode, response.getHeaders()))
    })
  }

  note({ method = '', url = '', headers }: IncomingMessage, status: number, answered: OutgoingHttpHeaders = {}): void {
    // A browser requests it when it shows an answer of any kind.
    if (url === '/favicon.ico') return
    this.arrivals.push({ method, url, headers, status, answered })
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** The arrivals at addresses with this ending, once there are enough. */
  async until(ending: string, isEnough: (arrivals: Arrival[]) => boolean): Promise<Arrival[]> {
    for (;;) {
      const arrivals = this.arrivals.filter(({ url }) => url.endsWith(ending))
      if (isEnough(arrivals)) return arrivals
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** The first arrival at an address with this ending. */
  async first(ending: string): Promise<Arrival> {
    const [arrival] = await this.until(ending, ({ length }) => length > 0)
    assert.ok(arrival)
    return arrival
  }
}

/** The answer was a refusal, and no page may read it. */
export function assertRefused({ method, url, status, answered }: Arrival): void {
  assert.equal(status, 403, `${method} ${url}`)
  assertNothingGranted(answered)
}

export function assertNothingGranted(answered: OutgoingHttpHeaders): void {
  for (const name of Object.keys(answered)) assert.doesNotMatch(name, /^access-control-|^set-cookie$/)
}

const models = async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** `/bare` is as protected as any answer; `/page` may load anything, as that is not what these tests are about. */
function ownPages(app: App): void {
  const config = { scope: 'open' } as const
  app.get('/bare', { config }, (_request, reply) => reply.type('text/html').send(html(canary)))
  app.get('/page', { config }, (_request, reply) =>
    reply.header('content-security-policy', "default-src * 'unsafe-inline'").type('text/html').send(html(canary)),
  )
}

export type Target = { agent: ScriptedAgent; watch: Watch; port: number }

export type TargetOptions = Omit<InjectAppOptions, 'prepare'> & { port?: number }

const html = (body: string) => `<!doctype html><link rel="icon" href="data:,"><body>${body}</body>`

/** The native, OpenAI and Anthropic surfaces on a scripted agent, and two pages of the server's own. */
export async function startTarget(t: Cleanup, { port = 0, ...options }: TargetOptions = {}): Promise<Target> {
  const { app, agent } = await createInjectApp(t, {
    callers: new Authenticator({ keys: openMemoryStore(), isLoopback: true, now: Date.now }),
    native: { health: async () => ({ status: 'ok', claude_version: canary }) },
    ...options,
    prepare: (app, runs) => {
      const shared = { runs, models, modelMap: {}, requestTimeoutMs: 60_000 }
      app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...shared }))
      app.register(async (scope) => registerAnthropic(scope, { ...shared, ...batchOptions(), countTokens: () => 7 }))
      app.register(async (scope) => ownPages(scope))
    },
  })
  await app.listen({ host: '127.0.0.1', port })
  return { agent, watch: new Watch(app.server), port: (app.server.address() as AddressInfo).port }
}

export type PageServer = { watch: Watch; port: number; close(): Promise<void> }

async function listen(t: Cleanup, server: Server): Promise<PageServer> {
  const watch = new Watch(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  t.after(close)
  return { watch, port: (server.address() as AddressInfo).port, close }
}

const everythingAllowed = ({ headers }: IncomingMessage) => ({
  'access-control-allow-origin': headers.origin ?? '*',
  'access-control-allow-credentials': 'true',
  'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
})

/** Answers that a page can use, by what its browser requests them for. */
const useful: Record<string, [type: string, body: string]> = {
  image: ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
  script: ['text/javascript', `globalThis.seen = '${canary}'`],
  style: ['text/css', ''],
  iframe: ['text/html', html(canary)],
  object: ['text/html', html(canary)],
  embed: ['text/html', html(canary)],
  document: ['text/html', html(canary)],
}

/** Lets everybody in and lets them read: what the guarded server refuses must get through here, or it was no attack. */
export async function startOpenDoor(t: Cleanup): Promise<PageServer> {
  const server = createServer((request, response) => {
    const isStream = request.headers.accept === 'text/event-stream'
    const plain = isStream ? ['text/event-stream', `data: ${canary}\n\n`] : ['application/json', `{"a":"${canary}"}`]
    const [type, body] = useful[String(request.headers['sec-fetch-dest'])] ?? plain
    response.writeHead(200, { ...everythingAllowed(request), 'content-type': type }).end(body)
  })
  const started = await listen(t, server)
  server.on('upgrade', (request, socket) => {
    started.watch.note(request, 101)
    socket.destroy()
  })
  return started
}

const sandbox = 'allow-scripts allow-forms allow-popups allow-downloads'

type HostilePage = { status?: number; headers?: OutgoingHttpHeaders; body?: string }

const hostilePages: Record<string, (to: string, isAsking: boolean) => HostilePage> = {
  '/': () => ({ body: html('') }),
  '/quiet': () => ({ headers: { 'referrer-policy': 'no-referrer' }, body: html('') }),
  '/sandboxed': () => ({ body: html(`<iframe sandbox="${sandbox}" src="/"></iframe>`) }),
  '/data': () => ({ body: html('<iframe src="data:text/html,<body></body>"></iframe>') }),
  '/redirect': (to, isAsking) => ({ status: isAsking ? 204 : 307, headers: { location: to } }),
  '/reporting': (to) => ({
    headers: { 'content-security-policy': `script-src 'none'; report-uri ${to}` },
    body: html('<script>0</script>'),
  }),
}

/** The home of hostile pages. They may read everything of their own. */
export function startHome(t: Cleanup): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://home')
    const page = hostilePages[pathname]?.(searchParams.get('to') ?? '', request.method === 'OPTIONS')
    const { status = page ? 200 : 404, headers = {}, body = '' } = page ?? {}
    response.writeHead(status, { 'content-type': 'text/html', ...everythingAllowed(request), ...headers }).end(body)
  })
  return listen(t, server)
}

/** A page in a browser context of its own, which is closed after the test. It has the permissions that its user allowed. */
export async function openPage(t: Cleanup, browser: Browser, url: string, allowed: string[] = []): Promise<Page> {
  const context = await browser.newContext({ permissions: allowed })
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(url)
  return page
}

let marks = 0

/** A unique ending for an address. */
export const newMark = () => `?mark=${++marks}.`

export type Scene = {
  browser: Browser
  /** Its pages have the names that the browser knows, and this port. */
  home: PageServer
  /** The same, but the browser takes it for a server on the internet. */
  publicHome: PageServer
}
