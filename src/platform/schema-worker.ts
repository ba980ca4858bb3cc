// The thread in which JSON Schemas are compiled and values checked. Answers one call after the other; schema-checks.ts makes
// the calls and sets their deadlines.
import { parentPort } from 'node:worker_threads'
import { CompiledSchemas } from './compiled-schemas.ts'
import { answerSchemaProblem, compileSchema, type JsonSchema, schemaProblem } from './json-schema.ts'
import type { RpcAnswer, RpcCall } from './worker-rpc.ts'

const compiled = new CompiledSchemas(compileSchema)

const calls = {
  schemaProblem: async (schema: JsonSchema) => ({ problem: await schemaProblem(schema) }),
  answerSchemaProblem: async (schema: JsonSchema) => ({ problem: await answerSchemaProblem(schema) }),
  async misfits(schema: JsonSchema, values: readonly unknown[]) {
    const check = await compiled.checkFor(schema)
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
