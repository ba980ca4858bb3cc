// What answers cost at list prices, for conversations and runs of which the CLI reports no cost. An estimate: it knows nothing of a plan,
// a discount, or prices of other providers.
import { fieldsOf } from '../../platform/json.ts'

/** US dollars per million tokens. */
type Prices = { input: number; output: number; cacheWrite5m: number; cacheWrite1h: number; cacheRead: number }

type ModelPrices = Prices & {
  /** Prices of a request whose prompt has more tokens than this, cached ones included. */
  longPrompt?: Prices & { aboveTokens: number }
}

/** Writing to the cache costs 1.25 times the input for 5 minutes and twice the input for an hour. */
const prices = (input: number, output: number, cacheRead: number): Prices => ({
  input,
  output,
  cacheWrite5m: input * 1.25,
  cacheWrite1h: input * 2,
  cacheRead,
})

const haiku55: ModelPrices = {
  ...prices(0.1, 0.5, 0.01),
  longPrompt: { aboveTokens: 100_000, ...prices(0.5, 2.5, 0.05) },
}

/**
 * List prices of Claude models: https://platform.claude.com/docs/en/about-claude/pricing, as of November 2026. A test
 * compares them with what CLI 2.1.330 reports.
 */
const pricesByModel: Record<string, ModelPrices> = {
  'claude-fable-5-2': prices(8, 40, 0.2),
  'claude-fable-5-1': prices(10, 50, 0.25),
  'claude-fable-5': prices(10, 50, 1),
  'claude-mythos-5-2': prices(8, 40, 0.2),
  'claude-mythos-5-1': prices(10, 50, 0.25),
  'claude-mythos-5': prices(10, 50, 1),
  'claude-opus-5-5': prices(4, 20, 0.2),
  'claude-opus-5': prices(5, 25, 0.5),
  'claude-opus-4-8': prices(5, 25, 0.5),
  'claude-opus-4-7': prices(5, 25, 0.5),
  'claude-opus-4-6': prices(5, 25, 0.5),
  'claude-opus-4-5': prices(5, 25, 0.5),
  'claude-opus-4-1': prices(15, 75, 1.5),
  'claude-opus-4-0': prices(15, 75, 1.5),
  'claude-opus-4': prices(15, 75, 1.5),
  'claude-3-opus': prices(15, 75, 1.5),
  'claude-sonnet-5-5': prices(2, 10, 0.1),
  'claude-sonnet-5': prices(2, 10, 0.2),
  'claude-sonnet-4-6': prices(3, 15, 0.3),
  'claude-sonnet-4-5': prices(3, 15, 0.3),
  'claude-sonnet-4-0': prices(3, 15, 0.3),
  'claude-sonnet-4': prices(3, 15, 0.3),
  'claude-3-7-sonnet': prices(3, 15, 0.3),
  'claude-3-5-sonnet': prices(3, 15, 0.3),
  'claude-haiku-5-5': haiku55,
  'claude-haiku-4-5': prices(1, 5, 0.1),
  'claude-3-5-haiku': prices(0.8, 4, 0.08),
  'claude-3-haiku': { input: 0.25, output: 1.25, cacheWrite5m: 0.3, cacheWrite1h: 0.5, cacheRead: 0.03 },
}

const webSearchUsd = 0.01

/** What a request costs more if it must be served in the United States. */
const usFactor = 1.1

/** Longest first: `claude-opus-5-5` is not a `claude-opus-5`. */
const modelIds = Object.keys(pricesByModel).sort((a, b) => b.length - a.length)

/** Providers add to a model's id, before and after it. What looks like a further part of its version is another model. */
function pricesOf(model: string): ModelPrices | null {
  const id = modelIds.find((each) => model.includes(each))
  if (id === undefined) return null
  const rest = model.slice(model.indexOf(id) + id.length)
  return /^-\d{1,2}(?!\d)/.test(rest) ? null : (pricesByModel[id] ?? null)
}

const count = (value: unknown) => (typeof value === 'number' && value > 0 ? value : 0)

/**
 * The cost in US dollars of one request to the model's API with this usage, which has the API's own fields. `model` is
 * an id, also as Bedrock or Vertex spell it, not an alias. Null if the price is not known. The usage of several requests
 * may be passed as one; only for a model with other prices for long prompts is the estimate then too high.
 */
export function estimateCost(model: string, usage: unknown): number | null {
  const known = pricesOf(model)
  const fields = fieldsOf(usage)
  // Fast answers have prices of their own.
  if (known === null || fields.speed === 'fast') return null
  const input = count(fields.input_tokens)
  const cacheRead = count(fields.cache_read_input_tokens)
  const cacheWrite = count(fields.cache_creation_input_tokens)
  const hourly = Math.min(count(fieldsOf(fields.cache_creation).ephemeral_1h_input_tokens), cacheWrite)
  const { longPrompt } = known
  const isLong = longPrompt !== undefined && input + cacheRead + cacheWrite > longPrompt.aboveTokens
  const price = isLong ? longPrompt : known
  const microdollars =
    input * price.input +
    count(fields.output_tokens) * price.output +
    cacheRead * price.cacheRead +
    (cacheWrite - hourly) * price.cacheWrite5m +
    hourly * price.cacheWrite1h
  const searches = count(fieldsOf(fields.server_tool_use).web_search_requests) * webSearchUsd
  return (microdollars / 1e6) * (fields.inference_geo === 'us' ? usFactor : 1) + searches
}
