// A request as a shell command. It never contains the key, but reads it from an environment variable.
import { currentKey } from './api.ts'

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

export function toCurl(path: string, body?: unknown): string {
  const parts = ['curl', path.endsWith('/stream') || path.includes('/events') ? '-sN' : '-s']
  parts.push(quote(`${location.origin}${path}`))
  if (currentKey() !== null) parts.push('-H "authorization: Bearer $CLAUDE_SERVE_KEY"')
  if (body !== undefined) parts.push(`-H 'content-type: application/json' -d ${quote(JSON.stringify(body))}`)
  return parts.join(' ')
}
