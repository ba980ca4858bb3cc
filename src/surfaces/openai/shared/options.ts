// What the OpenAI routes need from the server.
import type { ModelFact } from '../../../core/agent.ts'
import type { RunInput, Runs } from '../../../core/runs.ts'
import type { ReaderLimits } from '../../../http/reader-limits.ts'

export type OpenaiOptions = {
  runs: Runs
  /** Limits on clients that read stored responses as streams. */
  readers: ReaderLimits
  /** The models that the CLI reports. Called for every request. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and the models they stand for. */
  modelMap: Readonly<Record<string, string>>
  requestTimeoutMs: number
  /** Estimates the number of tokens sent to the model. */
  countTokens(run: Omit<RunInput, 'timeoutMs'>, model: string): number
}
