// Detects the small requests that chat programs send alongside a conversation (for a title, tags, follow-up questions).
// Only their wording gives them away, so the result is used for nothing but a lower priority.
import type { ConversationMessage, UserBlock } from '../core/conversation.ts'

/** How the templates of these programs begin: Open WebUI ("### Task:"), opencode, LibreChat, Zed, Claude Code. */
const wordings = [
  /^\s*### Task:\s*\n\s*(?:generate|suggest|analy[sz]e|create|you are an autocompletion)/i,
  /\byou are a title generator\b/i,
  /\b(?:generate|provide|create|write|give)\b[^.\n]{0,80}\btitle\b[^.\n]{0,120}\b(?:chat|conversation|thread|dialog|session)\b/i,
  /\b(?:generate|create|suggest)\b[^.\n]{0,60}\b(?:tags|follow-?up questions?)\b[^.\n]{0,120}\b(?:chat|conversation|user|discussion)\b/i,
  /\bsummari[sz]e this (?:coding )?conversation in (?:under|fewer than|at most)\b/i,
]

/** A template is at the beginning of a text. After this many characters comes the conversation that it is about. */
const headLength = 600

export type AuxiliaryHints = {
  systemPrompt: string
  history: readonly ConversationMessage[]
  prompt: readonly UserBlock[]
  toolCount: number
}

export function isAuxiliaryRequest({ systemPrompt, history, prompt, toolCount }: AuxiliaryHints): boolean {
  if (toolCount > 0) return false
  const last = prompt.filter((block) => block.type === 'text').at(-1)?.text ?? ''
  const first = history[0]?.content.find((block) => block.type === 'text')?.text ?? ''
  const heads = [systemPrompt, last, first].map((text) => text.slice(0, headLength))
  return heads.some((head) => wordings.some((wording) => wording.test(head)))
}
