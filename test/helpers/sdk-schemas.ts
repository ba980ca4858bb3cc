// The official SDKs' types for responses, as JSON Schemas: our answers are checked against them. They are generated from
// the packages in node_modules, which takes seconds, and kept in node_modules/.cache until one of these packages changes.
// Knows nothing about our own schemas.
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv, type ValidateFunction } from 'ajv'
import type { SchemaGenerator } from 'ts-json-schema-generator'

const require = createRequire(import.meta.url)

export type Sdk = 'openai' | 'anthropic'

/** The part of the generated schemas that is used here. */
export type Schema = {
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

/** Null for a type that the SDK does not have. */
type MakeSchema = (typeName: string) => Schema | null

const tsconfig = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))
const options = {
  tsconfig,
  skipTypeCheck: true,
  jsDoc: 'none' as const,
  // Extra fields are not an error here: an object may have more than is declared. `undeclaredIn` reports ours.
  additionalProperties: true,
}

/** The file of a package that declares its types. */
const declarationsOf = (name: string) => fileURLToPath(import.meta.resolve(name)).replace(/\.m?js$/, '.d.mts')

/** Types that are read with the generator's own lookup by name, from a file of a package, for suites with stricter options. */
export type SchemaSource = {
  name: string
  namespace: string
  /** The module that declares the types. */
  module: string
  options: { jsDoc: 'none'; additionalProperties: boolean }
}

/** The schema of one of its types, which is kept too. */
export function readTypeOf({ name, namespace, module, options: own }: SchemaSource, typeName: string): Schema {
  const used = { ...options, ...own }
  const path = cachePath({ name, namespace }, typeName, used)
  const kept = readKept(path)
  if (kept) return kept
  const generator = generators.get(module) ?? makeGenerator(module, used)
  generators.set(module, generator)
  const schema = generator.createSchema(typeName) as Schema
  keep(path, schema)
  return schema
}

const generators = new Map<string, SchemaGenerator>()

function makeGenerator(module: string, used: typeof options): SchemaGenerator {
  const { DEFAULT_CONFIG, ...all } = loadGenerators()
  const config = { ...DEFAULT_CONFIG, path: declarationsOf(module), ...used }
  const program = all.createProgram(config)
  return new all.SchemaGenerator(program, all.createParser(program, config), all.createFormatter(config), config)
}

/** Loaded only when it is needed, because the generator brings a whole TypeScript compiler. */
const loadGenerators = (): typeof import('ts-json-schema-generator') => require('ts-json-schema-generator')

function readSdk({ name, namespace }: { name: string; namespace: string }): MakeSchema {
  const all = loadGenerators()
  const entry = declarationsOf(name)
  const config = { ...all.DEFAULT_CONFIG, path: entry, ...options }
  const program = all.createProgram(config)
  const parser = all.createParser(program, config)
  const generator = new all.SchemaGenerator(program, parser, all.createFormatter(config), config)
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
    return declaration === undefined ? null : (generator.createSchemaFromNodes([declaration]) as Schema)
  }
}

const cacheFolder = fileURLToPath(new URL('../../node_modules/.cache/claude-serve-sdk-schemas', import.meta.url))

const versionIn = (path: string) => JSON.parse(readFileSync(path, 'utf8')).version as unknown

/** Where the schema of a type is kept: a folder for everything that it depends on. */
function cachePath(
  { name, namespace }: { name: string; namespace: string },
  typeName: string,
  used: typeof options = options,
): string {
  const generator = require.resolve('ts-json-schema-generator/package.json')
  const sdk = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  const compiler = createRequire(generator).resolve('typescript/package.json')
  const versions = [name, ...[fileURLToPath(sdk), generator, compiler].map(versionIn)]
  const key = JSON.stringify([versions, { ...used, tsconfig: readFileSync(tsconfig, 'utf8') }])
  return join(cacheFolder, hashOf(key).slice(0, 32), `${namespace}.${typeName}.json`)
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** Undefined if it was not kept, or is damaged. */
function readKept(path: string): Schema | null | undefined {
  try {
    const { schema, sha256 } = JSON.parse(readFileSync(path, 'utf8')) as { schema: Schema | null; sha256: string }
    return hashOf(JSON.stringify(schema)) === sha256 ? schema : undefined
  } catch {
    return undefined
  }
}

/** Other processes may write the same file at the same time. */
function keep(path: string, schema: Schema | null): void {
  const temporary = `${path}.${randomUUID()}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(temporary, JSON.stringify({ schema, sha256: hashOf(JSON.stringify(schema)) }))
  renameSync(temporary, path)
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
  const schema = readSchema(sdk, typeName)
  const { name, namespace } = packages[sdk]
  assert.ok(schema, `${name} has no type ${namespace}.${typeName}`)
  const validate = compile(schema)
  validators.set(key, validate)
  return validate
}

function readSchema(sdk: Sdk, typeName: string): Schema | null {
  const path = cachePath(packages[sdk], typeName)
  const kept = readKept(path)
  if (kept !== undefined) return kept
  const make = sdks.get(sdk) ?? readSdk(packages[sdk])
  sdks.set(sdk, make)
  const schema = make(typeName)
  keep(path, schema)
  return schema
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
