// A conversation that a request contains in full: messages with roles and content blocks, as in Anthropic's API. Every
// surface translates into these types, and they reach the model unchanged. What happens during a run is in events.ts.
import type { DocumentBlock, ImageBlock, PromptBlock, TextBlock } from './content.ts'

/** A tool call that the model made in an earlier turn. */
export type ToolUseBlock = { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> }

/** What a tool returned. Its message must follow the message with the call. */
export type ToolResultBlock = {
  type: 'tool_result'
  tool_use_id: string
  content: (TextBlock | ImageBlock | DocumentBlock)[]
  is_error?: boolean
}

/** Thinking is returned to the API unchanged: the API signed it. */
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
