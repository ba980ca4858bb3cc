// The parts of a Messages API request that the scripted upstream uses, and how to find what the user wrote in it.
// Not a validator: the request comes from the Claude Code CLI, and unknown fields pass through unchanged.

export type ContentBlock = { type: string; text?: string; [field: string]: unknown }
export type BodyMessage = { role: string; content: string | ContentBlock[]; [field: string]: unknown }
export type OfferedTool = { name: string; description?: string; input_schema?: unknown; [field: string]: unknown }

export type MessagesBody = {
  model?: string
  stream?: boolean
  max_tokens?: number
  system?: string | ContentBlock[]
  messages: BodyMessage[]
  tools?: OfferedTool[]
  stop_sequences?: string[]
  thinking?: Record<string, unknown>
  output_config?: Record<string, unknown>
  metadata?: Record<string, unknown>
  [field: string]: unknown
}

/** What a person requested: the text and attachments of one message, and how many times the agent loop has answered since. */
export type Prompt = { text: string; blocks: ContentBlock[]; answered: number }

/** Blocks that the CLI adds to a user's message: reminders, the echo of a slash command, and where an image comes from. */
const INJECTED =
  /^\s*(?:<(?:system-reminder|local-command-caveat|local-command-stdout|command-name|command-message)>|\[Image: (?:source|original)\b)/

/** Whole messages that the CLI sends on the user's behalf to get a better answer from the model. */
const NOTE = new RegExp(
  [
    'Output token limit hit',
    '\\[structured-output-enforce\\]',
    '\\[Your previous response had no visible output',
    'Your response above was stopped by a safety classifier',
  ]
    .map((start) => `^\\s*${start}`)
    .join('|'),
)

const INTERRUPTED = /^\s*\[Request interrupted by user/

/** With the brace, so that "[[fake news]]" stays prose. */
export const DIRECTIVE_START = '[[fake {'

export function parseBody(raw: string): MessagesBody | null {
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const messages = 'messages' in value && Array.isArray(value.messages) ? value.messages : []
  return { ...value, messages }
}

function blocksOf(message: BodyMessage): ContentBlock[] {
  if (typeof message.content === 'string') return [{ type: 'text', text: message.content }]
  return Array.isArray(message.content) ? message.content : []
}

function isText(block: ContentBlock, pattern: RegExp): boolean {
  return block.type === 'text' && pattern.test(block.text ?? '')
}

function isAttachment(block: ContentBlock): boolean {
  return block.type === 'image' || block.type === 'document'
}

/** A turn that ends with a structured answer leaves the result of that tool behind; the next prompt joins it. */
function endsTurn(block: ContentBlock): boolean {
  return block.type === 'tool_result' && block.content === 'Structured output provided successfully'
}

/**
 * A turn without an answer (an error, an interrupt) leaves its prompt behind, and the CLI puts the next prompt into the
 * same message. The older one is recognized by the note of the interrupt, or by the line break that the CLI adds to it.
 */
function splitPrompts(blocks: ContentBlock[]): ContentBlock[][] {
  const prompts: ContentBlock[][] = [[]]
  for (const block of blocks) {
    if (isText(block, INJECTED)) continue
    if (!isText(block, INTERRUPTED)) prompts.at(-1)?.push(block)
    if (isText(block, INTERRUPTED) || isText(block, /\n$/) || endsTurn(block)) prompts.push([])
  }
  return prompts
}

/** The prompts in one message, oldest first. Tool results and the CLI's own messages contain none. */
function readPrompts(message: BodyMessage, skipNotes: boolean): Omit<Prompt, 'answered'>[] {
  if (message.role !== 'user') return []
  return splitPrompts(blocksOf(message)).flatMap((blocks) => {
    const texts = blocks.filter((block) => block.type === 'text' && !(skipNotes && isText(block, NOTE)))
    const text = texts.map((block) => block.text ?? '').join('\n')
    if (text.trim() === '' && !blocks.some(isAttachment)) return []
    // Text beside a tool result is the CLI's comment on the tool, unless it scripts something.
    const isComment = blocks.some((block) => block.type === 'tool_result') && !text.includes(DIRECTIVE_START)
    return isComment ? [] : [{ text, blocks }]
  })
}

/** The prompt that is being answered. `skipNotes` skips the messages that the CLI writes on the user's behalf. */
export function lastPrompt(messages: BodyMessage[], skipNotes: boolean): Prompt {
  for (const [index, message] of [...messages.entries()].reverse()) {
    const found = readPrompts(message, skipNotes).at(-1)
    if (!found) continue
    const answered = messages.slice(index + 1).filter((later) => later.role === 'assistant').length
    return { ...found, answered }
  }
  return { text: '', blocks: [], answered: 0 }
}

/** How many prompts of a person this conversation contains. */
export function countPrompts(messages: BodyMessage[]): number {
  return messages.reduce((count, message) => count + readPrompts(message, true).length, 0)
}
