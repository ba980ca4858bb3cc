// What a request that has reached the model shows about the CLI that made it: whether it is the request that was made of the CLI. Pure.
import { isDeepStrictEqual } from 'node:util'
import type { AbilityName } from '../cli/abilities.ts'
import { answerTool } from '../cli/profile.ts'

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
}

export type Received = { body: ModelRequest; raw: string }

/** What a request should be. `words` that are named here must not be in it. */
export type Expected = {
  systemPrompt: string
  /** The full id; null if the CLI did not report which one it is. */
  model: string | null
  /** Null: the CLI's own, which is neither of these. */
  options: { effort: string; maxOutputTokens: number } | null
  tools: { name: string; inputSchema: unknown }[]
  /** Role and content of each message, without what the CLI adds. */
  messages: [role: string, content: string | Block[]][]
  foreign: Record<'rewind' | 'files', string[]>
}

/** What is wrong: with an ability, or with something that there is no other way for. */
export type Finding = { ability: AbilityName | null; reason: string }

/** The options that an earlier request had, and the present one does not have. */
export const markedOptions = { effort: 'low', maxOutputTokens: 1234 }

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

const isEqual = (a: unknown, b: unknown) => isDeepStrictEqual(structuredClone(a), structuredClone(b))

/** Empty if the request is as expected. */
export function findingsIn({ body, raw }: Received, expected: Expected): Finding[] {
  const findings: Finding[] = []
  const check = (isRight: boolean, ability: AbilityName | null, reason: string) => {
    if (!isRight) findings.push({ ability, reason })
  }
  const { rewind, files } = expected.foreign
  check(!rewind.some((word) => raw.includes(word)), 'rewind', 'an earlier conversation reached the next request')
  check(!files.some((word) => raw.includes(word)), null, 'a file that a prompt mentions was read')
  check(
    textsOf(body.system).at(-1) === expected.systemPrompt,
    'promptSwitch',
    'another system prompt reached the model',
  )
  check(
    expected.model === null || body.model === expected.model,
    'modelSwitch',
    `the model was ${body.model}, not ${expected.model}`,
  )
  check(
    hasOptions(raw, body, expected.options),
    'optionSwitch',
    'other effort, or another output limit, reached the model',
  )
  check(hasTools(body.tools ?? [], expected.tools), 'toolSwitch', 'other tools reached the model')
  check(hasMessages(body.messages, expected.messages), null, 'other messages reached the model')
  return findings
}

function hasOptions(raw: string, body: ModelRequest, wanted: Expected['options']): boolean {
  const isLow = raw.includes(`"effort":"${markedOptions.effort}"`)
  const isLimited = body.max_tokens === markedOptions.maxOutputTokens
  return wanted === null ? !isLow && !isLimited : isLow && isLimited
}

function hasTools(offered: Tool[], wanted: Expected['tools']): boolean {
  const found = offered.filter(({ name }) => name !== answerTool || wanted.some((tool) => tool.name === answerTool))
  return (
    found.length === wanted.length &&
    wanted.every(({ name, inputSchema }) =>
      found.some((tool) => tool.name === name && isEqual(tool.input_schema, inputSchema)),
    )
  )
}

function hasMessages(messages: Message[], wanted: Expected['messages']): boolean {
  const own = messages.filter(({ role }) => role !== 'system').map(({ role, content }) => [role, blocksOf(content)])
  return isEqual(
    own,
    wanted.map(([role, content]) => [role, blocksOf(content)]),
  )
}
