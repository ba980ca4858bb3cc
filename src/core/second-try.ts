// An agent that asks a plain model once more where its answer is not what the caller insists on: a call of a tool, or an
// object in JSON. The CLI can force neither. The first answer is held back until it is known to be right.
import { toAppError } from '../errors.ts'
import type { Agent, RunRequest } from './agent.ts'
import type { RunEnd, RunEvent, Usage } from './events.ts'
import { JsonText } from './json-text.ts'

const reminders = {
  call: 'Your answer must be a call of one of the tools. Call it now, and write nothing else.',
  'json-object': 'Your answer must be one JSON object and nothing else: no words around it, no code fence.',
}

export function withSecondTry(agent: Agent): Agent {
  return {
    stats: () => agent.stats(),
    close: (deadlineMs) => agent.close(deadlineMs),
    run: (request, signal) => (must(request) === null ? agent.run(request, signal) : runTwice(agent, request, signal)),
  }
}

/** The words of an answer in JSON are told as they come where the caller listens: they cannot be taken back then. */
function must({ plain, live }: RunRequest): 'call' | 'json-object' | null {
  if (plain === null || (plain.must === 'json-object' && live)) return null
  return plain.must
}

async function* runTwice(agent: Agent, request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
  const wanted = must(request) ?? 'call'
  const held: RunEvent[] = []
  let isRight = false
  for await (const event of agent.run(request, signal)) {
    if (event.type === 'run-end' && !isRight && isWrong(event, held, wanted)) {
      yield* again(agent, remind(request, reminders[wanted]), { held, end: event }, signal)
      return
    }
    isRight ||= event.type === 'run-end' || (wanted === 'call' && event.type === 'tool-start')
    if (isRight) yield* held.splice(0)
    if (isRight || event.type === 'run-start') yield event
    else held.push(event)
  }
}

/** Only an answer that has come to its own end is asked for again. */
function isWrong({ outcome, stopReason }: RunEnd, held: readonly RunEvent[], wanted: 'call' | 'json-object'): boolean {
  const hasEnded = stopReason === null || stopReason === 'end_turn' || stopReason === 'tool_use'
  if (outcome !== 'succeeded' || !hasEnded) return false
  if (wanted === 'call') return true
  const json = new JsonText()
  for (const event of held) if (event.type === 'text-delta') json.push(event.text)
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
      if (event.type === 'run-end') yield { ...event, usage: sum(end.usage, event.usage), costUsd: cost(end, event) }
      else if (event.type !== 'run-start') yield event
    }
  } catch (thrown) {
    // Nothing was told of the second answer yet. The first was a good one but for its form, and is better than none.
    if (!signal.aborted) return yield* [...held, end]
    const { code, message, details } = toAppError(thrown)
    yield { ...end, outcome: code === 'cancelled' ? 'cancelled' : 'failed', error: { code, message, details } }
  }
}

const cost = (a: RunEnd, b: RunEnd) => (a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd)

const sum = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
  cacheCreationInputTokens: a.cacheCreationInputTokens + b.cacheCreationInputTokens,
  raw: b.raw,
})
