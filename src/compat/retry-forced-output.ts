// An agent that asks a plain model once more where its answer is not what the caller insists on: a call of a tool, or an
// object in JSON. The CLI can force neither. The first answer is held back until it is known to be right.

import { type Agent, type RunRequest, withRun } from '../core/agent.ts'
import type { RunEnd, RunEvent } from '../core/events.ts'
import { toAppError } from '../errors.ts'
import { JsonObjectExtractor } from './json-object-extractor.ts'

const reminders = {
  call: 'Your answer must be a call of one of the tools. Call it now, and write nothing else.',
  'json-object': 'Your answer must be one JSON object and nothing else: no words around it, no code fence.',
}

export function withForcedOutputRetry(agent: Agent): Agent {
  return withRun(agent, (request, signal) =>
    must(request) === null ? agent.run(request, signal) : runTwice(agent, request, signal),
  )
}

/** The words of an answer in JSON are told as they come where the caller listens: they cannot be taken back then. */
function must({ plain, streaming }: RunRequest): 'call' | 'json-object' | null {
  if (plain === null || (plain.requiredOutput === 'json-object' && streaming)) return null
  return plain.requiredOutput
}

async function* runTwice(agent: Agent, request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
  const wanted = must(request) ?? 'call'
  const held: RunEvent[] = []
  let isRight = false
  let wrong: RunEnd | null = null
  for await (const event of agent.run(request, signal)) {
    if (event.type === 'run-end' && !isRight && isWrong(event, held, wanted)) {
      wrong = event
      continue
    }
    isRight ||= event.type === 'run-end' || (wanted === 'call' && event.type === 'tool-start')
    if (isRight) yield* held.splice(0)
    if (isRight || event.type === 'run-start') yield event
    else held.push(event)
  }
  // Only now has the first run let go of its process.
  if (wrong !== null) yield* again(agent, remind(request, reminders[wanted]), { held, end: wrong }, signal)
}

/** Only an answer that has come to its own end is asked for again. */
function isWrong({ outcome, stopReason }: RunEnd, held: readonly RunEvent[], wanted: 'call' | 'json-object'): boolean {
  const hasEnded = stopReason === null || stopReason === 'end_turn' || stopReason === 'tool_use'
  if (outcome !== 'succeeded' || !hasEnded) return false
  if (wanted === 'call') return true
  let json = new JsonObjectExtractor()
  for (const event of held) {
    // The model is asked again, and its next answer takes the place of this one.
    if (event.type === 'retry') json = new JsonObjectExtractor()
    if (event.type === 'text-delta') json.push(event.text)
  }
  return !json.isWhole
}

const remind = (request: RunRequest, text: string): RunRequest => ({
  ...request,
  prompt: [...request.prompt, { type: 'text', text }],
})

type FirstAnswer = { held: readonly RunEvent[]; end: RunEnd }

/** The second answer, told as if it were the first; both were paid for. */
async function* again(
  agent: Agent,
  request: RunRequest,
  first: FirstAnswer,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const { held, end } = first
  try {
    for await (const event of agent.run(request, signal)) {
      if (event.type === 'run-end') yield { ...event, ...both(end, event), sessionId: end.sessionId }
      else if (event.type !== 'run-start') yield event
    }
  } catch (thrown) {
    // Nothing was told of the second answer yet. The first was a good one but for its form, and is better than none.
    if (!signal.aborted) return yield* [...held, end]
    const { code, message, details } = toAppError(thrown)
    yield {
      ...end,
      result: '',
      outcome: code === 'cancelled' ? 'cancelled' : 'failed',
      error: { code, message, details },
    }
  }
}

const both = (a: RunEnd, b: RunEnd): Partial<RunEnd> => ({
  usage: {
    inputTokens: a.usage.inputTokens + b.usage.inputTokens,
    outputTokens: a.usage.outputTokens + b.usage.outputTokens,
    cacheReadInputTokens: a.usage.cacheReadInputTokens + b.usage.cacheReadInputTokens,
    cacheCreationInputTokens: a.usage.cacheCreationInputTokens + b.usage.cacheCreationInputTokens,
    raw: sum(a.usage.raw, b.usage.raw) as Record<string, unknown>,
  },
  costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd,
  numTurns: a.numTurns + b.numTurns,
  durationMs: a.durationMs + b.durationMs,
})

/** Adds up the numbers of two objects, however deep they stand; of everything else the second one holds. */
function sum(a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (!isObject(a) || !isObject(b)) return b ?? a
  return Object.fromEntries(Object.keys({ ...a, ...b }).map((name) => [name, sum(a[name], b[name])]))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
