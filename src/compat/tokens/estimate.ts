// Estimates how many input tokens the model's API will count for a request to a plain model, without calling it. Pure.
// The count differs between models, which calibration.ts learns. Not for agents: Claude Code adds many times what the
// caller sends.
import type { RunRequest } from '../../core/agent.ts'
import type { DocumentBlock } from '../../core/content.ts'
import type { AssistantBlock, ClientTool, UserBlock } from '../../core/conversation.ts'
import { estimateImage, estimatePdf } from './media.ts'
import { estimateText } from './text.ts'

export type EstimatedRequest = Pick<RunRequest, 'prompt' | 'session' | 'options' | 'plain'>

/**
 * What the CLI adds to each request of a plain model, as recorded with 2.1.330: a line about itself, one about the
 * Agent SDK, and about 920 characters on the folder, the system, the model and the date.
 */
const cliTokens = 285

/** The tool that the CLI adds for an answer with a schema: its name and description. */
const answerToolTokens = 45

/** Anthropic's documentation of tool use: the system prompt that the API adds if there is any tool. */
const toolPreambleTokens = 346

/** The API's markup around each message, and around a call and its result. */
const messageTokens = 4
const callTokens = 12

/** Thinking that is only present in encrypted form. */
const encryptedCharsPerToken = 6

export function estimateRequest({ prompt, session, options, plain }: EstimatedRequest): number {
  const messages = session.kind === 'history' ? session.messages : []
  const contents: readonly (UserBlock | AssistantBlock)[][] = [...messages.map(({ content }) => content), prompt]
  const system = estimateText(options.systemPrompt ?? '') + estimateText(options.appendSystemPrompt ?? '')
  return (
    cliTokens +
    system +
    estimateTools(plain?.tools ?? [], options.jsonSchema) +
    sumOf(contents, (blocks) => messageTokens + sumOf(blocks, estimateBlock))
  )
}

function estimateTools(tools: readonly ClientTool[], jsonSchema: Record<string, unknown> | null): number {
  const answerTool = jsonSchema === null ? 0 : answerToolTokens + estimateJson(jsonSchema)
  const offered = sumOf(tools, ({ name, description, inputSchema }) =>
    estimateJson({ name, description, input_schema: inputSchema }),
  )
  return tools.length === 0 && jsonSchema === null ? 0 : toolPreambleTokens + offered + answerTool
}

function estimateBlock(block: UserBlock | AssistantBlock): number {
  switch (block.type) {
    case 'text':
      return estimateText(block.text)
    case 'image':
      return estimateImage(block.source.data)
    case 'document':
      return estimateDocument(block)
    case 'tool_use':
      return callTokens + estimateJson({ name: block.name, input: block.input })
    case 'tool_result':
      return callTokens + sumOf(block.content, estimateBlock)
    case 'thinking':
      return block.thinking === '' ? estimateEncrypted(block.signature) : estimateText(block.thinking)
    case 'redacted_thinking':
      return estimateEncrypted(block.data)
  }
}

function estimateDocument({ source, title, context }: DocumentBlock): number {
  const names = estimateText(title ?? '') + estimateText(context ?? '')
  return names + (source.type === 'text' ? estimateText(source.data) : estimatePdf(source.data))
}

const estimateEncrypted = (data: string) => Math.ceil(data.length / encryptedCharsPerToken)

const estimateJson = (value: Record<string, unknown>) => estimateText(JSON.stringify(value))

function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0)
}
