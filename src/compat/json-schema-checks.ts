// Validates the JSON Schemas in a request before a run starts: the CLI silently ignores a schema that it cannot read,
// and drops a tool whose schema it does not accept.
import { invalidField } from '../errors.ts'

/** `inlineRefs` is off because deciding which references can be inlined takes forever on deeply nested lists. */
const rules = { strict: false, validateFormats: false, logger: false, inlineRefs: false } as const

/** One per version of JSON Schema, as creating one takes several milliseconds. They hold no data of requests. */
const checkers = new Map<boolean, Promise<{ check(schema: Record<string, unknown>): void }>>()

async function createChecker(isDraft2020: boolean) {
  // Loaded on first use: few requests contain a schema.
  const Ajv = isDraft2020 ? (await import('ajv/dist/2020.js')).Ajv2020 : (await import('ajv')).Ajv
  const meta = new Ajv(rules)
  return {
    check(schema: Record<string, unknown>) {
      void meta.validateSchema(schema, true)
      new Ajv({ ...rules, meta: false, validateSchema: false }).compile(schema)
    },
  }
}

/** What is wrong with the schema, as the end of a sentence that begins with its name; null if it is valid. */
async function schemaProblem(schema: Record<string, unknown>): Promise<string | null> {
  if (schema.type !== 'object') return 'must have "type": "object" at its root'
  const isDraft2020 = typeof schema.$schema === 'string' && schema.$schema.includes('2020-12')
  const checker = checkers.get(isDraft2020) ?? createChecker(isDraft2020)
  checkers.set(isDraft2020, checker)
  try {
    ;(await checker).check(schema)
    return null
  } catch (error) {
    return `is not a valid JSON Schema: ${(error as Error).message}`
  }
}

/**
 * Throws `invalid_request` if the schema is not valid; `param` is its location. The model answers by calling a tool
 * whose input has this schema, so only a schema of an object can ever match.
 */
export async function checkAnswerSchema(schema: Record<string, unknown> | null, param: string): Promise<void> {
  const problem = schema === null ? null : await schemaProblem(schema)
  if (problem !== null) throw invalidField(param, problem)
}

/** The property names that the API allows in a tool's input. */
const propertyName = /^[A-Za-z0-9_.-]{1,64}$/

/** What is wrong with the schema of a client's tool; null if it is valid. */
export async function toolSchemaProblem(schema: Record<string, unknown>): Promise<string | null> {
  const invalidName = Object.keys(schema.properties ?? {}).find((name) => !propertyName.test(name))
  if (invalidName === undefined) return schemaProblem(schema)
  const name = JSON.stringify(invalidName.slice(0, 80))
  return `has a property named ${name}; use only letters, digits, _, . and -, at most 64 characters`
}
