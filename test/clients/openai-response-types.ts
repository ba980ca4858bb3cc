// The SDK's declarations of the Responses API as JSON Schemas. They are strict: an undeclared field is an error. They
// are in a namespace inside `OpenAI`, which test/helpers/sdk-schemas.ts does not read.
//
// The declarations cannot describe these, so they are removed before the check:
// - `store` and the two penalties of a response, and the `name` of a call's finished arguments, belong to the vendor's
//   API (the schema of Open Responses has them), but not to the SDK's types.
// - The `status` of a custom call is part of the SDK's type of a listed item, but not of that of an output item.
// - `usage` is null in the vendor's API until a response has finished; the SDK declares it as missing.
// - `output_text` is added by the SDK, and declared as if it were sent.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv'
import { createFormatter, createParser, createProgram, DEFAULT_CONFIG, SchemaGenerator } from 'ts-json-schema-generator'

type TypeName = 'Response' | 'ResponseStreamEvent' | 'ResponseItem'

let generator: SchemaGenerator | null = null
const validators = new Map<TypeName, ValidateFunction>()

function makeGenerator(): SchemaGenerator {
  const entry = fileURLToPath(import.meta.resolve('openai/resources/responses/responses'))
  const config = {
    ...DEFAULT_CONFIG,
    path: entry.replace(/\.m?js$/, '.d.mts'),
    tsconfig: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
    skipTypeCheck: true,
    jsDoc: 'none' as const,
    additionalProperties: false,
  }
  const program = createProgram(config)
  return new SchemaGenerator(program, createParser(program, config), createFormatter(config), config)
}

function validatorOf(typeName: TypeName): ValidateFunction {
  const known = validators.get(typeName)
  if (known) return known
  generator ??= makeGenerator()
  const schema = generator.createSchema(typeName) as AnySchemaObject
  const validate = new Ajv({ allowUnionTypes: true }).compile(schema)
  validators.set(typeName, validate)
  return validate
}

const undeclared = ['store', 'presence_penalty', 'frequency_penalty']

function asDeclared(response: object): object {
  const fields = Object.entries(response).filter(
    ([key, value]) => !undeclared.includes(key) && !(key === 'usage' && value === null),
  )
  const { output, ...rest } = { output: [] as object[], ...Object.fromEntries(fields) }
  return { output_text: '', ...rest, output: output.map(withoutStatus) }
}

function withoutStatus(item: object): object {
  const { status: _, ...rest } = { status: undefined, ...item }
  return 'type' in item && item.type === 'custom_tool_call' ? rest : item
}

export const assertResponse = (response: object): void => assertFits('Response', asDeclared(response))

type Event = { type: string; response?: object; item?: object }

export function assertEvent(event: Event): void {
  const { name: _, ...unnamed } = { name: undefined, ...event }
  const { response, item, ...declared } = event.type === 'response.function_call_arguments.done' ? unnamed : event
  assertFits('ResponseStreamEvent', {
    ...declared,
    ...(response === undefined ? {} : { response: asDeclared(response) }),
    ...(item === undefined ? {} : { item: withoutStatus(item) }),
  })
}

export const isItem = (item: object): boolean => validatorOf('ResponseItem')(item)

export const assertItem = (item: object): void => assertFits('ResponseItem', item)

/** Throws with the problems and the value. */
function assertFits(typeName: TypeName, value: unknown): void {
  const validate = validatorOf(typeName)
  if (validate(value)) return
  const problems = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `  ${instancePath || '/'} ${message} ${JSON.stringify(params)}`
  })
  assert.fail(`not a ${typeName}:\n${problems.join('\n')}\n${JSON.stringify(value, null, 2)}`)
}
