// Which step (an instruction to the scripted upstream) answers a request.
// Knows nothing about HTTP: it maps a request body to a step.
//
// The first of these that applies decides:
//   1. a queued step (one per request);
//   2. the directives in the last real prompt, written `[[fake {"tokens":3}]]`. Several in one prompt are the steps of
//      one agent loop: the first answers the prompt, the second the first tool result, and so on. When they are used
//      up the last one is repeated, but a tool step is not (the loop would never end) unless it sets "repeat": true;
//   3. the demo scenarios, if they are enabled;
//   4. the defaults: a short text.
import { createHash } from 'node:crypto'
import { countPrompts, DIRECTIVE_START, lastPrompt, type MessagesBody, type Prompt } from './messages-body.ts'
import { STRUCTURED_OUTPUT_TOOL, toDemoSteps } from './scenarios.ts'
import type { Step } from './step.ts'

export class DirectiveError extends Error {}

const BASE: Step = { tokens: 20, gap: 0, ttft: 0 }

/** The queue and the defaults of one upstream, and how often each failing step has been tried. */
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

  /** Replaces earlier defaults; fields that the step does not set have their initial values. */
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
    return this.#isUsedUp(step, scripted ? tryKey(prompt) : '') ? withoutFailures(step) : step
  }

  #isUsedUp(step: Step, key: string): boolean {
    if (step.times === undefined) return false
    const tries = (this.#tries.get(key) ?? 0) + 1
    this.#tries.set(key, tries)
    return tries > step.times
  }
}

/** Identifies one step of one prompt, so that a try with the same text is recognized. */
function tryKey(prompt: Prompt): string {
  return createHash('sha1').update(`${prompt.text}#${prompt.answered}`).digest('hex')
}

function withoutFailures(step: Step): Step {
  const { status, hang, cut, eof, sse_error, malformed, ...healthy } = step
  return healthy
}

function dueStep(steps: Step[], answered: number): Step | undefined {
  const last = steps.at(-1)
  if (answered < steps.length || !last) return steps[answered]
  const wouldLoop = last.tool !== undefined || last.tools !== undefined
  return wouldLoop && !last.repeat ? undefined : last
}

/** The steps written in a prompt. Throws a DirectiveError if one of them is not a JSON object. */
function readDirectives(text: string): Step[] {
  const steps: Step[] = []
  let from = text.indexOf(DIRECTIVE_START)
  while (from >= 0) {
    const { step, end } = readDirective(text, from + DIRECTIVE_START.length - 1)
    steps.push(step)
    from = text.indexOf(DIRECTIVE_START, end)
  }
  return steps
}

/** `]]` can also occur inside the JSON, so each one is tried until the text before it parses. */
function readDirective(text: string, from: number): { step: Step; end: number } {
  for (let end = text.indexOf(']]', from); end >= 0; end = text.indexOf(']]', end + 1)) {
    try {
      const value: unknown = JSON.parse(text.slice(from, end))
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { step: value, end: end + 2 }
    } catch {
      // These are not the closing brackets.
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
