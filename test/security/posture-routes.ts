// Every route of a real server, as Fastify reports them during registration, and a request for each. Not for what any of them does.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { RouteOptions } from 'fastify'
import type { App } from '../../src/http/app.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

/** `surface`: set for a path that two APIs share. */
export type Route = { methods: string[]; path: string; scope: string; surface: string; takesForms?: boolean }

const channel = 'fastify.initialization'

/** Call it when the server is ready: a later hook may set what a route needs. */
function toRoute({ method, url, config, constraints }: RouteOptions): Route {
  const { surface = '' } = (constraints ?? {}) as { surface?: string }
  return {
    methods: [method].flat(),
    path: url,
    scope: config?.scope ?? 'none',
    surface,
    takesForms: config?.takesForms ?? false,
  }
}

/** Starts a server and records its routes. `add` may register more of them. */
export async function startWithRoutes(
  t: Pick<TestContext, 'after'>,
  options: TestServerOptions,
  add: (app: App) => void = () => {},
): Promise<{ server: TestServer; routes: Route[] }> {
  const found: RouteOptions[] = []
  const onApp = (message: unknown) => {
    const { fastify } = message as { fastify: App }
    fastify.addHook('onRoute', (route) => void found.push(route))
    add(fastify)
  }
  subscribe(channel, onApp)
  try {
    const server = await startTestServer(t, options)
    return { server, routes: found.map(toRoute) }
  } finally {
    unsubscribe(channel, onApp)
  }
}

/** Real values for the placeholders of a path. */
const samples: Record<string, string> = {
  '/v1/runs/:id': `/v1/runs/run_${'0'.repeat(32)}`,
  '/responses/:id': `/responses/resp_${'0'.repeat(32)}`,
  '/conversations/:id': `/conversations/conv_${'0'.repeat(32)}`,
  '/v1/messages/batches/:id': `/v1/messages/batches/msgbatch_${'0'.repeat(32)}`,
  '/files/:id': `/files/file-${'0'.repeat(24)}`,
  '/batches/:id': `/batches/batch_${'0'.repeat(32)}`,
  ':item_id': 'msg_1',
  '/v1/sessions/:id': '/v1/sessions/11111111-2222-4333-8444-555555555555',
  ':request_id': 'ask_1',
  '*': 'x',
}

export function pathFor({ path }: Pick<Route, 'path'>): string {
  const real = Object.entries(samples).reduce((result, [from, to]) => result.replace(from, to), path)
  assert.doesNotMatch(real, /[:*]/)
  return real
}

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string }

export type SendOptions = {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string
}

const withoutBody = ['GET', 'HEAD', 'TRACE', 'OPTIONS']

/** Sends a request of any method on a connection of its own. The default body is `{}` if the method can have one. */
export function send({ port }: Pick<TestServer, 'port'>, options: SendOptions): Promise<Answer> {
  const { method = 'GET', path, headers = {} } = options
  const body = options.body ?? (withoutBody.includes(method) ? '' : '{}')
  const type = withoutBody.includes(method)
    ? {}
    : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, agent: false, headers: { ...type, ...headers } })
    sent.once('error', reject)
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0
      text(response).then((answered) => resolve({ status, headers: response.headers, body: answered }), reject)
    })
    sent.end(body)
  })
}

/** The headers that select the surface if the path does not. */
export const surfaceHeaders = ({ surface }: Pick<Route, 'surface'>): Record<string, string> =>
  surface === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}

/** What a route that takes forms needs beside them: a header that web pages cannot send. */
export const formHeaders = { 'content-type': 'multipart/form-data; boundary=b', authorization: 'Bearer any' }

/** A small one, with a file. */
export const form = [
  '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
  '--b\r\ncontent-disposition: form-data; name="file"; filename="items.jsonl"\r\n\r\n{}\r\n--b--\r\n',
].join('')
