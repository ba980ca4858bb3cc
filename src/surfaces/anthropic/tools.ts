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
}: Pick<CountRequest, 'tools' | 'tool_choice'>): ToolOffer {
  const ignored: string[] = []
  const requested = (entries ?? []).flatMap((entry, index) => readTool(entry, `tools[${index}]`, ignored))
  const toolChoice = readChoice(choice)
  const tools = offeredTools(requested, toolChoice)
  return {
    tools,
    instruction: tools.length === 0 ? null : choiceInstruction(toolChoice),
    isEager: entries?.some((entry) => entry.eager_input_streaming === true) === true,
    isParallel: choice?.disable_parallel_tool_use !== true,
    ignored,
    requested,
  }
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
