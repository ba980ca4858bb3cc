// Lines of the log as text: as they are kept, or for people. Nothing in them is obeyed by a terminal. Pure.
import { prettyFactory } from 'pino-pretty'
import { inert } from '../terminal-text.ts'

const isObject = (line: string) => {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** Gives each line with its end. On a terminal what JSON does not escape by itself is escaped. */
export function rawLine(isTerminal: boolean): (line: string) => string {
  if (!isTerminal) return (line) => `${line}\n`
  return (line) => `${isObject(line) ? escapeRest(line) : inert(line)}\n`
}

/** Characters that JSON leaves as they are, in the way in which it writes others. */
function escapeRest(json: string): string {
  return json.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)
}

/** What JSON escapes would be obeyed once it is read; line breaks stay, for stacks. */
const escapes = /(?<!\\)((?:\\\\)*)\\(u00(?:[01][0-9a-f]|7f|[89][0-9a-f])|[bfr])/gi
const lineEnd = /^u000a$/i

export function prettyLines(colorize: boolean): (line: string) => string {
  const format = prettyFactory({ colorize, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss' })
  return (line) => {
    if (!isObject(line)) return `${inert(line)}\n`
    const shown = escapeRest(line).replace(escapes, (all, before: string, name: string) =>
      lineEnd.test(name) ? all : String.raw`${before}\\${name}`,
    )
    return format(shown)
  }
}
