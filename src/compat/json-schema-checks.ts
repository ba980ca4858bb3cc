// JSON Schemas that a request brings, held against the rules before anything is started with them: the CLI passes over one
// that it cannot read in silence, and drops a tool whose schema it does not like.
import { invalidField } from '../errors.ts'

/** Lists in lists make it take for ever to decide what may stand in place of its reference. */
const rules = { strict: false, validateFormats: false, logger: false, inlineRefs: false } as const

/** Made once for each version of JSON Schema: it takes some milliseconds, and nothing of a request stays in it. */
const checkers = new Map<boolean, Promise<{ check(schema: Record<string, unknown>): void }>>()

async function newChecker(isNew: boolean) {
  // Loaded when it is first needed: few requests bring a schema.
  const Ajv = isNew ? (await import('ajv/dist/2020.js')).Ajv2020 : (await import('ajv')).Ajv
  const meta = new Ajv(rules)
  return {
    check(schema: Record<string, unknown>) {
      void meta.validateSchema(schema, true)
      new Ajv({ ...rules, meta: false, validateSchema: false }).compile(schema)
    },
  }
}

/** What is wrong with the schema, as the end of a sentence that begins with its name; null for a good one. */
async function faultIn(schema: Record<string, unknown>): Promise<string | null> {
  if (schema.type !== 'object') return 'must have "type": "object" at its root'
  const isNew = typeof schema.$schema === 'string' && schema.$schema.includes('2020-12')
  const checker = checkers.get(isNew) ?? newChecker(isNew)
  checkers.set(isNew, checker)
  try {
    ;(await checker).check(schema)
    return null
  } catch (fault) {
    return `is not a valid JSON Schema: ${(fault as Error).message}`
  }
}

/**
 * Throws `invalid_request` for a schema that is none; `param` is where it stands. The model answers by calling a tool with the
 * schema as its input, so that a schema of anything but an object would never fit.
 */
export async function checkAnswerSchema(schema: Record<string, unknown> | null, param: string): Promise<void> {
  const fault = schema === null ? null : await faultIn(schema)
  if (fault !== null) throw invalidField(param, fault)
}

/** How the API wants the properties of a tool's input to be named. */
const propertyName = /^[A-Za-z0-9_.-]{1,64}$/

/** What is wrong with the schema of a client's tool; null for a good one. */
export async function toolSchemaProblem(schema: Record<string, unknown>): Promise<string | null> {
  const badName = Object.keys(schema.properties ?? {}).find((name) => !propertyName.test(name))
  if (badName === undefined) return faultIn(schema)
  return `has a property ${JSON.stringify(badName.slice(0, 80))}; names take letters, digits, _, . and - only, 64 at most`
}
