// Tools whose definitions the model gets only once a search has found them. The client searches: it answers a call of its own tool with
// blocks of type `tool_reference`. Here a tool is offered from then on; before, nothing of it reaches the model.
import type { CountRequest, RequestToolEntry } from './schemas.ts'

type Located = { name: string; param: string }

/** Reads the tools that earlier messages refer to. `called` are names of tools that were called: a client may drop what had found them. */
export function foundTools(messages: CountRequest['messages']): { references: Located[]; called: string[] } {
  const references: Located[] = []
  const called: string[] = []
  for (const [number, { content }] of messages.entries()) {
    if (typeof content === 'string') continue
    for (const [index, block] of content.entries()) {
      if (block.type === 'tool_use') called.push(block.name)
      if (block.type !== 'tool_result' || !Array.isArray(block.content)) continue
      for (const [part, found] of block.content.entries()) {
        const param = `messages[${number}].content[${index}].content[${part}]`
        if (found.type === 'tool_reference') references.push({ name: found.tool_name, param })
      }
    }
  }
  return { references, called }
}

/** Whether Anthropic's servers would search: nobody does here, so that every tool is offered at once. */
export const isSearchedByServer = (entries: readonly RequestToolEntry[]): boolean =>
  entries.some(({ type }) => /^tool_search_tool/.test(type ?? ''))
