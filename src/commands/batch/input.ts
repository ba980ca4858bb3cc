// What a line of the input asks for: a request of `POST /v1/chat` under an id, or why it is none. Not for reading the file.
import { createHash } from 'node:crypto'
import { type Line, textOf } from './lines.ts'

export type Request = Readonly<Record<string, unknown>>

/** `own`: the fields that the line itself brings. `hash` names the request, whatever the order of its fields. */
export type Item = { kind: 'item'; line: number; id: string; request: Request; own: ReadonlySet<string>; hash: string }

/** A line that cannot be sent. It has no id: another line may have the one that it names. */
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
  /** The line of each id. */
  readonly #ids = new Map<string, number>()

  /** `defaults` are the fields that lines leave out. */
  constructor(defaults: Request) {
    this.#defaults = defaults
  }

  /** Null for a blank line. */
  read({ number: line, bytes }: Line): Item | BadItem | null {
    const bad = (message: string, code: BadItem['code'] = 'invalid_line'): BadItem => {
      return { kind: 'bad', line, code, message, hash: hashOf(bytes ?? '') }
    }
    if (bytes === null) return bad('the line is longer than 256 MiB')
    const given = parse(bytes)
    if (given === null) return null
    if (typeof given === 'string') return bad(given)
    const { id: word, ...own } = given.fields
    const id = readId(word, line)
    if (id === null) return bad(`id must be a string of 1 to ${idLengthMax} characters, or an integer`)
    const earlier = this.#ids.get(id)
    if (earlier !== undefined) return bad(`id ${JSON.stringify(id)} is that of line ${earlier} already`, 'duplicate_id')
    this.#ids.set(id, line)
    const request = sorted({ ...this.#defaults, ...own })
    const hash = hashOf(JSON.stringify(request))
    return { kind: 'item', line, id, request, own: new Set(Object.keys(own)), hash }
  }
}

/** The fields of a line; null for a blank one, and what is wrong with any other. */
function parse(bytes: Buffer): { fields: Record<string, unknown> } | string | null {
  try {
    const text = textOf(bytes)
    if (text.trim() === '') return null
    const value: unknown = JSON.parse(text)
    if (typeof value === 'string') return { fields: { prompt: value } }
    if (isObject(value)) return { fields: value }
    return 'the line is neither a JSON object nor a JSON string'
  } catch (fault) {
    if (fault instanceof SyntaxError) return `the line is not JSON${placeOf(fault)}`
    return 'the line is not UTF-8'
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Where it goes wrong, as far as that is known, without the words around: prompts are not repeated in messages. */
function placeOf({ message }: SyntaxError): string {
  if (message.includes('end of JSON')) return ': it ends too early'
  const position = /position (\d+)/.exec(message)?.[1]
  return position === undefined ? '' : `: see character ${Number(position) + 1}`
}

function readId(word: unknown, line: number): string | null {
  if (word === undefined || word === null) return String(line)
  if (Number.isSafeInteger(word)) return String(word)
  return typeof word === 'string' && word !== '' && word.length <= idLengthMax ? word : null
}

const sorted = (fields: Request): Request =>
  Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)))
