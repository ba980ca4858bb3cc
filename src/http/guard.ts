// The guard in front of every route. It checks each request before a byte of its body is read: is it meant for this
// server (Host), does it come from a program rather than a web page (Origin, Sec-Fetch-Site, Referer), and is it one
// that a web page cannot send (JSON content type). It never reads the body.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { AppError } from '../errors.ts'

export type GuardOptions = {
  /** Names that a Host header may hold besides the loopback names; lower case, without port. */
  allowHosts: readonly string[]
  /** Origins of web pages that may call, as browsers write them. */
  corsOrigins: readonly string[]
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** A name or address with an optional port. */
const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/

/** Refuses a header that was sent twice: other programs might read either value. */
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
 * A browser states where a request comes from, and a page cannot forge that. Programs send none of these headers.
 * Returns the foreign origin if it is allowed; null if the request comes from no page or from one of our own.
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

/** Requests of extensions and prefetches have no site either, but only a person navigates. */
function isOpenedByHand({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-purpose': purpose } = headers
  return mode === 'navigate' && purpose === undefined
}

const isBelow = (address: string, origin: string) => address === origin || address.startsWith(`${origin}/`)

const effectFree = new Set(['GET', 'HEAD', 'OPTIONS'])
const jsonType = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i

/** Of forms with files. A page may send one without a preflight, like an empty body. */
const formType = /^multipart\/form-data\s*;/i

function checkContentType(request: IncomingMessage, takesForms: boolean): void {
  if (effectFree.has(request.method ?? '')) return
  const type = single(request, 'content-type')
  if (type === undefined && isEmpty(request)) {
    if (isFromProgram(request)) return
    throw new AppError(
      'unsupported_media_type',
      "an empty request needs a content type too, because web pages cannot send this one: add -H 'content-type: application/json'",
    )
  }
  if (takesForms) return checkForm(request, type ?? '')
  if (type === undefined || !jsonType.test(type.trim())) {
    const got = type === undefined ? 'no content type' : JSON.stringify(type)
    throw new AppError(
      'unsupported_media_type',
      `the body must be JSON and declare it: add -H 'content-type: application/json' (got ${got})`,
    )
  }
  const encoding = single(request, 'content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError(
      'unsupported_media_type',
      `content-encoding ${JSON.stringify(encoding)} is not supported; send the body uncompressed`,
    )
  }
}

function checkForm(request: IncomingMessage, type: string): void {
  if (!formType.test(type)) {
    const got = type === '' ? 'no content type' : JSON.stringify(type)
    throw new AppError(
      'unsupported_media_type',
      `the body must be a form with a file: multipart/form-data (got ${got})`,
    )
  }
  if (isFromProgram(request)) return
  const fix = "add -H 'authorization: Bearer <key>', with any word if this server has no keys"
  throw new AppError('unsupported_media_type', `a form needs a header that web pages cannot send: ${fix}`)
}

function isEmpty({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers
  return length === '0' && coding === undefined
}

/**
 * Programs send no content type without a body. The method DELETE, and the header of a key or of an MCP session, whatever its value,
 * prove that no web page sent the request on its own: it would have needed a preflight.
 */
const isFromProgram = ({ method, headers }: IncomingMessage): boolean =>
  method === 'DELETE' || ['authorization', 'x-api-key', 'mcp-session-id'].some((name) => headers[name] !== undefined)

/** Throws an AppError if the request must be refused. Returns its allowed foreign origin, or null. */
export function checkRequest(request: IncomingMessage, options: GuardOptions): string | null {
  const host = checkHost(request, options)
  // An absolute target names its own host, which would bypass the Host check.
  if (!request.url?.startsWith('/')) throw new AppError('invalid_request', 'the request target must begin with /')
  return checkOrigin(request, host, options.corsOrigins)
}

/** Runs once the route is known to exist, so that a wrong path is reported as such. */
export function checkBodyType(request: IncomingMessage, takesForms = false): void {
  checkContentType(request, takesForms)
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

/** The client's own request id, if it is safe to log and echo. */
export function clientRequestId(headers: IncomingHttpHeaders): string | null {
  const id = headers['x-request-id']
  return typeof id === 'string' && idPattern.test(id) ? id : null
}

/** A key in a URL would end up in browser histories and proxy logs. */
const secretParameter = /[?&](?:token|access_token|key|api[-_]?key|x-api-key)=/i

/** Throws `invalid_request` if the URL contains a key. */
export function refuseKeysInUrl(target: string): void {
  if (!secretParameter.test(target)) return
  throw new AppError(
    'invalid_request',
    "an API key must not be part of the URL: send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'",
  )
}

/** Sent with every answer. Our own pages have a policy that lets them load their own files (static-files.ts). */
export const protectiveHeaders: Record<string, string> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
}
