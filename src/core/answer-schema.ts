// The JSON Schema that an answer is to fit, held against the rules before a process is started with it: the CLI passes over
// a schema that it cannot read in silence.
import { AppError } from '../errors.ts'

const invalid = (fault: string) => new AppError('invalid_request', `json_schema ${fault}`, { field: 'json_schema' })

/**
 * Throws `invalid_request` for a schema that is none. The model answers by calling a tool with the schema as its input, so
 * that a schema of anything but an object would never fit.
 */
export async function checkAnswerSchema(schema: Record<string, unknown>): Promise<void> {
  if (schema.type !== 'object') throw invalid('must have "type": "object" at its root')
  // Loaded when it is first needed: few requests bring a schema.
  const isNew = String(schema.$schema ?? '').includes('2020-12')
  const Ajv = isNew ? (await import('ajv/dist/2020.js')).Ajv2020 : (await import('ajv')).Ajv
  try {
    new Ajv({ strict: false, validateFormats: false, logger: false }).compile(schema)
  } catch (fault) {
    throw invalid(`is not a valid JSON Schema: ${(fault as Error).message}`)
  }
}
