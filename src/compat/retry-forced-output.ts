// An agent that prompts a plain model once more if its answer lacks the required output: a tool call, or a JSON object.
// The CLI can force neither. The first answer is held back until it is known to be valid.

import { type Agent, type RunRequest, withRun } from '../core/agent.ts'
import { figuresOfBoth, type RunEnd, type RunEvent } from '../core/events.ts'
import { toAppError } from '../errors.ts'
import { JsonObjectExtractor } from '../platform/json-object-extractor.ts'

/** For the system prompt of a request for JSON without a schema. */
export const objectInstruction = 'Answer with one JSON object and nothing else: no words around it, no code fence.'

const reminders = {
  call: 'Your answer must be a call of one of the tools. Call it now, and write nothing else.',
  'json-object': 'Your answer must be one JSON object and nothing else: no words around it, no code fence.',
}

export function withForcedOutputRetry(agent: Agent): Agent {
  return withRun(agent, (request, signal) =>
    retryableOutput(request) === null ? agent.run(request, signal) : runTwice(agent, request, signal),
  )
}

/**
 * The required output, if a retry is possible. A streamed JSON answer is emitted as it arrives and cannot be taken
 * back.
 */
function retryableOutput({ plain, streaming }: RunRequest): 'call' | 'json-object' | null {
  if (plain === null || (plain.requiredOutput === 'json-object' && streaming)) return null
  return plain.requiredOutput
}

async function* runTwice(agent: Agent, request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
  const required = retryableOutput(request) ?? 'call'
  const held: RunEvent[] = []
  let isValid = false
  let invalidEnd: RunEnd | null = null
  for await (const event of agent.run(request, signal)) {
    if (event.type === 'run-end' && !isValid && needsRetry(event, held, required)) {
      invalidEnd = event
      continue
    }
    isValid ||= event.type === 'run-end' || (required === 'call' && event.type === 'tool-start')
    if (isValid) yield* held.splice(0)
    if (isValid || event.type === 'run-start') yield event
    else held.push(event)
  }
  // Only now has the first run released its process.
  if (invalidEnd !== null) {
    yield* retry(agent, remind(request, reminders[required]), { held, end: invalidEnd }, signal)
  }
}

/** Only an answer that ended by itself is retried. */
function needsRetry(
  { outcome, stopReason }: RunEnd,
  held: readonly RunEvent[],
  required: 'call' | 'json-object',
): boolean {
  const hasEnded = stopReason === null || stopReason === 'end_turn' || stopReason === 'tool_use'
  if (outcome !== 'succeeded' || !hasEnded) return false
  if (required === 'call') return true
  let json = new JsonObjectExtractor()
  for (const event of held) {
    // The CLI repeats its request to the model, and the next answer replaces this one.
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

/** Emits the second answer as if it were the first. Usage and cost are those of both. */
async function* retry(
  agent: Agent,
  request: RunRequest,
  first: FirstAnswer,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const { held, end } = first
  try {
    for await (const event of agent.run(request, signal)) {
      if (event.type === 'run-end') yield { ...event, ...figuresOfBoth(end, event), sessionId: end.sessionId }
      else if (event.type !== 'run-start') yield event
    }
  } catch (thrown) {
    // Nothing of the second answer was emitted yet. The first is only in the wrong form, and better than none.
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
