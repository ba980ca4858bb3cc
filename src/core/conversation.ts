// A conversation that a request brings along whole: its messages, in roles and blocks, in the words of Anthropic's API. Every
// surface translates into these; the engine lets them reach the model as they are. Not for what happens during a run
// (events.ts).
import type { DocumentBlock, ImageBlock, PromptBlock, TextBlock } from './content.ts'

/** A call of a tool by the model, in an earlier turn. */
export type ToolUseBlock = { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> }

/** What a tool gave back; the message it stands in must follow the call's. */
export type ToolResultBlock = {
  type: 'tool_result'
  tool_use_id: string
  content: (TextBlock | ImageBlock | DocumentBlock)[]
  is_error?: boolean
}

/** Thinking is given back as it came: the signature is the API's. */
export type ThinkingBlock =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }

export type UserBlock = PromptBlock | ToolResultBlock
export type AssistantBlock = TextBlock | ThinkingBlock | ToolUseBlock

export type ConversationMessage =
  | { role: 'user'; content: UserBlock[] }
  | { role: 'assistant'; content: AssistantBlock[] }

/** A tool that the client defines and runs. Names are unique within a request. */
export type ClientTool = { name: string; description: string; inputSchema: Record<string, unknown> }
