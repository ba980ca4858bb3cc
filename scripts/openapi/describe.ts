// Puts words to the fields of schemas. A row of words for a field that is not there, and a field without words where all must have
// some, are faults: so the words follow the code. Pure.
import { mapBelow, type Schema } from './json-schema.ts'

/** What a schema and its fields mean. `outer.inner` is a field of a field, `list[].inner` one of what a list holds. */
export type Words = {
  about: string
  fields: Readonly<Record<string, string>>
  /** Whether fields may go without words: where another API's own reference has them. */
  isPartial?: boolean
  /** Fields that the schema lets through without naming them. */
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

  schema(given: Schema): Schema {
    const { more = {}, about, fields, isPartial = false } = this.#words
    const properties = { ...(given.properties as object | undefined), ...more }
    const known = Object.keys(properties).length > 0 ? { ...given, properties } : given
    const made = { description: about, ...this.#below(known, '') }
    const idle = Object.keys(fields).find((path) => !this.#used.has(path))
    if (idle !== undefined) throw new Error(`${this.#name} has no field ${idle}, though there are words for it`)
    if (!isPartial && this.#silent.length > 0)
      throw new Error(`${this.#name} lacks words for ${this.#silent.join(', ')}`)
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
    // In the order that the schema had.
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
  const stranger = Object.keys(words).find((name) => !(name in schemas))
  if (stranger !== undefined) throw new Error(`there is no schema ${stranger}, though there are words for it`)
  const described = Object.entries(schemas).map(([name, schema]) => {
    const own = words[name]
    if (own !== undefined) return [name, new Describer(name, own).schema(schema)] as const
    if (schema.description === undefined) throw new Error(`the schema ${name} lacks words`)
    return [name, schema] as const
  })
  return Object.fromEntries(described)
}
