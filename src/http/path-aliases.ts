// The spellings of the compatible APIs' paths: base URLs are often set without `/v1` or with one too many, and some
// clients end a path in a slash. Each becomes the path that has a route, before routing. Other paths stay as they are.

const spelling = /^\/(?:v1\/){0,2}((?:chat\/completions|responses|messages|models)(?:\/.*)?)$/

export function canonicalUrl(url: string): string {
  const end = url.search(/[?#]/)
  const path = (end === -1 ? url : url.slice(0, end)).replaceAll(/\/{2,}/g, '/')
  const [, rest] = spelling.exec(path) ?? []
  if (rest === undefined) return url
  return `/v1/${rest.replace(/\/$/, '')}${end === -1 ? '' : url.slice(end)}`
}
