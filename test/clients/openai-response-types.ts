// The SDK's declarations of the Responses API as JSON Schemas. They are strict: an undeclared field is an error. They
// are in a namespace inside `OpenAI`, in a module of their own.
//
// The declarations cannot describe these, so they are removed before the check:
// - `store` and the two penalties of a response, and the `name` of a call's finished arguments, belong to the vendor's
//   API (the schema of Open Responses has them), but not to the SDK's types.
// - The `status` of a custom call is part of the SDK's type of a listed item, but not of that of an output item.
// - `usage` is null in the vendor's API until a response has finished; the SDK declares it as missing.
// - The `description` of a format is null if there is none in the schema of Open Responses; the SDK declares it as missing.
// - `output_text` is added by the SDK, and declared as if it were sent.
import assert from 'node:assert/strict'
import { Ajv, type ValidateFunction } from 'ajv'
import { readTypeOf, type SchemaSource } from '../helpers/sdk-schemas.ts'

type TypeName = 'Response' | 'ResponseStreamEvent' | 'ResponseItem'

const validators = new Map<TypeName, ValidateFunction>()

const declarations: SchemaSource = {
  name: 'openai',
  namespace: 'OpenAI.Responses',
  module: 'openai/resources/responses/responses',
  options: { jsDoc: 'none', additionalProperties: false },
}

function validatorOf(typeName: TypeName): ValidateFunction {
  const known = validators.get(typeName)
  if (known) return known
  const validate = new Ajv({ allowUnionTypes: true }).compile(readTypeOf(declarations, typeName))
  validators.set(typeName, validate)
  return validate
}

const undeclared = ['store', 'presence_penalty', 'frequency_penalty']

function asDeclared(response: object): object {
  const fields = Object.entries(response).filter(
    ([key, value]) => !undeclared.includes(key) && !(key === 'usage' && value === null),
  )
  const { output, ...rest } = { output: [] as object[], ...Object.fromEntries(fields) }
  return { output_text: '', ...withoutDescription(rest), output: output.map(withoutStatus) }
}

type Formatted = { text?: { format?: { description?: string | null } } }

function withoutDescription(response: Formatted): object {
  const { text } = response
  if (text?.format?.description !== null) return response
  const { description: _, ...format } = text.format
  return { ...response, text: { ...text, format } }
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
