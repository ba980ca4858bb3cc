// Serves pages and their assets from files of the package. Each file is its own route, and no file path is ever built
// from a request. Files are read on each request, and sent compressed if the build has written them compressed. Not for
// what a page shows. @fastify/static is not used: docs/decisions/0020-libraries.md.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteScope } from '../auth/authenticate.ts'

/**
 * Our own pages may load scripts, styles and data from this server only: no inline code, and no code built from
 * strings.
 */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** Replaces the policy that every other answer has (guard.ts). */
const pageHeaders: Readonly<Record<string, string>> = { 'content-security-policy': pagePolicy }

const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  woff2: 'font/woff2',
} as const

/** `locate` is called on each request, so that a package is not looked up before one of its files is requested. */
export type StaticFile = { type: keyof typeof types; locate(): URL }

/** Files by the exact path under which they are served. */
export type StaticFiles = Readonly<Record<string, StaticFile>>

export function serveFiles(app: FastifyInstance, files: StaticFiles, scope: RouteScope): void {
  for (const [path, file] of Object.entries(files)) {
    app.get(path, { config: { scope } }, (request, reply) => sendFile(file, request, reply))
  }
}

/** Answers 304 if the browser has the current file in the encoding that it would be sent in. */
export async function sendFile(
  { type, locate }: StaticFile,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { bytes, encoding } = await readEncoded(locate(), request.headers['accept-encoding'])
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  addVary(reply, 'accept-encoding')
  reply.headers({ ...(type === 'html' ? pageHeaders : {}), 'cache-control': 'no-cache', etag })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  if (encoding !== null) reply.header('content-encoding', encoding)
  return reply.type(types[type]).send(bytes)
}

/** Adds a request header to those on which the answer depends. */
export function addVary(reply: FastifyReply, name: string): void {
  const before = reply.getHeader('vary')
  reply.header('vary', before === undefined ? name : `${before}, ${name}`)
}

/** The file's bytes, from the compressed copy beside it (scripts/build-ui.ts) if there is one and it is accepted. */
async function readEncoded(file: URL, accepted = ''): Promise<{ bytes: Buffer; encoding: string | null }> {
  const { negotiate } = await import('@fastify/accept-negotiator')
  const encoding = negotiate(accepted, ['br', 'gzip'])
  if (encoding !== null) {
    const copy = new URL(`${file}.${encoding === 'gzip' ? 'gz' : encoding}`)
    const bytes = await readFile(copy).catch(() => null)
    if (bytes !== null) return { bytes, encoding }
  }
  return { bytes: await readFile(file), encoding: null }
}
