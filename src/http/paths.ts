// How the paths of other APIs are written: base URLs are often given with `/v1` once too often, or without, and some programs
// end a path with a slash.

export const prefixes = ['/v1', '/v1/v1', '']

/** Every spelling of a path that begins after `/v1`. */
export const spellings = (path: string): string[] =>
  prefixes.flatMap((prefix) => [`${prefix}${path}`, `${prefix}${path}/`])
