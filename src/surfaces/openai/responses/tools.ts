// The tools of a request to the Responses API and its choice, in the words of compat/client-tools.ts. Tools in namespaces get names of
// their own, from which a call is told by both its names again.
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
import { invalidField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { customSchema } from '../chat/tools.ts'
import {
  CustomTool,
  FunctionTool,
  type ToolChoice as GivenChoice,
  NamespaceTool,
  type ResponseRequest,
  type Tool,
} from './schemas.ts'

/** What a call is told as. */
export type ToolName = { name: string; namespace: string | null }

export type ResponseTools = {
  tools: ClientTool[]
  kinds: Map<string, ToolKind>
  /** Of tools in namespaces, by the names that the model has for them. */
  names: Map<string, ToolName>
  /** For the system prompt; null where the model may choose. */
  instruction: string | null
  ignored: string[]
  /** All of them, with schemas that are still to be checked. */
  requested: RequestedTool[]
}

type Read = RequestedTool & { kind: ToolKind; told: ToolName }

const nameMax = 128

/** The name by which the model knows a tool. */
export const flatName = ({ name, namespace }: ToolName): string => (namespace === null ? name : `${namespace}__${name}`)

export function readResponseTools(body: ResponseRequest): ResponseTools {
  const ignored: string[] = []
  const requested = readList(body.tools ?? [], { param: 'tools', namespace: null, ignored })
  const choice = readChoice(body.tool_choice, requested)
  const tools = offeredTools(requested, choice)
  const offered = requested.filter(({ tool }) => tools.includes(tool))
  return {
    tools,
    kinds: new Map(offered.map(({ tool, kind }) => [tool.name, kind])),
    names: new Map(offered.map(({ tool, told }) => [tool.name, told])),
    instruction: tools.length === 0 ? null : choiceInstruction(choice),
    ignored,
    requested,
  }
}

type Place = { param: string; namespace: string | null; ignored: string[] }

function readList(tools: readonly Tool[], place: Place): Read[] {
  return tools.flatMap((tool, at) => readTool(tool, { ...place, param: `${place.param}[${at}]` }))
}

function readTool(tool: Tool, place: Place): Read[] {
  const { param, namespace, ignored } = place
  switch (tool.type) {
    case 'function': {
      const { parameters, ...definition } = parsePart(FunctionTool, tool, param)
      return [toRead(definition, { schema: parameters ?? {}, kind: 'json', schemaParam: `${param}.parameters` }, place)]
    }
    case 'custom': {
      const { format, ...definition } = parsePart(CustomTool, tool, param)
      if (format && format.type !== 'text') ignored.push(`${param}.format`)
      return [toRead(definition, { schema: customSchema, kind: 'text', schemaParam: param }, place)]
    }
    case 'namespace': {
      if (namespace !== null) throw invalidField(`${param}.type`, 'cannot be namespace inside of a namespace')
      const { name, tools } = parsePart(NamespaceTool, tool, param)
      return readList(tools, { ...place, param: `${param}.tools`, namespace: name })
    }
    default:
      ignored.push(param)
      return []
  }
}

type Definition = { name: string; description?: string | null | undefined }
type Takes = { schema: Record<string, unknown>; kind: ToolKind; schemaParam: string }

function toRead(
  { name, description }: Definition,
  { schema, kind, schemaParam }: Takes,
  { param, namespace }: Place,
): Read {
  const told = { name, namespace }
  const nameParam = `${param}.name`
  if (flatName(told).length > nameMax)
    throw invalidField(nameParam, `is too long with its namespace: ${nameMax} characters at most`)
  const tool = toClientTool({ name: flatName(told), description }, schema, schemaParam)
  return { tool, kind, told, nameParam, schemaParam }
}

function readChoice(choice: GivenChoice | null | undefined, given: readonly Read[]): ToolChoice {
  if (!choice) return freeChoice
  if (typeof choice === 'string') return { ...freeChoice, mode: choice }
  if (choice.type === 'allowed_tools') {
    const param = 'tool_choice.tools'
    if (!choice.tools) throw invalidField(param, 'is required')
    const names = choice.tools.flatMap((each, at) => allowedNames(each, `${param}[${at}]`, given))
    return { mode: choice.mode ?? 'auto', names, param }
  }
  if (choice.type !== 'function' && choice.type !== 'custom') {
    throw invalidField(
      'tool_choice.type',
      'must be function, custom or allowed_tools: other tools are not here',
      'unsupported_value',
    )
  }
  return { mode: 'required', names: [chosenName(choice, 'tool_choice')], param: 'tool_choice.name' }
}

type Chosen = { type?: unknown; name?: string | null | undefined; namespace?: string | null | undefined }

/** A namespace stands for all that is in it; a tool of another kind was left out. */
function allowedNames(chosen: Chosen, param: string, given: readonly Read[]): string[] {
  const { type = 'function', name } = chosen
  if (type === 'function' || type === 'custom') return [chosenName(chosen, param)]
  return type === 'namespace' ? given.flatMap(({ told, tool }) => (told.namespace === name ? [tool.name] : [])) : []
}

function chosenName({ name, namespace }: Chosen, param: string): string {
  if (!name) throw invalidField(`${param}.name`, 'is required')
  return flatName({ name, namespace: namespace || null })
}
