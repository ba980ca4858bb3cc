// Log lines as text: as stored, or for people. A terminal interprets nothing in them. Pure.
import { prettyFactory } from 'pino-pretty'
import { isObject, parseJson } from '../../platform/json.ts'
import { inert } from '../terminal-text.ts'

const isRecord = (line: string) => isObject(parseJson(line))

/** Formats a line as stored, with its line break. On a terminal, control characters that JSON leaves unescaped are escaped. */
export function rawLine(isTerminal: boolean): (line: string) => string {
  if (!isTerminal) return (line) => `${line}\n`
  return (line) => `${isRecord(line) ? escapeRest(line) : inert(line)}\n`
}

/** Escapes, in JSON's own notation, the control characters that JSON leaves as they are. */
function escapeRest(json: string): string {
  return json.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)
}

/** Escapes in JSON become control characters once it is parsed, so these are escaped again; line breaks stay, for stack traces. */
const escapes = /(?<!\\)((?:\\\\)*)\\(u00(?:[01][0-9a-f]|7f|[89][0-9a-f])|[bfr])/gi
const lineEnd = /^u000a$/i

export function prettyLines(colorize: boolean): (line: string) => string {
  const format = prettyFactory({ colorize, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss' })
  return (line) => {
    if (!isRecord(line)) return `${inert(line)}\n`
    const shown = escapeRest(line).replace(escapes, (all, before: string, name: string) =>
      lineEnd.test(name) ? all : String.raw`${before}\\${name}`,
    )
    return format(shown)
  }
}
