// Tells the small requests that chat programs make beside a conversation (a title for it, tags, the questions that may follow)
// from the conversation itself. There is no sign of them but their words, so it is only used to let others go first.
import type { ConversationMessage, UserBlock } from '../core/conversation.ts'

/** How the programs' own templates begin: Open WebUI ("### Task:"), opencode, LibreChat, Zed, Claude Code. */
const wordings = [
  /^\s*### Task:\s*\n\s*(?:generate|suggest|analy[sz]e|create|you are an autocompletion)/i,
  /\byou are a title generator\b/i,
  /\b(?:generate|provide|create|write|give)\b[^.\n]{0,80}\btitle\b[^.\n]{0,120}\b(?:chat|conversation|thread|dialog|session)\b/i,
  /\b(?:generate|create|suggest)\b[^.\n]{0,60}\b(?:tags|follow-?up questions?)\b[^.\n]{0,120}\b(?:chat|conversation|user|discussion)\b/i,
  /\bsummari[sz]e this (?:coding )?conversation in (?:under|fewer than|at most)\b/i,
]

/** Templates stand at the beginning of a text; what comes after so many characters is the conversation they speak of. */
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
