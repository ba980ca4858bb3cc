// The official SDKs' types for responses, as JSON Schemas: our answers are checked against them. Each process generates
// them from the packages in node_modules, in about a second per SDK. Knows nothing about our own schemas.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { Ajv, type ValidateFunction } from 'ajv'
import { createFormatter, createParser, createProgram, DEFAULT_CONFIG, SchemaGenerator } from 'ts-json-schema-generator'

export type Sdk = 'openai' | 'anthropic'

/** The part of the generated schemas that is used here. */
type Schema = {
  $ref?: string
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: Schema
  definitions?: Record<string, Schema>
}

/** A package and the namespace of its types: `ChatCompletion` is `OpenAI.ChatCompletion`. */
const packages: Record<Sdk, { name: string; namespace: string }> = {
  openai: { name: 'openai', namespace: 'OpenAI' },
  anthropic: { name: '@anthropic-ai/sdk', namespace: 'Anthropic' },
}

type MakeSchema = (typeName: string) => Schema

function readSdk({ name, namespace }: { name: string; namespace: string }): MakeSchema {
  const entry = fileURLToPath(import.meta.resolve(name)).replace(/\.mjs$/, '.d.mts')
  const config = {
    ...DEFAULT_CONFIG,
    path: entry,
    tsconfig: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
    skipTypeCheck: true,
    jsDoc: 'none' as const,
    // Extra fields are not an error here: an object may have more than is declared. `undeclaredIn` reports ours.
    additionalProperties: true,
  }
  const program = createProgram(config)
  const generator = new SchemaGenerator(program, createParser(program, config), createFormatter(config), config)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(entry)
  const exports = source && checker.getSymbolAtLocation(source)
  const exported = exports && checker.tryGetMemberInModuleExports(namespace, exports)
  assert.ok(exported, `${name} has no ${namespace}`)
  // The type is looked up by its public name, because other files of an SDK declare types with the same names.
  const root = checker.getDeclaredTypeOfSymbol(exported).symbol
  return (typeName) => {
    const found = checker.tryGetMemberInModuleExports(typeName, root)
    const type = found && checker.getDeclaredTypeOfSymbol(found)
    const [declaration] = (type?.aliasSymbol ?? type?.symbol)?.declarations ?? []
    assert.ok(declaration, `${name} has no type ${namespace}.${typeName}`)
    return generator.createSchemaFromNodes([declaration]) as Schema
  }
}

const sdks = new Map<Sdk, MakeSchema>()
const validators = new Map<string, ValidateFunction>()

/** Checks of the branches of `anyOf`, to find the one that a value fits. */
const branchChecks = new WeakMap<Schema, ValidateFunction>()

const compile = (schema: Schema) => new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema)

/** The check for a type of an SDK by its exported name; its `schema` is the SDK's declaration. */
export function sdkSchema(sdk: Sdk, typeName: string): ValidateFunction {
  const key = `${sdk} ${typeName}`
  const known = validators.get(key)
  if (known) return known
  const make = sdks.get(sdk) ?? readSdk(packages[sdk])
  sdks.set(sdk, make)
  const validate = compile(make(typeName))
  validators.set(key, validate)
  return validate
}

/** Throws with all problems and the value. */
export function assertFits(sdk: Sdk, typeName: string, value: unknown): void {
  const validate = sdkSchema(sdk, typeName)
  if (validate(value)) return
  const problems = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `  ${instancePath || '/'} ${message} ${JSON.stringify(params)}`
  })
  const { namespace } = packages[sdk]
  assert.fail(`not a valid ${namespace}.${typeName}:\n${problems.join('\n')}\n${JSON.stringify(value, null, 2)}`)
}

type Part = { path: string[]; schema: Schema; object: Record<string, unknown> }

/** Walks a valid value together with its schema. */
class Parts {
  readonly #definitions: Record<string, Schema>

  constructor({ definitions = {} }: Schema) {
    this.#definitions = definitions
  }

  *objects(declared: Schema, value: unknown, path: string[] = []): Generator<Part> {
    const schema = this.#resolve(declared, value)
    if (Array.isArray(value)) {
      for (const [index, each] of value.entries())
        yield* this.objects(schema.items ?? {}, each, [...path, String(index)])
    } else if (typeof value === 'object' && value !== null) {
      yield { path, schema, object: value as Record<string, unknown> }
      for (const [key, each] of Object.entries(value)) {
        yield* this.objects(schema.properties?.[key] ?? schema.additionalProperties ?? {}, each, [...path, key])
      }
    }
  }

  isOpen(schema: Schema | undefined): boolean {
    return schema === undefined || Object.keys(this.#resolve(schema, null)).length === 0
  }

  /** Resolves a reference; of several alternatives, returns the one that the value fits. */
  #resolve(schema: Schema, value: unknown): Schema {
    const { $ref, anyOf } = schema
    if ($ref !== undefined) {
      const name = decodeURIComponent($ref.replace('#/definitions/', ''))
      return this.#resolve(this.#definitions[name] ?? {}, value)
    }
    const fitting = anyOf?.find((each) => this.#fits(each, value))
    return fitting === undefined ? schema : this.#resolve(fitting, value)
  }

  #fits(schema: Schema, value: unknown): boolean {
    const check = branchChecks.get(schema) ?? compile({ ...schema, definitions: this.#definitions })
    branchChecks.set(schema, check)
    return check(value) as boolean
  }
}

function partsOf(sdk: Sdk, typeName: string, value: unknown): { parts: Parts; objects: Part[] } {
  const schema = sdkSchema(sdk, typeName).schema as Schema
  const parts = new Parts(schema)
  return { parts, objects: [...parts.objects(schema, value)] }
}

const pointer = (path: readonly string[]) => path.map((key) => `/${key}`).join('')

/** Paths of keys that the SDK does not declare. */
export function undeclaredIn(sdk: Sdk, typeName: string, value: unknown): string[] {
  return partsOf(sdk, typeName, value).objects.flatMap(({ path, schema, object }) => {
    const isDeclared = (key: string) => Object.hasOwn(schema.properties ?? {}, key)
    const keys = schema.additionalProperties === undefined && schema.properties ? Object.keys(object) : []
    return keys.filter((key) => !isDeclared(key)).map((key) => pointer([...path, key]))
  })
}

export type BrokenCopy = { problem: string; value: unknown }

/** Copies of a valid value, each with one required key removed or replaced by a value of another type. */
export function* brokenCopies(sdk: Sdk, typeName: string, value: unknown): Generator<BrokenCopy> {
  const { parts, objects } = partsOf(sdk, typeName, value)
  for (const { path, schema, object } of objects) {
    for (const key of schema.required ?? []) {
      const location = pointer([...path, key])
      yield { problem: `${location} is missing`, value: copyWithout(value, path, key) }
      if (parts.isOpen(schema.properties?.[key])) continue
      const isObject = typeof object[key] === 'object' && object[key] !== null
      const other = isObject ? 'something else' : { something: 'else' }
      yield { problem: `${location} is something else`, value: copyWith(value, path, key, other) }
    }
  }
}

function copyWith(value: unknown, path: readonly string[], key: string, other: unknown): unknown {
  const copy = structuredClone(value)
  objectAt(copy, path)[key] = other
  return copy
}

function copyWithout(value: unknown, path: readonly string[], key: string): unknown {
  const copy = structuredClone(value)
  delete objectAt(copy, path)[key]
  return copy
}

const objectAt = (value: unknown, path: readonly string[]) =>
  path.reduce((part, key) => part[key] as Record<string, unknown>, value as Record<string, unknown>)
