// What OpenAI's routes need of the server.
import type { ModelFact } from '../../../core/agent.ts'
import type { RunInput, Runs } from '../../../core/runs.ts'
import type { ReaderLimits } from '../../../http/reader-limits.ts'

export type OpenaiOptions = {
  runs: Runs
  /** Whoever reads a stored response as a stream. */
  readers: ReaderLimits
  /** What the CLI reports. Asked for with each request. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and what they stand for. */
  modelMap: Readonly<Record<string, string>>
  requestTimeoutMs: number
  /** An estimate of what the model is sent, in tokens. */
  countTokens(run: Omit<RunInput, 'timeoutMs'>, model: string): number
}
