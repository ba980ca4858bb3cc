// Checks JSON Schemas, and answers against them, in a separate thread (schema-worker.ts): a client's schema may be large, or
// a pattern in it may take for ever, and nothing else may wait for that. Not for what a check finds (json-schema.ts).

import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { AppError } from '../errors.ts'
import type { JsonSchema } from './json-schema.ts'
import { type RecentLimits, RecentValues } from './recent-values.ts'
import type { SchemaCalls } from './schema-worker.ts'
import { threadFile } from './thread-file.ts'
import { RpcError, WorkerRpc } from './worker-rpc.ts'

const workerUrl = threadFile('schema-worker', import.meta.url)

/** The deadline is long enough for any useful schema on a slow machine that has other work, too. */
const defaults = { deadlineMs: 15_000, idleMs: 600_000, heapMbMax: 512 }

const slow = 'takes too long to check: make the schema simpler'

const answerTriesMax = 10

/** Clients send the same tools with every request of a conversation. What is wrong with a schema may quote it at length. */
const knownLimits: RecentLimits = { countMax: 2_000, charsMax: 1_000_000 }

/** The thread starts with the first call. */
export function schemaThread({ deadlineMs, idleMs, heapMbMax }: typeof defaults = defaults): WorkerRpc {
  const start = () =>
    new Worker(workerUrl, {
      name: 'schemas',
      env: {},
      argv: [],
      execArgv: [],
      // Whatever it prints may quote a request: it is kept out of the server's output and is never read.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    })
  return new WorkerRpc({ start, deadlineMs, idleMs, isRepeatable: () => true })
}

type SchemaQuestion = 'schemaProblem' | 'answerSchemaProblem'

export class SchemaChecks {
  readonly #thread: Pick<WorkerRpc, 'call' | 'close'>
  /** By digest of the schema, as `#underWay` is. */
  readonly #known: RecentValues<string | null>
  readonly #underWay = new Map<string, Promise<string | null>>()

  /** `thread` makes the calls. */
  constructor(thread: Pick<WorkerRpc, 'call' | 'close'> = schemaThread(), limits = knownLimits) {
    this.#thread = thread
    this.#known = new RecentValues(limits)
  }

  /** What is wrong with the schema, as the end of a sentence that begins with its name; null if it is valid. */
  schemaProblem(schema: JsonSchema): Promise<string | null> {
    return this.#knownOr('schemaProblem', schema)
  }

  /** The same, for a schema that an answer has to fit. */
  answerSchemaProblem(schema: JsonSchema): Promise<string | null> {
    return this.#knownOr('answerSchemaProblem', schema)
  }

  /**
   * What does not fit in each value, as the end of a sentence that begins with its name; null if it fits. Values after
   * the first one that fits are not checked.
   */
  async misfits(schema: JsonSchema, values: readonly unknown[]): Promise<(string | null)[]> {
    for (let tries = 1; ; tries++) {
      try {
        return (await this.#call('misfits', schema, values)) ?? [`it ${slow}`]
      } catch (error) {
        // An answer has cost money: it waits for its turn longer than a request does.
        const isBusy = error instanceof AppError && error.code === 'overloaded'
        if (!isBusy || tries === answerTriesMax) throw error
      }
    }
  }

  close(): Promise<void> {
    return this.#thread.close()
  }

  /** Of the same schema there is one check, however many requests bring it meanwhile. */
  async #knownOr(name: SchemaQuestion, schema: JsonSchema): Promise<string | null> {
    const digest = createHash('sha256').update(name).update(JSON.stringify(schema)).digest('base64')
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    const underWay = this.#underWay.get(digest) ?? this.#check(digest, name, schema)
    this.#underWay.set(digest, underWay)
    return underWay
  }

  async #check(digest: string, name: SchemaQuestion, schema: JsonSchema): Promise<string | null> {
    try {
      const problem = await this.#problem(name, schema)
      this.#known.set(digest, problem, problem?.length ?? 0)
      return problem
    } finally {
      this.#underWay.delete(digest)
    }
  }

  async #problem(name: SchemaQuestion, schema: JsonSchema): Promise<string | null> {
    const found = await this.#call(name, schema)
    return found === null ? slow : found.problem
  }

  /** Null if it takes too long, or too much memory. */
  async #call<Name extends keyof SchemaCalls>(
    name: Name,
    ...args: Parameters<SchemaCalls[Name]>
  ): Promise<Awaited<ReturnType<SchemaCalls[Name]>> | null> {
    try {
      return (await this.#thread.call(name, args)) as Awaited<ReturnType<SchemaCalls[Name]>>
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      if (error.kind !== 'late') return null
      throw new AppError('overloaded', 'The server is busy with the schemas of other requests.', { retryAfterS: 1 })
    }
  }
}

/** There is one thread for all requests: it starts with the first schema, and does not keep the program running. */
export const schemaChecks = new SchemaChecks()

/** Answers have one of their own: they do not wait for the schemas of new requests. */
export const answerChecks = new SchemaChecks()
