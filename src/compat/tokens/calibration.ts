// Learns from the answers of plain models how what their API counts compares to the estimate (estimate.ts): each model has
// a tokenizer of its own. Kept in memory only. Not for what a run has cost, which its own usage says.
import { type Agent, type RunRequest, withRun } from '../../core/agent.ts'
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { type EstimatedRequest, estimateRequest } from './estimate.ts'

/** As many of the last answers of a model as its ratio is made of. */
const notesMax = 32
/** Models that were not heard of for longest are forgotten. */
const modelsMax = 64

const ratioMin = 0.5
const ratioMax = 3
/** Before there was any answer. Newer models count up to 1.35 times as much, so that the first estimates may be low. */
const defaultRatio = 1

/** Above this a request is not estimated just to learn from it: that would hold up others. */
const learnedCharsMax = 2_000_000

export class TokenCalibration {
  /** What was counted for each token of the estimate, by model; the model heard of last stands last. */
  readonly #ratios = new Map<string, number[]>()

  /** What an estimate turned out to be. Figures that say nothing are passed over. */
  note(model: string, estimated: number, counted: number): void {
    const ratio = counted / estimated
    if (!(ratio > 0 && ratio < Number.POSITIVE_INFINITY)) return
    const ratios = this.#ratios.get(model) ?? []
    ratios.push(ratio)
    if (ratios.length > notesMax) ratios.shift()
    this.#ratios.delete(model)
    this.#ratios.set(model, ratios)
    const [oldest] = this.#ratios.keys()
    if (this.#ratios.size > modelsMax && oldest !== undefined) this.#ratios.delete(oldest)
  }

  /** By the full id of a model, as a run's end says it. One that is not known yet is taken to be like the others. */
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

/** An agent whose answers of plain models teach the gauge. It has to see each request as it is sent: no second try inside. */
export function withTokenCalibration(agent: Agent, gauge: TokenCalibration): Agent {
  return withRun(agent, (request, signal) =>
    isWhole(request) ? runAndNote(agent, gauge, request, signal) : agent.run(request, signal),
  )
}

/** Whether the request is all that the model is sent. */
const isWhole = ({ plain, session }: RunRequest) =>
  plain !== null && (session.kind === 'new' || session.kind === 'history')

async function* runAndNote(
  agent: Agent,
  gauge: TokenCalibration,
  request: RunRequest,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  let answers = 0
  for await (const event of agent.run(request, signal)) {
    if (event.type === 'usage') answers++
    // Whoever takes the last event does not always ask for one more, so this cannot wait until after it.
    if (event.type === 'run-end' && event.outcome === 'succeeded' && answers === 1) noteLater(gauge, request, event)
    yield event
  }
}

/** Once the end has been passed on, so that no answer waits for it. */
function noteLater(gauge: TokenCalibration, request: EstimatedRequest, { model, usage }: RunEnd): void {
  const counted = usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens
  setImmediate(() => {
    try {
      if (isSmall(request)) gauge.note(model, estimateRequest(request), counted)
    } catch {
      // Nobody waits for this, and nothing is lost but one note.
    }
  })
}

function isSmall({ prompt, session, options, plain }: EstimatedRequest): boolean {
  const budget = { chars: learnedCharsMax }
  spend({ prompt, session, options, plain }, budget)
  return budget.chars >= 0
}

/** Takes the length of all texts in a value from the budget, until it is used up. */
function spend(value: unknown, budget: { chars: number }): void {
  if (typeof value === 'string') budget.chars -= value.length
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    budget.chars -= key.length
    if (budget.chars < 0) return
    spend(inner, budget)
  }
}
