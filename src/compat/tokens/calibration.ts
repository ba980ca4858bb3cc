// Learns from the answers of plain models how the API's token count compares to the estimate (estimate.ts): each model
// has its own tokenizer. Held in memory only. What a run really used is in its own usage.
import { type Agent, type RunRequest, withRun } from '../../core/agent.ts'
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { type EstimatedRequest, estimateRequest } from './estimate.ts'

/** How many of a model's latest answers its ratio is computed from. */
const samplesMax = 32
/** Beyond this, the model whose last answer is the oldest is dropped. */
const modelsMax = 64

const ratioMin = 0.5
const ratioMax = 3
/** Used before the first answer. Newer models count up to 1.35 times as much, so the first estimates may be too low. */
const defaultRatio = 1

/** Larger requests are not estimated just to learn from them: that would delay others. */
const learnedCharsMax = 2_000_000

export class TokenCalibration {
  /** Tokens counted per token estimated, by model; the model with the latest answer comes last. */
  readonly #ratios = new Map<string, number[]>()

  /** Records the count for an estimate. Pairs that give no usable ratio are ignored. */
  record(model: string, estimated: number, counted: number): void {
    const ratio = counted / estimated
    if (!(ratio > 0 && ratio < Number.POSITIVE_INFINITY)) return
    const ratios = this.#ratios.get(model) ?? []
    ratios.push(ratio)
    if (ratios.length > samplesMax) ratios.shift()
    this.#ratios.delete(model)
    this.#ratios.set(model, ratios)
    const [oldest] = this.#ratios.keys()
    if (this.#ratios.size > modelsMax && oldest !== undefined) this.#ratios.delete(oldest)
  }

  /** `model` is the full id, as in a run's end. An unknown model is assumed to be like the others. */
  estimate(model: string, estimated: number): number {
    const ratio = median(this.#ratios.get(model) ?? [...this.#ratios.values()].flat()) ?? defaultRatio
    return Math.round(estimated * Math.min(ratioMax, Math.max(ratioMin, ratio)))
  }
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1]
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2
}

/**
 * Calibrates from the answers of plain models. It must see each request as it is sent, so no retry may be inside it.
 */
export function withTokenCalibration(agent: Agent, calibration: TokenCalibration): Agent {
  return withRun(agent, (request, signal) =>
    isWhole(request) ? runAndLearn(agent, calibration, request, signal) : agent.run(request, signal),
  )
}

/** Whether the request contains everything that is sent to the model. */
const isWhole = ({ plain, session }: RunRequest) =>
  plain !== null && (session.kind === 'new' || session.kind === 'history')

async function* runAndLearn(
  agent: Agent,
  calibration: TokenCalibration,
  request: RunRequest,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  let answers = 0
  for await (const event of agent.run(request, signal)) {
    if (event.type === 'usage') answers++
    // Readers may stop at the last event, so this cannot wait until after it.
    if (event.type === 'run-end' && event.outcome === 'succeeded' && answers === 1)
      learnLater(calibration, request, event)
    yield event
  }
}

/** Runs after the end has been passed on, so that no answer waits for it. */
function learnLater(calibration: TokenCalibration, request: EstimatedRequest, { model, usage }: RunEnd): void {
  const counted = usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens
  setImmediate(() => {
    try {
      if (isSmall(request)) calibration.record(model, estimateRequest(request), counted)
    } catch {
      // Nobody waits for this, and only one sample is lost.
    }
  })
}

function isSmall({ prompt, session, options, plain }: EstimatedRequest): boolean {
  const budget = { chars: learnedCharsMax }
  spend({ prompt, session, options, plain }, budget)
  return budget.chars >= 0
}

/** Subtracts the length of all texts in a value from the budget until it is used up. */
function spend(value: unknown, budget: { chars: number }): void {
  if (typeof value === 'string') budget.chars -= value.length
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    budget.chars -= key.length
    if (budget.chars < 0) return
    spend(inner, budget)
  }
}
