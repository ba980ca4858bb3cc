// Pages and what belongs to them, from files of the package. Each file is a route of its own, and no path is ever made of what a
// request says. Files are read when they are asked for. Not for what any page shows.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteScope } from '../auth/authenticate.ts'

/** What our own pages may do: load scripts, styles and data from this server only; no code in the page, none made of texts. */
export const pagePolicy = [
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

/** In place of those that every answer has (guard.ts). */
export const pageHeaders: Readonly<Record<string, string>> = { 'content-security-policy': pagePolicy }

const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  woff2: 'font/woff2',
} as const

/** `locate` is called with each request: a package need not be looked for before somebody wants its file. */
export type StaticFile = { type: keyof typeof types; locate(): URL }

/** By the paths under which they are served, which are taken as they are. */
export type StaticFiles = Readonly<Record<string, StaticFile>>

export function serveFiles(app: FastifyInstance, files: StaticFiles, scope: RouteScope): void {
  for (const [path, file] of Object.entries(files)) {
    app.get(path, { config: { scope } }, (request, reply) => sendFile(file, request, reply))
  }
}

/** What the browser has already is not sent again. */
export async function sendFile(
  { type, locate }: StaticFile,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const bytes = await readFile(locate())
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  reply.headers({ ...(type === 'html' ? pageHeaders : {}), 'cache-control': 'no-cache', etag })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  return reply.type(types[type]).send(bytes)
}
