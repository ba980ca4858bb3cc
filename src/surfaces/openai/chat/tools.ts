// Reads the tools of a request, including legacy functions, and its tool choice, for compat/client-tools.ts.
import type { ToolKind } from '../../../compat/answer-stream.ts'
import {
  choiceInstruction,
  freeChoice,
  offeredTools,
  type RequestedTool,
  type ToolChoice,
  toClientTool,
} from '../../../compat/client-tools.ts'
import type { ClientTool } from '../../../core/conversation.ts'
import { missingField } from '../../../errors.ts'
import type { ChatRequest, Tool, ToolChoice as ToolChoiceField } from './schemas.ts'

export type ToolOffer = {
  tools: ClientTool[]
  /** The kind of each tool, by its name; it decides how its calls are written. */
  kinds: Map<string, ToolKind>
  /** For the system prompt; null if the model may choose. */
  instruction: string | null
  /** Calls are written as `function_call`, as before `tools` existed. */
  isLegacy: boolean
  ignored: string[]
  /** All requested tools; their schemas are not checked yet. */
  requested: RequestedTool[]
}

type ParsedTool = RequestedTool & { kind: ToolKind }

/** A custom tool takes a single text. */
export const customSchema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

export function readTools(body: ChatRequest): ToolOffer {
  const isLegacy = !body.tools?.length && Boolean(body.functions?.length)
  const ignored: string[] = []
  const requested = isLegacy ? readFunctions(body) : readToolList(body.tools ?? [], ignored)
  const choice = isLegacy ? legacyChoice(body.function_call) : toolChoice(body.tool_choice)
  const tools = offeredTools(requested, choice)
  const isOffered = ({ tool }: ParsedTool) => tools.includes(tool)
  return {
    tools,
    kinds: new Map(requested.filter(isOffered).map(({ tool, kind }) => [tool.name, kind])),
    instruction: tools.length === 0 ? null : choiceInstruction(choice),
    isLegacy,
    ignored,
    requested,
  }
}

function readFunctions({ functions }: ChatRequest): ParsedTool[] {
  return (functions ?? []).map((each, index) => readDefinition(each, `functions[${index}]`))
}

function readToolList(tools: readonly Tool[], ignored: string[]): ParsedTool[] {
  return tools.flatMap((tool, index) => {
    const param = `tools[${index}]`
    const type = tool.type ?? 'function'
    if (type === 'function') return [readDefinition(tool.function, `${param}.function`)]
    if (type === 'custom') return [readCustom(tool, `${param}.custom`, ignored)]
    ignored.push(param)
    return []
  })
}

function readDefinition(definition: Tool['function'], param: string): ParsedTool {
  if (!definition) throw missingField(param)
  const schemaParam = `${param}.parameters`
  const tool = toClientTool(definition, definition.parameters ?? {}, schemaParam)
  return { tool, kind: 'json', nameParam: `${param}.name`, schemaParam }
}

function readCustom({ custom }: Tool, param: string, ignored: string[]): ParsedTool {
  if (!custom) throw missingField(param)
  if (custom.format && custom.format.type !== 'text') ignored.push(`${param}.format`)
  const tool = toClientTool(custom, customSchema, param)
  return { tool, kind: 'text', nameParam: `${param}.name`, schemaParam: param }
}

function legacyChoice(choice: ChatRequest['function_call']): ToolChoice {
  if (!choice) return freeChoice
  if (typeof choice === 'string') return { ...freeChoice, mode: choice }
  return { mode: 'required', names: [choice.name], param: 'function_call.name' }
}

function toolChoice(choice: ToolChoiceField | null | undefined): ToolChoice {
  if (!choice) return freeChoice
  if (typeof choice === 'string') return { ...freeChoice, mode: choice === 'any' ? 'required' : choice }
  if (choice.type === 'allowed_tools') return allowedChoice(choice)
  const param = `tool_choice.${choice.type}`
  const name = choice[choice.type]?.name ?? choice.name
  if (typeof name !== 'string') throw missingField(`${param}.name`)
  return { mode: 'required', names: [name], param: `${param}.name` }
}

function allowedChoice({ allowed_tools: allowed }: Extract<ToolChoiceField, object>): ToolChoice {
  const param = 'tool_choice.allowed_tools'
  if (!allowed) throw missingField(param)
  const names = allowed.tools.map((tool, index) => {
    const { name } = (tool.function ?? tool.custom ?? tool) as { name?: unknown }
    if (typeof name !== 'string') throw missingField(`${param}.tools[${index}].function.name`)
    return name
  })
  return { mode: allowed.mode, names, param: `${param}.tools` }
}
