// Parses an input line: a request of `POST /v1/chat` with an id, or the reason why it is not one. Not for reading the file (see files.ts).
import { createHash } from 'node:crypto'
import { isObject } from '../../platform/json.ts'
import { type Line, textOf } from './lines.ts'

export type Request = Readonly<Record<string, unknown>>

/** `own`: the fields that the line itself sets. `hash` identifies the request, regardless of the order of its fields. */
export type Item = { kind: 'item'; line: number; id: string; request: Request; own: ReadonlySet<string>; hash: string }

/** A line that cannot be sent. It has no id, since another line may use the same one. */
export type BadItem = {
  kind: 'bad'
  line: number
  code: 'invalid_line' | 'duplicate_id'
  message: string
  hash: string
}

const idLengthMax = 256

const hashOf = (text: string | Buffer) => createHash('sha256').update(text).digest('base64url').slice(0, 22)

export class InputReader {
  readonly #defaults: Request
  /** The line number of each id. */
  readonly #ids = new Map<string, number>()

  /** `defaults` apply to fields that a line leaves out. */
  constructor(defaults: Request) {
    this.#defaults = defaults
  }

  /** Null for a blank line. */
  read({ number: line, bytes }: Line): Item | BadItem | null {
    const bad = (message: string, code: BadItem['code'] = 'invalid_line'): BadItem => {
      return { kind: 'bad', line, code, message, hash: hashOf(bytes ?? '') }
    }
    if (bytes === null) return bad('the line is longer than 256 MiB')
    const parsed = parse(bytes)
    if (parsed === null) return null
    if (typeof parsed === 'string') return bad(parsed)
    const { id: idValue, ...own } = parsed.fields
    const id = readId(idValue, line)
    if (id === null) return bad(`id must be a string of 1 to ${idLengthMax} characters, or an integer`)
    const earlier = this.#ids.get(id)
    if (earlier !== undefined) return bad(`id ${JSON.stringify(id)} is already used by line ${earlier}`, 'duplicate_id')
    this.#ids.set(id, line)
    const request = sorted({ ...this.#defaults, ...own })
    const hash = hashOf(JSON.stringify(request))
    return { kind: 'item', line, id, request, own: new Set(Object.keys(own)), hash }
  }
}

/** The fields of a line, null for a blank line, or a text that says what is wrong. */
function parse(bytes: Buffer): { fields: Record<string, unknown> } | string | null {
  try {
    const text = textOf(bytes)
    if (text.trim() === '') return null
    const value: unknown = JSON.parse(text)
    if (typeof value === 'string') return { fields: { prompt: value } }
    if (isObject(value)) return { fields: value }
    return 'the line is neither a JSON object nor a JSON string'
  } catch (error) {
    if (error instanceof SyntaxError) return `the line is not JSON${positionOf(error)}`
    return 'the line is not UTF-8'
  }
}

/** The position of the error, if known, without the text around it: messages do not repeat prompts. */
function positionOf({ message }: SyntaxError): string {
  if (message.includes('end of JSON')) return ': it ends unexpectedly'
  const position = /position (\d+)/.exec(message)?.[1]
  return position === undefined ? '' : `: error at character ${Number(position) + 1}`
}

function readId(value: unknown, line: number): string | null {
  if (value === undefined || value === null) return String(line)
  if (Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value !== '' && value.length <= idLengthMax ? value : null
}

const sorted = (fields: Request): Request =>
  Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)))
