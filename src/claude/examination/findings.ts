// What a request that has reached the model shows about the CLI that made it: whether it is the request that was made of the CLI. Pure.
import { isDeepStrictEqual } from 'node:util'
import type { AbilityName } from '../cli/abilities.ts'

type Block = { type?: string; text?: string; [field: string]: unknown }
type Message = { role: string; content: string | Block[] }
type Tool = { name: string; input_schema?: unknown }

/** The parts of a request to the model's API that are looked at; a CLI may leave any of them out. */
export type ModelRequest = {
  model?: string
  max_tokens?: number
  system?: string | Block[]
  messages: Message[]
  tools?: Tool[]
  thinking?: { type?: string }
}

export type Received = { body: ModelRequest; raw: string }

/** What a request should be. */
export type Expected = {
  systemPrompt: string
  /** The full id; null if the CLI did not report which one it is. */
  model: string | null
  /** The id of a model that it must not be, if that is all that is known. */
  otherModel: string | null
  /** Whether it has `markedOptions`, and no thinking. */
  isMarked: boolean
  /** Whether the CLI began the conversation with its first message. */
  isOpened: boolean
  /** Whether the process has read its past from a file. */
  isLoaded: boolean
  /** A request with the same model and without these options; null if there is none. */
  usual: ModelRequest | null
  tools: { name: string; inputSchema: unknown }[]
  /** Role and content of each message, without what the CLI adds. */
  messages: [role: string, content: string | Block[]][]
  /** Words that must not be in it: of earlier conversations, and of a file that the prompt mentions. */
  earlier: readonly string[]
}

/** What is wrong: with an ability, or with something that there is no other way for. */
export type Finding = { ability: AbilityName | null; reason: string }

/** Options that the CLI does not use by itself. */
export const markedOptions = { effort: 'low', maxOutputTokens: 1234 } as const

const textsOf = (content: string | Block[] | undefined): string[] =>
  typeof content === 'string' ? [content] : (content ?? []).flatMap(({ text }) => text ?? [])

/** A block without what the CLI adds to it. */
function withoutCache(block: Block): Block {
  const { cache_control: _, ...rest } = block
  return rest
}

function blocksOf(content: string | Block[]): Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content.map(withoutCache)
}

/** Empty if the request is as expected. */
export function findingsIn({ body, raw }: Received, expected: Expected): Finding[] {
  const findings: Finding[] = []
  const check = (isRight: boolean, ability: AbilityName | null, reason: string) => {
    if (!isRight) findings.push({ ability, reason })
  }
  const { earlier, model, otherModel } = expected
  const isLeft = earlier.some((word) => raw.includes(word))
  check(!isLeft, 'rewind', 'what was said earlier, or is in a file that a prompt mentions, reached the next request')
  check(
    textsOf(body.system).at(-1) === expected.systemPrompt,
    'promptSwitch',
    'another system prompt reached the model',
  )
  const isModel = model === null ? body.model !== otherModel : body.model === model
  check(isModel, 'modelSwitch', `the model was ${body.model}, not ${model ?? 'another'}`)
  check(
    hasOptions(raw, body, expected),
    'optionSwitch',
    'other effort, thinking or another output limit reached the model',
  )
  check(hasTools(body.tools ?? [], expected.tools), 'toolSwitch', 'other tools reached the model')
  const isAddedLast = expected.isOpened && body.messages.at(-1)?.role === 'system'
  const ofPast = expected.isLoaded ? 'loading' : null
  check(!isAddedLast, ofPast ?? 'opening', 'what the CLI adds to a conversation came with its newest message')
  check(hasMessages(body.messages, expected.messages), ofPast, 'other messages reached the model')
  return findings
}

function hasOptions(raw: string, body: ModelRequest, { isMarked, usual }: Expected): boolean {
  const isLow = raw.includes(`"effort":"${markedOptions.effort}"`)
  const isLimited = body.max_tokens === markedOptions.maxOutputTokens
  const isOff = body.thinking === undefined || body.thinking.type === 'disabled'
  if (isMarked) return isLow && isLimited && isOff
  return !isLow && !isLimited && (usual === null || isDeepStrictEqual(body.thinking ?? null, usual.thinking ?? null))
}

function hasTools(offered: Tool[], wanted: Expected['tools']): boolean {
  return (
    offered.length === wanted.length &&
    wanted.every(({ name, inputSchema }) =>
      offered.some((tool) => tool.name === name && isDeepStrictEqual(tool.input_schema, inputSchema)),
    )
  )
}

function hasMessages(messages: Message[], wanted: Expected['messages']): boolean {
  const own = messages.filter(({ role }) => role !== 'system').map(({ role, content }) => [role, blocksOf(content)])
  return isDeepStrictEqual(
    own,
    wanted.map(([role, content]) => [role, blocksOf(content)]),
  )
}
