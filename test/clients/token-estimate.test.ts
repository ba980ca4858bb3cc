// The token estimate with the real CLI: its accuracy for whole requests, including all that the CLI adds to them, once
// the calibration has learned from some answers. It is not compared with a real API: the upstream counts the text it
// receives with the tokenizer of older Claude models, in the form in which they received it, and adds the documented
// cost of tools. So this shows that no part of a request is left out, and that the calibration finds a ratio; the ratio
// of a current model is learned from its own counts.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { ownIdentity, ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { TokenCalibration, withTokenCalibration } from '../../src/compat/tokens/calibration.ts'
import { estimateRequest } from '../../src/compat/tokens/estimate.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../src/core/agent.ts'
import type { ClientTool, ConversationMessage, UserBlock } from '../../src/core/conversation.ts'
import type { RunEnd } from '../../src/core/events.ts'
import { type MessagesBody, startUpstream } from '../../src/demo/upstream.ts'
import { createCliPool } from '../helpers/cli-pool.ts'
import { countTokens } from '../helpers/count-tokens.ts'
import { extendedTest, testIf } from '../helpers/extended.ts'
import { naturalTexts, toolSchema } from '../helpers/sample-texts.ts'
import { makeFolders, step } from '../helpers/test-server.ts'

/** The form in which older models received a conversation. */
const speaker = (role: string) => `\n\n${role === 'assistant' ? 'Assistant' : 'Human'}: `

/** From the documentation of tool use. */
const toolPreambleTokens = 346

function countText(content: unknown): number {
  if (typeof content === 'string') return countTokens(content)
  assert.ok(Array.isArray(content))
  return content.reduce((sum: number, { cache_control: _, ...block }) => {
    if (block.type === 'tool_result') return sum + countTokens(block.tool_use_id) + countText(block.content)
    return sum + countTokens(block.type === 'text' ? block.text : JSON.stringify(block))
  }, 0)
}

/** A model with a tokenizer of its own, as newer models have one. */
const newerModel = 'claude-sonnet-4-5'
const newerRatio = 1.35

function countInput({ model, system = '', messages, tools = [] }: MessagesBody): number {
  const offered = tools.reduce((sum, tool) => sum + countTokens(JSON.stringify(tool)), 0)
  const messageTokens = messages.reduce(
    (sum, { role, content }) => sum + countTokens(speaker(role)) + countText(content),
    0,
  )
  const counted = countText(system) + messageTokens + offered + (tools.length === 0 ? 0 : toolPreambleTokens)
  return model?.startsWith(newerModel) ? Math.round(counted * newerRatio) : counted
}

const upstream = await startUpstream({ countInput })
const folders = makeFolders({ after: () => {} })
const registry = new ProcessRegistry(folders.dataDir, await ownIdentity())
const pool = createCliPool({ folders, registry, upstreamUrl: upstream.url })
const calibration = new TokenCalibration()
const agent = withTokenCalibration(pool, calibration)
after(async () => {
  await pool.close(2000)
  await registry.close()
  await upstream.close()
})

const { English, German, Russian, Chinese, Japanese, Arabic, Markdown, TypeScript, Python, YAML, log } = naturalTexts
const words = (text: string | undefined): UserBlock[] => [{ type: 'text', text: text ?? '' }]
const fromUser = (text: string | undefined): ConversationMessage => ({ role: 'user', content: words(text) })
const fromAssistant = (text: string | undefined): ConversationMessage => ({
  role: 'assistant',
  content: [{ type: 'text', text: text ?? '' }],
})
const tool = (name: string, description: string): ClientTool => ({ name, description, inputSchema: toolSchema })
const search = tool('search_files', 'Finds files and folders by what is in them or by how they are called.')
const others = ['read_file', 'write_file', 'list_folder', 'run_tests', 'open_page', 'send_mail'].map((name) =>
  tool(name, `${name}: does what its name says, and tells what came of it in a few lines of text.`),
)
const looked: ConversationMessage[] = [
  fromUser('Where is the code that starts the server?'),
  {
    role: 'assistant',
    content: [
      { type: 'text', text: 'I will look for it.' },
      { type: 'tool_use', id: 'toolu_01A', name: 'search_files', input: { query: 'start the server', max_results: 5 } },
    ],
  },
]
const found: UserBlock[] = [
  { type: 'tool_result', tool_use_id: 'toolu_01A', content: [{ type: 'text', text: TypeScript ?? '' }] },
]
const chat = [
  fromUser(English),
  fromAssistant('A ferry crosses.'),
  fromUser(German),
  fromAssistant('Ein Umzug steht bevor.'),
]
const smallTalk = Array.from({ length: 12 }, (_, n) => [
  fromUser(`And what is ${n} times 7?`),
  fromAssistant(`That is ${n * 7}.`),
]).flat()

