// The checks of the schemas that answers were last checked against: an answer is checked some time after its schema, and may be
// checked again and again. Not for how a schema is compiled (json-schema.ts).
import type { compileSchema, JsonSchema, SchemaCheck } from './json-schema.ts'
import { type RecentLimits, RecentValues } from './recent-values.ts'

/** By text: code takes several times as much memory as the schema that it was made from. */
const limits: RecentLimits = { countMax: 64, charsMax: 2_000_000 }

export class CompiledSchemas {
  readonly #compile: typeof compileSchema
  readonly #recent: RecentValues<SchemaCheck>

  constructor(compile: typeof compileSchema, bounds: RecentLimits = limits) {
    this.#compile = compile
    this.#recent = new RecentValues(bounds)
  }

  /** Throws an Error that says what is wrong with the schema. */
  async checkFor(schema: JsonSchema): Promise<SchemaCheck> {
    const text = JSON.stringify(schema)
    const known = this.#recent.get(text)
    if (known !== undefined) return known
    const check = await this.#compile(schema)
    this.#recent.set(text, check, 0)
    return check
  }
}
