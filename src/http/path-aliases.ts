// The spellings of the compatible APIs' paths: base URLs are often set without `/v1` or with one too many, and some
// clients end a path in a slash. Each becomes the path that has a route, before routing. Other paths stay as they are, but for one that the
// native API and Anthropic's have in common, and that is not supported there.
import type { IncomingHttpHeaders } from 'node:http'
import { clientSurface } from './requested-surface.ts'

const spelling =
  /^\/(?:v1\/){0,2}((?:chat\/completions|responses|conversations|files|batches|messages|models)(?:\/.*)?)$/

/** Anthropic's SDK means its own sessions, those of managed agents: for it, there is nothing here. */
const otherSessions = /^\/v1\/sessions(?=\/|$)/

export function canonicalUrl(url: string, headers: IncomingHttpHeaders = {}): string {
  const end = url.search(/[?#]/)
  const path = (end === -1 ? url : url.slice(0, end)).replaceAll(/\/{2,}/g, '/')
  if (otherSessions.test(path) && clientSurface(headers) === 'anthropic') return `/anthropic${path}`
  const [, rest] = spelling.exec(path) ?? []
  if (rest === undefined) return url
  return `/v1/${rest.replace(/\/$/, '')}${end === -1 ? '' : url.slice(end)}`
}
