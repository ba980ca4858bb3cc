// Reads the tools of a request to the Responses API, of its field and of its items, and its tool choice, for
// compat/client-tools.ts. The model knows a tool in a namespace by one flat name; its calls are mapped back to both names.
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
import { invalidField, missingField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { customSchema } from '../chat/tools.ts'
import {
  CustomTool,
  FunctionTool,
  NamespaceTool,
  type ResponseRequest,
  type Tool,
  type ToolChoice as ToolChoiceField,
  ToolSearchTool,
} from './schemas.ts'

/** The names in a call, as the client defined them. */
export type ToolName = { name: string; namespace: string | null }

/** The name by which the model knows the client's search for tools. Its calls are items of a type of their own. */
export const searchName = 'tool_search'

/** Tools in an item, and where they are. Those of earlier requests have been reported with them. */
export type ItemTools = { tools: Tool[]; param: string; isEarlier: boolean }

export type ResponseTools = {
  tools: ClientTool[]
  kinds: Map<string, ToolKind>
  /** The client's names of each tool, by the flat name that the model knows. */
  names: Map<string, ToolName>
  /** Whether the model may call the client's search for tools. */
  hasSearch: boolean
  /** For the system prompt; null if the model may choose. */
  instruction: string | null
  ignored: string[]
  /** All requested tools; their schemas are not checked yet. */
  requested: RequestedTool[]
}

type ParsedTool = RequestedTool & { kind: ToolKind; clientName: ToolName; isSearch: boolean }

const nameMax = 128

/** The name by which the model knows a tool. */
export const flatName = ({ name, namespace }: ToolName): string => (namespace === null ? name : `${namespace}__${name}`)

export function readResponseTools(body: ResponseRequest, itemTools: readonly ItemTools[] = []): ResponseTools {
  const ignored: string[] = []
  const requested = latest([
    ...itemTools.filter(({ isEarlier }) => isEarlier).map((list) => readItemTools(list, [])),
    readList(body.tools ?? [], { param: 'tools', namespace: null, ignored }),
    ...itemTools.filter(({ isEarlier }) => !isEarlier).map((list) => readItemTools(list, ignored)),
  ])
  const choice = readChoice(body.tool_choice, requested)
  const tools = offeredTools(requested, choice)
  const offered = requested.filter(({ tool }) => tools.includes(tool))
  return {
    tools,
    kinds: new Map(offered.map(({ tool, kind }) => [tool.name, kind])),
    names: new Map(offered.map(({ tool, clientName }) => [tool.name, clientName])),
    hasSearch: offered.some(({ isSearch }) => isSearch),
    instruction: tools.length === 0 ? null : choiceInstruction(choice),
    ignored,
    requested,
  }
}

const readItemTools = ({ tools, param }: ItemTools, ignored: string[]) =>
  readList(tools, { param, namespace: null, ignored })

/** Clients repeat tools in later items, perhaps with changes: the latest definition of a name counts. */
function latest(lists: readonly ParsedTool[][]): ParsedTool[] {
  return lists.flatMap((list, index) => {
    const later = new Set(lists.slice(index + 1).flatMap((each) => each.map(({ tool }) => tool.name)))
    return list.filter(({ tool }) => !later.has(tool.name))
  })
}

type ToolContext = { param: string; namespace: string | null; ignored: string[] }

function readList(tools: readonly Tool[], context: ToolContext): ParsedTool[] {
  return tools.flatMap((tool, index) => readTool(tool, { ...context, param: `${context.param}[${index}]` }))
}

function readTool(tool: Tool, context: ToolContext): ParsedTool[] {
  const { param, namespace, ignored } = context
  switch (tool.type) {
    case 'function': {
      const { parameters, ...definition } = parsePart(FunctionTool, tool, param)
      const input: ToolInput = { schema: parameters ?? {}, kind: 'json', schemaParam: `${param}.parameters` }
      return [toParsedTool(definition, input, context)]
    }
    case 'custom': {
      const { format, ...definition } = parsePart(CustomTool, tool, param)
      if (format && format.type !== 'text') ignored.push(`${param}.format`)
      return [toParsedTool(definition, { schema: customSchema, kind: 'text', schemaParam: param }, context)]
    }
    case 'tool_search': {
      const { execution, description, parameters } = parsePart(ToolSearchTool, tool, param)
      // A search by the server would find tools that are offered from the start.
      if (execution !== 'client') {
        ignored.push(param)
        return []
      }
      const definition = {
        name: searchName,
        description: description ?? 'Searches for tools and makes them available.',
      }
      const input: ToolInput = { schema: parameters ?? searchSchema, kind: 'json', schemaParam: `${param}.parameters` }
      return [{ ...toParsedTool(definition, input, context), isSearch: true }]
    }
    case 'namespace': {
      if (namespace !== null) throw invalidField(`${param}.type`, 'must not be namespace inside a namespace')
      const { name, tools } = parsePart(NamespaceTool, tool, param)
      return readList(tools, { ...context, param: `${param}.tools`, namespace: name })
    }
    default:
      ignored.push(param)
      return []
  }
}

const searchSchema = { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] }

type Definition = { name: string; description?: string | null | undefined }
type ToolInput = { schema: Record<string, unknown>; kind: ToolKind; schemaParam: string }

function toParsedTool(
  { name, description }: Definition,
  { schema, kind, schemaParam }: ToolInput,
  { param, namespace }: ToolContext,
): ParsedTool {
  const clientName = { name, namespace }
  const nameParam = `${param}.name`
  if (flatName(clientName).length > nameMax)
    throw invalidField(nameParam, `is too long together with its namespace: at most ${nameMax} characters`)
  const tool = toClientTool({ name: flatName(clientName), description }, schema, schemaParam)
  return { tool, kind, clientName, nameParam, schemaParam, isSearch: false }
}

function readChoice(choice: ToolChoiceField | null | undefined, requested: readonly ParsedTool[]): ToolChoice {
  if (!choice) return freeChoice
  if (typeof choice === 'string') return { ...freeChoice, mode: choice }
  if (choice.type === 'allowed_tools') {
    const param = 'tool_choice.tools'
    if (!choice.tools) throw missingField(param)
    const names = choice.tools.flatMap((each, index) => allowedNames(each, `${param}[${index}]`, requested))
    return { mode: choice.mode ?? 'auto', names, param }
  }
  if (choice.type !== 'function' && choice.type !== 'custom') {
    throw invalidField(
      'tool_choice.type',
      'must be function, custom or allowed_tools: other types are not supported',
      'unsupported_value',
    )
  }
  return { mode: 'required', names: [chosenName(choice, 'tool_choice')], param: 'tool_choice.name' }
}

type Chosen = { type?: unknown; name?: string | null | undefined; namespace?: string | null | undefined }

/** A namespace stands for all of its tools. Tools of other types were left out. */
function allowedNames(chosen: Chosen, param: string, requested: readonly ParsedTool[]): string[] {
  const { type = 'function', name } = chosen
  if (type === 'function' || type === 'custom') return [chosenName(chosen, param)]
  if (type === 'tool_search') return requested.flatMap(({ isSearch, tool }) => (isSearch ? [tool.name] : []))
  if (type !== 'namespace') return []
  return requested.flatMap(({ clientName, tool }) => (clientName.namespace === name ? [tool.name] : []))
}

function chosenName({ name, namespace }: Chosen, param: string): string {
  if (!name) throw missingField(`${param}.name`)
  return flatName({ name, namespace: namespace || null })
}
