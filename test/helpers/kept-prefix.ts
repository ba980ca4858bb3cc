// How much of a request to the model repeats the one before: what the model's API reads from its prompt cache. A request is taken apart
// into units: its settings, its tools, its system prompt, and each message. The API goes by the same order. `cache_control` only says
// where an entry ends, and is left out; so is the CLI's billing line, which is not part of the prompt.
import assert from 'node:assert/strict'
import type { RecordedRequest } from '../../src/demo/upstream.ts'

type Body = {
  [field: string]: unknown
  messages: { role: string; content: unknown }[]
  system?: unknown
  tools?: unknown[]
}
type Block = { text?: string }

const billingLine = 'x-anthropic-billing-header:'

function withoutCacheControl(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCacheControl)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([name]) => name !== 'cache_control')
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutCacheControl(each)]))
}

const blocksOf = (content: unknown): unknown[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : (content as unknown[])

/** The units of a request, each as JSON. */
export function unitsOf({ raw }: Pick<RecordedRequest, 'raw'>): string[] {
  const { model, thinking, output_config, system, tools, messages } = withoutCacheControl(JSON.parse(raw)) as Body
  const prompts = blocksOf(system ?? []).filter((block) => !(block as Block).text?.startsWith(billingLine))
  return [
    JSON.stringify({ model, thinking, output_config }),
    JSON.stringify(tools ?? []),
    JSON.stringify(prompts),
    ...messages.map((message) => JSON.stringify({ ...message, content: blocksOf(message.content) })),
  ]
}

/** Checks that `next` begins with everything that is in `previous`, or with its first `count` messages. */
export function assertKept(
  previous: Pick<RecordedRequest, 'raw'>,
  next: Pick<RecordedRequest, 'raw'>,
  count?: number,
): void {
  const before = unitsOf(previous)
  const wanted = count === undefined ? before : before.slice(0, 3 + count)
  assert.deepEqual(unitsOf(next).slice(0, wanted.length), wanted)
}

/** Checks each request to the model against the one before in the same conversation. */
export function assertAllKept(requests: readonly Pick<RecordedRequest, 'raw'>[]): void {
  for (const [index, next] of requests.entries()) {
    const previous = requests[index - 1]
    if (previous !== undefined) assertKept(previous, next)
  }
}
