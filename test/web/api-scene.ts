// The API description for tests: its operations, and checks of values against its schemas.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

type Json = { [name: string]: unknown }

export type Example = { summary?: string; value: unknown }
export type Content = Record<string, { schema: Json; examples?: Record<string, Example> }>
export type Response = { description: string; headers?: Record<string, unknown>; content?: Content; $ref?: string }
export type Parameter = { name: string; in: string; schema: Json; example?: unknown; $ref?: string }

export type Operation = {
  method: string
  path: string
  operationId: string
  tags: string[]
  summary: string
  security: Record<string, string[]>[]
  parameters: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, Response>
}

type Paths = Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>

export const documentText = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')
export const document = JSON.parse(documentText) as Json & {
  paths: Paths
  components: Record<'schemas' | 'responses' | 'parameters' | 'headers', Record<string, Json>>
}

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
)

const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false })
ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
ajv.addFormat('date-time', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/)
ajv.addSchema(document, 'api')

const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))
const compiled = new Map<string, ValidateFunction>()

/** The check for the schema at this path of the document. */
function checkerAt(path: readonly string[]): ValidateFunction {
  const ref = `api#/${path.map(escaped).join('/')}`
  const known = compiled.get(ref) ?? ajv.compile({ $ref: ref })
  compiled.set(ref, known)
  return known
}

export function assertFits(value: unknown, path: readonly string[]): void {
  const check = checkerAt(path)
  if (!check(value)) assert.fail(`${path.join(' ')}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value)}`)
}

export const fits = (value: unknown, schema: string): boolean => checkerAt(['components', 'schemas', schema])(value)

/** The target of a reference within the document, and its location. */
export function resolve<T extends { $ref?: string }>(
  value: T,
  path: readonly string[],
): { found: T; location: string[] } {
  if (value.$ref === undefined) return { found: value, location: [...path] }
  const location = value.$ref.replace(/^#\//, '').split('/')
  const found = location.reduce<unknown>((part, name) => (part as Json | undefined)?.[name], document)
  assert.ok(found, value.$ref)
  return { found: found as T, location }
}

/** The operation's declared response for this status, which must exist. */
export function responseOf({ method, path, responses, operationId }: Operation, status: number | string) {
  const value = responses[status]
  assert.ok(value, `${operationId} does not document ${status}`)
  return resolve(value, ['paths', path, method.toLowerCase(), 'responses', String(status)])
}

/** Calls `visit` with each object in the document and its location. */
export function walk(
  value: unknown,
  visit: (value: Json, location: readonly string[]) => void,
  location: string[] = [],
): void {
  if (value === null || typeof value !== 'object') return
  if (!Array.isArray(value)) visit(value as Json, location)
  for (const [name, below] of Object.entries(value)) walk(below, visit, [...location, name])
}
