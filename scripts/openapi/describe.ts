// Adds descriptions to schemas and their fields. A description for a field that does not exist is an error, and so is a missing one: so
// the descriptions follow the code. Pure.
import { mapBelow, type Schema } from './json-schema.ts'

/** Descriptions of a schema and its fields. `outer.inner` is a field of a field, `list[].inner` a field of a list's items. */
export type Words = {
  about: string
  fields: Readonly<Record<string, string>>
  /** Whether fields may lack a description, because another API's own reference has them. */
  isPartial?: boolean
  /** Fields that the schema accepts without naming them. */
  more?: Readonly<Record<string, Schema>>
}

class Describer {
  readonly #name: string
  readonly #words: Words
  readonly #used = new Set<string>()

  constructor(name: string, words: Words) {
    this.#name = name
    this.#words = words
  }

  schema(plain: Schema): Schema {
    const { more = {}, about, fields, isPartial = false } = this.#words
    const properties = { ...(plain.properties as object | undefined), ...more }
    const known = Object.keys(properties).length > 0 ? { ...plain, properties } : plain
    const made = { description: about, ...this.#below(known, '') }
    const idle = Object.keys(fields).find((path) => !this.#used.has(path))
    if (idle !== undefined) throw new Error(`${this.#name} has no field ${idle}, but there is a description of it`)
    if (!isPartial && this.#silent.length > 0)
      throw new Error(`${this.#name} lacks descriptions of ${this.#silent.join(', ')}`)
    return made
  }

  readonly #silent: string[] = []

  #below(schema: Schema, path: string): Schema {
    const { properties, ...others } = schema
    const made = mapBelow(others, (below) => this.#below(below, below === others.items ? `${path}[]` : path))
    if (properties === undefined) return made
    const named = Object.entries(properties as Record<string, Schema>).map(([name, field]) => {
      const inner = path === '' ? name : `${path}.${name}`
      return [name, this.#field(this.#below(field, inner), inner)]
    })
    // Keywords keep their order.
    return Object.fromEntries(
      Object.keys(schema).map((key) => [key, key === 'properties' ? Object.fromEntries(named) : made[key]]),
    ) as Schema
  }

  #field(field: Schema, path: string): Schema {
    const description = this.#words.fields[path]
    if (description !== undefined) this.#used.add(path)
    else if (!('const' in field) && !('description' in field)) this.#silent.push(path)
    return description === undefined ? field : { description, ...field }
  }
}

export function describe(
  schemas: Readonly<Record<string, Schema>>,
  words: Readonly<Record<string, Words>>,
): Record<string, Schema> {
  const unknownName = Object.keys(words).find((name) => !(name in schemas))
  if (unknownName !== undefined) throw new Error(`there is no schema ${unknownName}, but there is a description of it`)
  const described = Object.entries(schemas).map(([name, schema]) => {
    const own = words[name]
    if (own !== undefined) return [name, new Describer(name, own).schema(schema)] as const
    if (schema.description === undefined) throw new Error(`the schema ${name} lacks a description`)
    return [name, schema] as const
  })
  return Object.fromEntries(described)
}
