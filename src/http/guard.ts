// The one door. Every request of every method and route passes it before a byte of its body is read: is it meant for us
// (Host), does it come from a program rather than a web page (Origin, Sec-Fetch-Site, Referer), and can a web page not
// have made it (JSON content type). Never reads the body.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { AppError } from '../errors.ts'

export type GuardOptions = {
  /** Names, beside the loopback ones, that a Host header may have; lower case, without port. */
  allowHosts: readonly string[]
  /** Origins of web pages that may call, as browsers write them. */
  corsOrigins: readonly string[]
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** A name or address, and perhaps a port. */
const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/

/** The same header, sent twice, might be read as either. */
function single(request: IncomingMessage, name: string): string | undefined {
  const values = request.headersDistinct[name]
  if (values !== undefined && values.length > 1)
    throw new AppError('invalid_request', `the ${name} header was sent more than once`)
  return values?.[0]
}

function checkHost(request: IncomingMessage, { allowHosts }: GuardOptions): string {
  const host = single(request, 'host')?.toLowerCase() ?? ''
  const [, name, port] = hostPattern.exec(host) ?? []
  if (name === undefined || (port !== undefined && Number(port) > 65_535)) {
    throw new AppError('invalid_request', 'the Host header is missing or is not a host name with an optional port')
  }
  if (loopbackNames.includes(name) || allowHosts.includes(name)) return host
  throw new AppError(
    'host_not_allowed',
    `this server does not answer as ${name}; start it with --allow-host ${name} if it should`,
  )
}

const foreign = (header: string) =>
  new AppError('origin_not_allowed', `requests from web pages are refused (${header}); call this server from a program`)

/**
 * A browser says where a request comes from, and a page cannot make it lie. Programs send none of these headers. Gives the
 * foreign origin that was let in; null for what comes from no page, or from one of our own.
 */
function checkOrigin(request: IncomingMessage, host: string, corsOrigins: readonly string[]): string | null {
  const own = `http://${host}`
  const origin = single(request, 'origin')
  if (origin !== undefined && corsOrigins.includes(origin)) return origin
  if (origin !== undefined && origin !== own) throw foreign('Origin')
  const site = single(request, 'sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && isOpenedByHand(request)))
    throw foreign('Sec-Fetch-Site')
  const referer = single(request, 'referer')
  if (origin === undefined && site === undefined && referer !== undefined && !isBelow(referer, own))
    throw foreign('Referer')
  return null
}

/** Extensions, and what a page has its browser fetch beforehand, come from no site either; but only a person goes somewhere. */
function isOpenedByHand({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-purpose': purpose } = headers
  return mode === 'navigate' && purpose === undefined
}

const isBelow = (address: string, origin: string) => address === origin || address.startsWith(`${origin}/`)

const effectFree = new Set(['GET', 'HEAD', 'OPTIONS'])
const jsonType = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i

function checkContentType(request: IncomingMessage): void {
  if (effectFree.has(request.method ?? '')) return
  const type = single(request, 'content-type')
  if (type === undefined && isEmptyWithKey(request)) return
  if (type === undefined || !jsonType.test(type.trim())) {
    const got = type === undefined ? 'no content type' : JSON.stringify(type)
    throw new AppError(
      'unsupported_media_type',
      `the body must be JSON, and the request say so: add -H 'content-type: application/json' (got ${got})`,
    )
  }
  const encoding = single(request, 'content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError(
      'unsupported_media_type',
      `a body with content-encoding ${JSON.stringify(encoding)} is not accepted; send it as it is`,
    )
  }
}

/**
 * The SDKs say nothing of a body that is not there. The header for a key, whatever is in it, tells that no web page sent the request
 * by itself: it would have had to ask before.
 */
function isEmptyWithKey({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding, authorization, 'x-api-key': key } = headers
  return length === '0' && coding === undefined && (authorization !== undefined || key !== undefined)
}

/** Throws an AppError for a request that must not get in. Gives the foreign origin that it brings, if there is one. */
export function checkRequest(request: IncomingMessage, options: GuardOptions): string | null {
  const host = checkHost(request, options)
  // An absolute target names a host of its own, past the Host header.
  if (!request.url?.startsWith('/')) throw new AppError('invalid_request', 'the request target must begin with /')
  return checkOrigin(request, host, options.corsOrigins)
}

/** The part of the door that comes after the route is known to exist, so that a wrong path is told as such. */
export function checkBodyType(request: IncomingMessage): void {
  checkContentType(request)
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

/** The caller's own request id, where it is one that can be logged and echoed. */
export function clientRequestId(headers: IncomingHttpHeaders): string | null {
  const id = headers['x-request-id']
  return typeof id === 'string' && idPattern.test(id) ? id : null
}

/** What would end up in histories and logs of proxies is no place for a key. */
const secretParameter = /[?&](?:token|access_token|key|api[-_]?key|x-api-key)=/i

/** Throws `invalid_request` for a request that brings a key where no key belongs. */
export function refuseKeysInUrl(target: string): void {
  if (!secretParameter.test(target)) return
  throw new AppError(
    'invalid_request',
    "an API key must not be part of the URL: send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'",
  )
}

/** On every answer, whatever it is. A page of our own brings a policy that lets it load what is its own. */
export const protectiveHeaders: Record<string, string> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
}
