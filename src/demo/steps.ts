// What the scripted upstream can be told to do (a Step), and which step answers a given request.
// Knows nothing of HTTP: it maps a request body to a step.
//
// The first of these that applies decides:
//   1. a queued step (one per request);
//   2. the directives in the last real prompt, written `[[fake {"tokens":3}]]`. Several in one prompt are the steps of
//      one agent loop: the first answers the prompt, the second the first tool result, and so on. When they are used
//      up the last one is repeated, but a tool step is not (the loop would never end) unless it says "repeat": true;
//   3. the demo scenarios, when they are switched on;
//   4. the defaults: a short text.
import { createHash } from 'node:crypto'
import { countPrompts, DIRECTIVE_START, lastPrompt, type MessagesBody, type Prompt } from './messages-body.ts'
import { STRUCTURED_OUTPUT_TOOL, toDemoSteps } from './scenarios.ts'
import type { Step } from './step.ts'

export class DirectiveError extends Error {}

const BASE: Step = { tokens: 20, gap: 0, ttft: 0 }

/** The queue and the defaults of one upstream, and its memory of how often a failing step was tried. */
export class StepScript {
  readonly #initial: Step
  readonly #scenarios: boolean
  readonly #queue: Step[] = []
  readonly #tries = new Map<string, number>()
  #defaults: Step

  constructor(defaults: Step, scenarios: boolean) {
    this.#initial = { ...BASE, ...defaults }
    this.#defaults = this.#initial
    this.#scenarios = scenarios
  }

  enqueue(...steps: Step[]): void {
    this.#queue.push(...steps)
  }

  /** Takes the place of earlier setDefaults; what the step leaves open is as it was at the start. */
  setDefaults(step: Step): void {
    this.#defaults = { ...this.#initial, ...step }
    this.#tries.clear()
  }

  reset(): void {
    this.#queue.length = 0
    this.setDefaults({})
  }

  choose(body: MessagesBody): Step {
    const queued = this.#queue.shift()
    if (queued) return { ...this.#defaults, ...queued }
    const prompt = lastPrompt(body.messages, this.#scenarios)
    let steps = readDirectives(prompt.text)
    if (steps.length === 0 && this.#scenarios) steps = toDemoSteps(prompt.text, demoContext(prompt, body))
    const scripted = dueStep(steps, prompt.answered)
    const step = { ...this.#defaults, ...scripted }
    return this.#isUsedUp(step, scripted ? tryKey(prompt) : '') ? withoutFaults(step) : step
  }

  #isUsedUp(step: Step, key: string): boolean {
    if (step.times === undefined) return false
    const tries = (this.#tries.get(key) ?? 0) + 1
    this.#tries.set(key, tries)
    return tries > step.times
  }
}

/** Names one step of one prompt, so that a try that is repeated word for word is recognised. */
function tryKey(prompt: Prompt): string {
  return createHash('sha1').update(`${prompt.text}#${prompt.answered}`).digest('hex')
}

function withoutFaults(step: Step): Step {
  const { status, hang, cut, eof, sse_error, malformed, ...healthy } = step
  return healthy
}

function dueStep(steps: Step[], answered: number): Step | undefined {
  const last = steps.at(-1)
  if (answered < steps.length || !last) return steps[answered]
  const wouldLoop = last.tool !== undefined || last.tools !== undefined
  return wouldLoop && !last.repeat ? undefined : last
}

/** The steps written in a prompt. Throws a DirectiveError when one of them is not a JSON object. */
export function readDirectives(text: string): Step[] {
  const steps: Step[] = []
  let from = text.indexOf(DIRECTIVE_START)
  while (from >= 0) {
    const { step, end } = readDirective(text, from + DIRECTIVE_START.length - 1)
    steps.push(step)
    from = text.indexOf(DIRECTIVE_START, end)
  }
  return steps
}

/** `]]` may also occur inside the JSON, so each one is tried until the text before it parses. */
function readDirective(text: string, from: number): { step: Step; end: number } {
  for (let end = text.indexOf(']]', from); end >= 0; end = text.indexOf(']]', end + 1)) {
    try {
      const value: unknown = JSON.parse(text.slice(from, end))
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { step: value, end: end + 2 }
    } catch {
      // Not the closing brackets yet.
    }
  }
  throw new DirectiveError(`not a JSON object followed by "]]": ${text.slice(from, from + 80)}`)
}

function demoContext(prompt: Prompt, body: MessagesBody): Parameters<typeof toDemoSteps>[1] {
  const tools = body.tools ?? []
  const count = (type: string) => prompt.blocks.filter((block) => block.type === type).length
  const schemaTool = tools.find((tool) => tool.name === STRUCTURED_OUTPUT_TOOL)
  return {
    images: count('image'),
    documents: count('document'),
    toolNames: tools.map((tool) => tool.name),
    hasSchemaTool: schemaTool !== undefined,
    schema: schemaTool?.input_schema,
    inputSchemas: Object.fromEntries(tools.map((tool) => [tool.name, tool.input_schema])),
    turn: countPrompts(body.messages),
  }
}
