// Validates request bodies and queries. The first problem becomes an error that names the field, what is wrong and how
// to fix it. A schema's message continues a sentence that starts with the field's name.
import { Transform, type TransformCallback } from 'node:stream'
import { z } from 'zod'
import { AppError, invalidField, missingField } from '../errors.ts'
import { nearestName } from '../platform/did-you-mean.ts'
import { fieldsOf } from '../platform/json.ts'

type Issue = z.core.$ZodIssue

const fieldOf = (issue: Issue) =>
  issue.path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('')

function unknownField(issue: Extract<Issue, { code: 'unrecognized_keys' }>, known: readonly string[]): AppError {
  const parent = fieldOf(issue)
  const key = shorten(issue.keys[0] ?? '')
  const field = parent === '' ? key : `${parent}.${key}`
  const nearest = parent === '' ? nearestName(field, known) : null
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`
  return new AppError('invalid_request', `${field} is not a field of this request${hint}`, { field })
}

// The limits on a body's structure are checked twice: while a large one arrives, because parsing millions of values would keep everything
// else waiting for seconds, and exactly, once it is parsed.

/** How deep a body may be nested. No useful body is deeper, and it would exhaust the stack later. */
const depthMax = 64

/** How many fields an object may have, or elements a list. */
const widthMax = 10_000

/** How many values a body may have in total. */
const entriesMax = 500_000

const tooDeep = `the body is nested more than ${depthMax} levels deep`
const tooWide = `the body has a list or object of more than ${widthMax} entries`
const tooMany = `the body has more than ${entriesMax} values`

/** What is wrong with the structure of a body that is within the byte limit; null if nothing is. */
export function shapeError(body: unknown): string | null {
  let level: unknown[] = [body]
  let entries = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return tooDeep
    const next: unknown[] = []
    for (const value of level) {
      if (value === null || typeof value !== 'object') continue
      const parts = Object.values(value)
      if (parts.length > widthMax) return tooWide
      entries += parts.length
      if (entries > entriesMax) return tooMany
      next.push(...parts)
    }
    level = next
  }
  return null
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Reads the text of a body as it arrives, without parsing it, and finds what shapeError would find in it, or at least what is twice as
 * large. (It counts commas: a list of one has none, so it may find less, never more; only a repeated name counts each time.)
 */
export class ShapeScan {
  /** For each list or object that is open: how many commas it has so far. */
  readonly #commas: number[] = []
  #total = 0
  #isInText = false
  #isEscaped = false

  /** What is wrong, as soon as it is known. */
  add(bytes: Uint8Array): string | null {
    for (const byte of bytes) {
      if (this.#isInText) this.#readText(byte)
      else if (byte === quote) this.#isInText = true
      // The one that is deepest may be empty.
      else if ((byte === openList || byte === openObject) && this.#commas.push(0) > depthMax + 1) return tooDeep
      else if (byte === closeList || byte === closeObject) this.#commas.pop()
      else if (byte === comma) {
        const count = (this.#commas.pop() ?? 0) + 1
        if (count >= widthMax) return tooWide
        this.#commas.push(count)
        if (++this.#total > entriesMax) return tooMany
      }
    }
    return null
  }

  #readText(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === backslash) this.#isEscaped = true
    else if (byte === quote) this.#isInText = false
  }
}

/** Passes a body on while nothing is wrong with its structure; then takes the rest of it in, and fails with `invalid_request`. */
export class ScannedBody extends Transform {
  /** For Fastify, which compares it with the limit and with the length that the client declared. */
  receivedEncodedLength = 0
  readonly #scan = new ShapeScan()
  #problem: string | null = null

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length
    this.#problem ??= this.#scan.add(chunk)
    if (this.#problem === null) done(null, chunk)
    else done()
  }

  override _flush(done: TransformCallback): void {
    done(this.#problem === null ? null : new AppError('invalid_request', this.#problem))
  }
}

/** Text from a request, short enough for a message and long enough to be recognized. */
const shorten = (text: string) => (text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** The issue of the union member that matched furthest. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const furthest = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0]
  return furthest === undefined || furthest.path.length === 0
    ? issue
    : deepest({ ...furthest, path: [...issue.path, ...furthest.path] })
}

/** Whether the value is missing. */
function isMissing(issue: Issue, body: unknown): boolean {
  let value = body
  for (const part of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part]
  return value === undefined
}

/** The body, validated. Throws `invalid_request`. */
export function parseBody<T extends z.ZodObject>(schema: T, body: unknown): z.output<T> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new AppError('invalid_request', 'the body must be a JSON object')
  }
  const problem = shapeError(body)
  if (problem !== null) throw new AppError('invalid_request', problem)
  return parsePart(schema, body, '')
}

/** zod compares the `length` of a value before it looks at its type, and throws if an object has one that is no number. */
function safeParse<T extends z.ZodObject>(schema: T, body: unknown) {
  try {
    return schema.safeParse(body)
  } catch (error) {
    if (!(error instanceof TypeError && error.message.includes('to primitive value'))) throw error
    throw new AppError('invalid_request', 'the body has an object with a field length where a text or a list belongs')
  }
}

/** The part of a body at `path`, whose schema depends on its own type field. Throws `invalid_request`. */
export function parsePart<T extends z.ZodObject>(schema: T, body: unknown, path: string): z.output<T> {
  const parsed = safeParse(schema, body)
  if (parsed.success) return parsed.data
  const first = parsed.error.issues[0]
  if (first === undefined) throw new AppError('invalid_request', 'the body is not valid')
  const issue = deepest(first)
  if (issue.code === 'unrecognized_keys') throw unknownField(issue, Object.keys(schema.shape))
  const field = [path, fieldOf(issue)].filter((part) => part !== '').join('.')
  if (!isMissing(issue, body)) throw invalidField(shorten(field), issue.message)
  throw missingField(shorten(field), misspelled(issue, body, Object.keys(schema.shape)))
}

type Parent = Record<PropertyKey, unknown> | undefined

/** The error for a field of a body that a schema cannot require, because it may be missing in some requests. */
export const missingIn = <T extends z.ZodObject>(schema: T, body: unknown, field: string): AppError =>
  missingField(field, misspelled({ path: [field] }, body, Object.keys(schema.shape)))

/** The field that was most likely meant to be the missing one; null if there is none. `known`: the fields that are no mistake. */
function misspelled({ path }: Pick<Issue, 'path'>, body: unknown, known: readonly string[]): string | null {
  const name = path.at(-1)
  const parent = path.slice(0, -1).reduce<unknown>((value, part) => (value as Parent)?.[part], body)
  const others = Object.keys(fieldsOf(parent)).filter((key) => path.length > 1 || !known.includes(key))
  return typeof name === 'string' && others.length <= othersMax ? nearestName(name, others) : null
}

/** More fields than a request has are not compared with the missing one. */
const othersMax = 200

/** A number in a query, where every value is a string. */
export function queryInteger(min: number, max: number) {
  const rule = { error: `must be an integer from ${min} to ${max}` }
  return (
    z
      .string(rule)
      .regex(/^\d{1,16}$/, rule)
      .transform(Number)
      .refine((value) => value >= min && value <= max, rule)
      // For openapi.json, which describes it as the number that it is.
      .meta({ integer: { minimum: min, maximum: max } })
  )
}

/** A query or a path's parameters, validated. Throws `invalid_request`. */
export function parseQuery<T extends z.ZodObject>(schema: T, query: unknown): z.output<T> {
  const twice = Object.entries(query as object).find(
    ([name, value]) => Array.isArray(value) && Object.hasOwn(schema.shape, name),
  )
  if (twice !== undefined) {
    const field = shorten(twice[0])
    throw new AppError('invalid_request', `${field} was sent more than once`, { field })
  }
  return parseBody(schema, query)
}
