// Translates the tools and the tool choice of a request into the types of compat/client-tools.ts. Tools that Anthropic
// defines and the client runs get their schemas from builtin-tools.ts.

import {
  choiceInstruction,
  freeChoice,
  offeredTools,
  type RequestedTool,
  type ToolChoice,
  toClientTool,
} from '../../compat/client-tools.ts'
import type { ClientTool } from '../../core/conversation.ts'
import { missingField } from '../../errors.ts'
import { builtinTool } from './builtin-tools.ts'
import type { CountRequest, RequestToolChoice, RequestToolEntry } from './schemas.ts'
import { foundTools, isSearchedByServer } from './tool-search.ts'

export type ToolOffer = {
  tools: ClientTool[]
  instruction: string | null
  isParallel: boolean
  /** Whether a tool's input is to arrive as the model writes it, without a check that it is JSON. */
  isEager: boolean
  ignored: string[]
  /** All requested tools; their schemas are not checked yet. */
  requested: RequestedTool[]
}

export function readTools({
  tools: entries,
  tool_choice: choice,
  messages,
}: Pick<CountRequest, 'tools' | 'tool_choice' | 'messages'>): ToolOffer {
  const ignored: string[] = []
  const requested = (entries ?? []).flatMap((entry, index) => readTool(entry, `tools[${index}]`, ignored))
  const toolChoice = readChoice(choice)
  const deferred = deferredTools(entries ?? [], messages, toolChoice, ignored)
  const tools = offeredTools(requested, toolChoice, deferred)
  return {
    tools,
    instruction: tools.length === 0 ? null : choiceInstruction(toolChoice),
    isEager: entries?.some((entry) => entry.eager_input_streaming === true) === true,
    isParallel: choice?.disable_parallel_tool_use !== true,
    ignored,
    requested,
  }
}

/** The names of the tools that the model does not know yet. References to tools that are not there are named as ignored. */
function deferredTools(
  entries: readonly RequestToolEntry[],
  messages: CountRequest['messages'],
  { names }: ToolChoice,
  ignored: string[],
): ReadonlySet<string> {
  const { references, called } = foundTools(messages)
  const known = new Set(entries.map(({ name }) => name))
  ignored.push(...references.flatMap(({ name, param }) => (known.has(name) ? [] : [param])))
  const loaded = new Set([...references.map(({ name }) => name), ...called, ...(names ?? [])])
  const isSearched = isSearchedByServer(entries)
  const deferred = new Set<string>()
  for (const [index, { name, defer_loading: isDeferred }] of entries.entries()) {
    if (isDeferred !== true || !name) continue
    if (isSearched) ignored.push(`tools[${index}].defer_loading`)
    else if (!loaded.has(name)) deferred.add(name)
  }
  return deferred
}

function readTool(entry: RequestToolEntry, param: string, ignored: string[]): RequestedTool[] {
  const { type, name, description, input_schema: schema } = entry
  const params = { nameParam: `${param}.name`, schemaParam: `${param}.input_schema` }
  if (type && type !== 'custom') {
    const known = builtinTool(type, `${param}.type`)
    if (known !== null) return [{ tool: known, ...params }]
    ignored.push(param)
    return []
  }
  if (!name) throw missingField(params.nameParam)
  if (!schema) throw missingField(params.schemaParam)
  return [{ tool: toClientTool({ name, description }, schema, params.schemaParam), ...params }]
}

function readChoice(choice: RequestToolChoice | null | undefined): ToolChoice {
  switch (choice?.type) {
    case undefined:
    case 'auto':
      return freeChoice
    case 'none':
      return { ...freeChoice, mode: 'none' }
    case 'any':
      return { ...freeChoice, mode: 'required' }
    case 'tool':
      if (!choice?.name) throw missingField('tool_choice.name')
      return { mode: 'required', names: [choice.name], param: 'tool_choice.name' }
  }
}
