// Validates the JSON Schemas in a request before a run starts: the CLI silently ignores a schema that it cannot read,
// and drops a tool whose schema it does not accept.
import { invalidField } from '../errors.ts'
import { compileSchema, isEndless, type JsonSchema, strictDraft07Problem, toDraft07 } from '../platform/json-schema.ts'

/** What is wrong with the schema, as the end of a sentence that begins with its name; null if it is valid. */
async function schemaProblem(schema: JsonSchema): Promise<string | null> {
  if (schema.type !== 'object') return 'must have "type": "object" at its root'
  try {
    await compileSchema(schema)
    return null
  } catch (error) {
    return `is not a valid JSON Schema: ${(error as Error).message}`
  }
}

/**
 * Throws `invalid_request` if the schema is not valid; `param` is its location. The model answers by calling a tool
 * whose input has this schema, so only a schema of an object can ever match.
 */
export async function checkAnswerSchema(schema: JsonSchema | null, param: string): Promise<void> {
  if (schema === null) return
  const problem = (await schemaProblem(schema)) ?? endlessProblem(schema) ?? (await draft07Problem(schema))
  if (problem !== null) throw invalidField(param, problem)
}

const endlessProblem = (schema: JsonSchema) =>
  isEndless(schema) ? 'refers to itself without end: no answer could be checked against it' : null

/** The CLI knows draft-07 only. What that cannot say is checked in the answer; a reference must lead somewhere. */
async function draft07Problem(schema: JsonSchema): Promise<string | null> {
  const problem = await strictDraft07Problem(toDraft07(schema) as JsonSchema)
  return problem === null
    ? null
    : `cannot be said in draft-07 of JSON Schema, the only version that the CLI knows: ${problem}`
}

/** The property names that the API allows in a tool's input. */
const propertyName = /^[A-Za-z0-9_.-]{1,64}$/

/** What is wrong with the schema of a client's tool; null if it is valid. */
export async function toolSchemaProblem(schema: JsonSchema): Promise<string | null> {
  const invalidName = Object.keys(schema.properties ?? {}).find((name) => !propertyName.test(name))
  if (invalidName === undefined) return schemaProblem(schema)
  const name = JSON.stringify(invalidName.slice(0, 80))
  return `has a property named ${name}; use only letters, digits, _, . and -, at most 64 characters`
}