type Case = {
  prompt?: string | UserBlock[] | undefined
  system?: string | undefined
  history?: ConversationMessage[]
  tools?: ClientTool[]
  jsonSchema?: Record<string, unknown>
}
const first: Record<string, Case> = {
  'a word': { prompt: 'Hello' },
  'a question': { prompt: 'Why is the sky blue, and why is it red in the evening?', system: 'Answer in one sentence.' },
  English: { prompt: English },
  German: { prompt: German, system: 'Du antwortest immer auf Deutsch und in ganzen Sätzen.' },
  Russian: { prompt: Russian },
  Chinese: { prompt: Chinese },
  Markdown: { prompt: Markdown, system: English },
  TypeScript: { prompt: TypeScript },
  log: { prompt: log, system: 'You explain log files.' },
  'a conversation': { prompt: 'And in short?', history: chat },
  'many short messages': { prompt: 'And 13 times 7?', history: smallTalk },
  'a tool': { prompt: 'Find my notes on taxes.', tools: [search] },
  'many tools': { prompt: 'Find my notes on taxes.', tools: [search, ...others] },
  'a call and its result': { prompt: found, history: looked, tools: [search] },
  'tools and a long system prompt': { prompt: 'Go on.', system: Markdown, tools: others },
  'an answer by a schema': {
    prompt: `Which? ${step({ tool: 'StructuredOutput', input: { query: 'x' } })}`,
    jsonSchema: toolSchema,
  },
}
const then: Record<string, Case> = {
  'a sentence': { prompt: 'Tell me something about rivers that I do not know yet.' },
  'a long system prompt': { prompt: 'Hi', system: `${English}${English}` },
  Japanese: { prompt: Japanese },
  Arabic: { prompt: Arabic, system: 'You translate what you are given into English.' },
  Python: { prompt: `Review this:\n${Python}` },
  YAML: { prompt: YAML, system: 'You review pipelines.' },
  'all languages': { prompt: [English, German, Russian, Chinese, Japanese, Arabic].join('\n') },
  'a long document': { prompt: `${Markdown}\n${TypeScript}\n${log}`.repeat(3) },
  'a conversation in code': {
    prompt: 'Now with tests.',
    history: [fromUser('Write an account.'), fromAssistant(Python)],
  },
  'another conversation': { prompt: 'Why?', history: [...smallTalk, ...chat], system: 'Be brief.' },
  'two tools': { prompt: 'What is new?', tools: others.slice(0, 2) },
  'many tools in a conversation': { prompt: 'Again, please.', history: chat, tools: [...others, search] },
  'a call without its tool': { prompt: found, history: [fromUser(English), fromAssistant('Yes.'), ...looked] },
  'a schema and a system prompt': {
    prompt: `Who? ${step({ tool: 'StructuredOutput', input: { query: 'y' } })}`,
    system: German,
    jsonSchema: toolSchema,
  },
}

const requestOf = (
  { prompt = '', system, history = [], tools = [], jsonSchema }: Case,
  model: string | null = null,
): RunRequest => ({
  runId: 'run_estimate',
  prompt: typeof prompt === 'string' ? words(prompt) : prompt,
  session: { kind: 'history', messages: history },
  options: { ...noOptions, model, systemPrompt: system ?? null, jsonSchema: jsonSchema ?? null },
  streaming: true,
  plain: { ...noPlainOptions, tools },
  approvals: false,
  isAuxiliary: false,
})

async function run(request: RunRequest): Promise<{ end: RunEnd; counted: number }> {
  let end: RunEnd | null = null
  for await (const event of agent.run(request, new AbortController().signal)) if (event.type === 'run-end') end = event
  assert.equal(end?.outcome, 'succeeded', end?.error?.message)
  const { usage } = end
  return { end, counted: usage.inputTokens + usage.cacheReadInputTokens + usage.cacheCreationInputTokens }
}

/** One of each sort. Another system prompt, other tools or a schema may need a process of their own. */
const fewFirst = ['a word', 'English', 'Chinese', 'log', 'a conversation', 'many tools', 'a call and its result']
const fewThen = ['a sentence', 'Japanese', 'Python', 'all languages', 'a conversation in code', 'two tools']
const pick = (cases: Record<string, Case>, names: string[]) => Object.entries(cases).filter(([n]) => names.includes(n))

extendedTest('before the first answer the estimate is already within 10 %', async () => {
  const request = requestOf(first['a conversation'] ?? {})
  const { counted } = await run(request)
  assert.ok(Math.abs(estimateRequest(request) / counted - 1) < 0.1)
})

for (const [which, model, learned, later] of [
  ['a few, of a model that counts a third more', newerModel, pick(first, fewFirst), pick(then, fewThen)],
  ['all', null, Object.entries(first), Object.entries(then)],
] as const) {
  testIf(model === newerModel)(
    `after some answers the estimate for further requests is within 10 % of the count: ${which}`,
    async (t) => {
      for (const [, example] of learned) await run(requestOf(example, model))
      await new Promise(setImmediate)
      const wrong: string[] = []
      for (const [what, example] of later) {
        const request = requestOf(example, model)
        const { end, counted } = await run(request)
        const estimated = calibration.estimate(end.model, estimateRequest(request))
        const error = estimated / counted - 1
        const found = `${what}: ${counted} counted, ${estimated} estimated, ${(error * 100).toFixed(1)} %`
        t.diagnostic(found)
        if (Math.abs(error) > 0.1) wrong.push(found)
      }
      assert.deepEqual(wrong, [])
    },
  )
}
