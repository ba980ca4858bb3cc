// Validates the JSON Schemas in a request before a run starts: the CLI silently ignores a schema that it cannot read,
// and drops a tool whose schema it does not accept.
import { invalidField } from '../errors.ts'
import type { JsonSchema } from '../platform/json-schema.ts'
import { schemaChecks } from '../platform/schema-checks.ts'

/**
 * Throws `invalid_request` if the schema is not valid; `param` is its location. The model answers by calling a tool
 * whose input has this schema, so only a schema of an object can ever match.
 */
export async function checkAnswerSchema(schema: JsonSchema | null, param: string): Promise<void> {
  if (schema === null) return
  const problem = await schemaChecks.answerSchemaProblem(schema)
  if (problem !== null) throw invalidField(param, problem)
}

/** The property names that the API allows in a tool's input. */
const propertyName = /^[A-Za-z0-9_.-]{1,64}$/

/** What is wrong with the schema of a client's tool; null if it is valid. */
export async function toolSchemaProblem(schema: JsonSchema): Promise<string | null> {
  const invalidName = Object.keys(schema.properties ?? {}).find((name) => !propertyName.test(name))
  if (invalidName === undefined) return schemaChecks.schemaProblem(schema)
  const name = JSON.stringify(invalidName.slice(0, 80))
  return `has a property named ${name}; use only letters, digits, _, . and -, at most 64 characters`
}
