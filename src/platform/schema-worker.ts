// The thread in which JSON Schemas are compiled and values checked. Answers one call after the other; schema-checks.ts makes
// the calls and sets their deadlines.
import { parentPort } from 'node:worker_threads'
import { answerSchemaProblem, compileSchema, type JsonSchema, type SchemaCheck, schemaProblem } from './json-schema.ts'
import type { RpcAnswer, RpcCall } from './worker-rpc.ts'

/** An answer is checked some time after its schema, and may be checked again and again. */
const compiledMax = 16
const compiled = new Map<string, SchemaCheck>()

async function checkFor(schema: JsonSchema): Promise<SchemaCheck> {
  const text = JSON.stringify(schema)
  const check = compiled.get(text) ?? (await compileSchema(schema))
  compiled.delete(text)
  compiled.set(text, check)
  const [oldest] = compiled.keys()
  if (compiled.size > compiledMax && oldest !== undefined) compiled.delete(oldest)
  return check
}

const calls = {
  schemaProblem: async (schema: JsonSchema) => ({ problem: await schemaProblem(schema) }),
  answerSchemaProblem: async (schema: JsonSchema) => ({ problem: await answerSchemaProblem(schema) }),
  async misfits(schema: JsonSchema, values: readonly unknown[]) {
    const check = await checkFor(schema)
    const problems: (string | null)[] = []
    for (const value of values) {
      const problem = check(value)
      problems.push(problem)
      if (problem === null) break
    }
    return problems
  },
}

export type SchemaCalls = typeof calls

parentPort?.on('message', async ({ name, args }: RpcCall) => {
  const call = calls[name as keyof SchemaCalls] as (...args: unknown[]) => Promise<unknown>
  const answer = await call(...args).then(
    (value): RpcAnswer => ({ value }),
    ({ name: kind }: Error): RpcAnswer => ({ failed: kind }),
  )
  parentPort?.postMessage(answer)
})
