// How the demo model responds to an ordinary prompt: a table of keywords, and the steps that each of them triggers.
// A pure function of the request: it stores nothing and does no I/O.
import { fitSchema } from './fit-schema.ts'
import type { Step } from './step.ts'

/** The tool with which the CLI requests an answer that fits a JSON schema. */
export const STRUCTURED_OUTPUT_TOOL = 'StructuredOutput'

export type DemoContext = {
  images: number
  documents: number
  toolNames: string[]
  hasSchemaTool: boolean
  schema: unknown
  /** Input schemas of the offered tools by name, to call a tool that the caller defined. */
  inputSchemas?: Record<string, unknown>
  turn: number
}

export type Scenario = {
  /** Words that trigger the scenario. Empty if it has a condition of its own. */
  keywords: readonly string[]
  help: string
  applies?: (context: DemoContext) => boolean
  steps: (prompt: string, context: DemoContext) => Step[]
}

const PACE = { tokens: 20, gap: 15 } satisfies Step

const say = (text: string): Step => ({ ...PACE, text })

function fail(status: number, help: string, more: Step = {}): Scenario {
  const keywords = [`error ${status}`]
  return { keywords, help, steps: () => [{ status, message: `The demo model was asked for a ${status}`, ...more }] }
}

/** The first entry that matches wins, so errors come first and words that occur in any text come last. */
export const SCENARIOS: readonly Scenario[] = [
  fail(401, 'the upstream refuses the credentials'),
  fail(403, 'the upstream forbids the request'),
  fail(404, 'the upstream does not know the model'),
  fail(429, 'rate limit, with retry-after 7', { retry_after: 7 }),
  fail(500, 'the upstream has an internal error'),
  fail(529, 'the upstream is overloaded'),
  {
    keywords: ['error hang'],
    help: 'the upstream accepts the request and then stays silent',
    steps: () => [{ hang: 'headers' }],
  },
  {
    keywords: ['error cut'],
    help: 'the connection breaks in the middle of the answer',
    steps: () => [{ ...say('This answer is going to break off before it gets to its'), cut: 8 }],
  },
  {
    keywords: ['error refusal'],
    help: 'the model declines to answer (stop reason refusal)',
    steps: () => [{ ...say('The demo model declines.'), stop_reason: 'refusal' }],
  },
  {
    keywords: ['error too long'],
    help: 'the answer reaches the token limit (stop reason max_tokens)',
    steps: () => [{ ...say('This answer is longer than it may be, and so it stops'), stop_reason: 'max_tokens' }],
  },
  {
    keywords: [],
    help: 'with a JSON schema: an invented object that fits the schema',
    applies: (context) => context.hasSchemaTool,
    steps: (_prompt, context) => [{ tool: STRUCTURED_OUTPUT_TOOL, input: fitInput(context.schema), gap: 15 }],
  },
  {
    keywords: [],
    help: 'with an image or a document: says how many arrived',
    applies: (context) => context.images + context.documents > 0,
    steps: (_prompt, context) => [say(describeAttachments(context))],
  },
  {
    keywords: ['write a file'],
    help: 'calls Write, which asks for permission, and then says so',
    steps: (_prompt, context) =>
      callThenSay(context, 'Write', {
        file_path: 'claude-serve-demo.txt',
        content: 'Written by the demo model of claude-serve.\n',
      }),
  },
  {
    keywords: ['ask me'],
    help: 'asks you a question with AskUserQuestion, if that tool is offered',
    steps: (_prompt, context) => callThenSay(context, 'AskUserQuestion', QUESTION),
  },
  {
    keywords: ['list files', 'tool'],
    help: 'calls Bash with `ls` (or the first tool that is offered), and then says so',
    steps: (_prompt, context) => callAnyTool(context),
  },
  {
    keywords: ['think'],
    help: 'thinks aloud, and then answers',
    steps: () => [{ ...say('After some thought: it depends.'), thinking: 12 }],
  },
  { keywords: ['markdown'], help: 'headings, a list, a table and a code block', steps: () => [markdown()] },
  { keywords: ['long'], help: '400 tokens, one every 20 ms', steps: () => [{ tokens: 400, gap: 20 }] },
  { keywords: ['slow'], help: '20 tokens, one every 250 ms', steps: () => [{ tokens: 20, gap: 250 }] },
]

/** The steps for this prompt: one for each request of the agent loop that it starts. */
export function toDemoSteps(prompt: string, context: DemoContext): Step[] {
  const scenario = SCENARIOS.find((entry) => entry.applies?.(context) ?? hasKeyword(prompt, entry.keywords))
  return scenario ? scenario.steps(prompt, context) : [say(greet(prompt, context.turn))]
}

function hasKeyword(prompt: string, keywords: readonly string[]): boolean {
  return keywords.some((keyword) => {
    const words = keyword.split(' ').join('\\s+')
    return new RegExp(`(?<![\\p{L}\\p{N}_])${words}(?![\\p{L}\\p{N}_])`, 'iu').test(prompt)
  })
}

function greet(prompt: string, turn: number): string {
  const characters = [...prompt.trim()]
  const quoted = characters.slice(0, 200).join('') + (characters.length > 200 ? '…' : '')
  return `Hello from the demo model: no account was used and nothing left this machine. This is turn ${turn}. You said: ${quoted}`
}

function describeAttachments({ images, documents }: DemoContext): string {
  const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`
  return `I got ${count(images, 'image')} and ${count(documents, 'document')}. The demo model cannot look at them, but they arrived.`
}

function fitInput(schema: unknown): Record<string, unknown> {
  const value = fitSchema(schema)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function callThenSay(context: DemoContext, tool: string, input: Record<string, unknown>): Step[] {
  if (!context.toolNames.includes(tool))
    return [say(`I would call the tool ${tool} now, but this request does not offer it.`)]
  return [{ tool, input, gap: 15 }, say(`I called ${tool} and have its result. The demo model does not read it.`)]
}

function callAnyTool(context: DemoContext): Step[] {
  if (context.toolNames.includes('Bash'))
    return callThenSay(context, 'Bash', { command: 'ls', description: 'List files' })
  const [tool] = context.toolNames
  if (tool === undefined) return [say('I would call a tool now, but this request does not offer any.')]
  return callThenSay(context, tool, fitInput(context.inputSchemas?.[tool]))
}

const QUESTION = {
  questions: [
    {
      question: 'Which color should the demo be?',
      header: 'Color',
      multiSelect: false,
      options: [
        { label: 'Blue', description: 'Calm' },
        { label: 'Orange', description: 'Bright' },
      ],
    },
  ],
}

function markdown(): Step {
  const text = [
    '# A heading',
    'Some **bold** and some *slanted* text, and `code`.',
    '## A list',
    '- one\n- two\n  - two and a half\n- three',
    '## A table',
    '| name | size |\n| --- | ---: |\n| ant | 1 |\n| elephant | 1000 |',
    '## Code',
    '```ts\nexport function add(a: number, b: number): number {\n  return a + b\n}\n```',
  ].join('\n\n')
  return { text, tokens: 40, gap: 15 }
}
