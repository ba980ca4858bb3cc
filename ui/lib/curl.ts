// A request as a line for a shell. The key never stands in it: whoever runs the line has it in a variable.
import { currentKey } from './api.ts'

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

export function toCurl(path: string, body?: unknown): string {
  const words = ['curl', path.endsWith('/stream') || path.includes('/events') ? '-sN' : '-s']
  words.push(quoted(`${location.origin}${path}`))
  if (currentKey() !== null) words.push('-H "authorization: Bearer $CLAUDE_SERVE_KEY"')
  if (body !== undefined) words.push(`-H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`)
  return words.join(' ')
}
