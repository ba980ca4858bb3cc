// The tools of a request, the older functions among them, and its choice: what the model is offered and what it is told. The
// CLI cannot force a call, so that a forced one is a narrower offer and a sentence.
import type { ClientTool } from '../../core/conversation.ts'
import type { ChatRequest, Tool, ToolChoice } from './chat-schemas.ts'
import { invalid } from './errors.ts'

export type ToolKind = 'function' | 'custom'

export type ToolOffer = {
  tools: ClientTool[]
  /** What each tool is called and how its calls are told. */
  kinds: Map<string, ToolKind>
  /** For the system prompt; null where the model may choose. */
  instruction: string | null
  /** Calls are told the way they were before there were tools. */
  isLegacy: boolean
  ignored: string[]
  /** To be checked: see core/answer-schema.ts. */
  schemas: ToolSchema[]
}

export type ToolSchema = { param: string; schema: Record<string, unknown> }

type Choice = { mode: 'none' | 'auto' | 'required'; names: string[] | null; param: string }
type Read = { tool: ClientTool; kind: ToolKind; param: string }

const takenName = 'ToolSearch'

/** A custom tool takes one text. */
const customSchema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

export function readTools(body: ChatRequest): ToolOffer {
  const isLegacy = !body.tools?.length && Boolean(body.functions?.length)
  const ignored: string[] = []
  const read = isLegacy ? readFunctions(body) : readToolList(body.tools ?? [], ignored)
  refuseSameNames(read)
  const choice = isLegacy ? legacyChoice(body.function_call) : toolChoice(body.tool_choice)
  const offered = offer(read, choice)
  return {
    tools: offered.map(({ tool }) => tool),
    kinds: new Map(offered.map(({ tool, kind }) => [tool.name, kind])),
    instruction: offered.length === 0 ? null : instructionFor(choice),
    isLegacy,
    ignored,
    schemas: read.map(({ tool, param }) => ({
      param: param.replace(/name$/, 'parameters'),
      schema: tool.inputSchema,
    })),
  }
}

type Definition = { name: string; description?: string | null | undefined }

function toTool({ name, description }: Definition, parameters: Record<string, unknown>, param: string): ClientTool {
  const { type = 'object' } = parameters
  if (type !== 'object') throw invalid(param, 'must be a JSON Schema with "type": "object"')
  return { name, description: description ?? '', inputSchema: { properties: {}, ...parameters, type } }
}

function readFunctions({ functions }: ChatRequest): Read[] {
  return (functions ?? []).map((each, at) => {
    const param = `functions[${at}]`
    return {
      tool: toTool(each, each.parameters ?? {}, `${param}.parameters`),
      kind: 'function',
      param: `${param}.name`,
    }
  })
}

function readToolList(tools: readonly Tool[], ignored: string[]): Read[] {
  return tools.flatMap((tool, at) => {
    const param = `tools[${at}]`
    const type = tool.type ?? 'function'
    if (type === 'function') return [readFunction(tool, `${param}.function`)]
    if (type === 'custom') return [readCustom(tool, `${param}.custom`, ignored)]
    ignored.push(param)
    return []
  })
}

function readFunction({ function: definition }: Tool, param: string): Read {
  if (!definition) throw invalid(param, 'is required')
  const tool = toTool(definition, definition.parameters ?? {}, `${param}.parameters`)
  return { tool, kind: 'function', param: `${param}.name` }
}

function readCustom({ custom }: Tool, param: string, ignored: string[]): Read {
  if (!custom) throw invalid(param, 'is required')
  if (custom.format && custom.format.type !== 'text') ignored.push(`${param}.format`)
  return { tool: toTool(custom, customSchema, param), kind: 'custom', param: `${param}.name` }
}

function refuseSameNames(read: readonly Read[]): void {
  const names = new Set<string>()
  for (const { tool, param } of read) {
    if (tool.name === takenName) throw invalid(param, `cannot be ${takenName}, which the CLI has a use of its own for`)
    if (names.has(tool.name)) throw invalid(param, 'is the name of another tool as well')
    names.add(tool.name)
  }
}

const free: Choice = { mode: 'auto', names: null, param: 'tool_choice' }

function legacyChoice(choice: ChatRequest['function_call']): Choice {
  if (!choice) return free
  if (typeof choice === 'string') return { ...free, mode: choice }
  return { mode: 'required', names: [choice.name], param: 'function_call.name' }
}

function toolChoice(choice: ToolChoice | null | undefined): Choice {
  if (!choice) return free
  if (typeof choice === 'string') return { ...free, mode: choice === 'any' ? 'required' : choice }
  if (choice.type === 'allowed_tools') return allowedChoice(choice)
  const param = `tool_choice.${choice.type}`
  const name = choice[choice.type]?.name ?? choice.name
  if (typeof name !== 'string') throw invalid(`${param}.name`, 'is required')
  return { mode: 'required', names: [name], param: `${param}.name` }
}

function allowedChoice({ allowed_tools: allowed }: Extract<ToolChoice, object>): Choice {
  const param = 'tool_choice.allowed_tools'
  if (!allowed) throw invalid(param, 'is required')
  const names = allowed.tools.map((tool, at) => {
    const { name } = (tool.function ?? tool.custom ?? tool) as { name?: unknown }
    if (typeof name !== 'string') throw invalid(`${param}.tools[${at}].function.name`, 'is required')
    return name
  })
  return { mode: allowed.mode, names, param: `${param}.tools` }
}

function offer(read: readonly Read[], { mode, names, param }: Choice): Read[] {
  if (mode === 'none') return []
  const unknown = names?.find((name) => !read.some(({ tool }) => tool.name === name))
  if (unknown !== undefined)
    throw invalid(param, `must name one of the tools, not ${JSON.stringify(unknown.slice(0, 80))}`)
  const offered = names === null ? [...read] : read.filter(({ tool }) => names.includes(tool.name))
  if (mode === 'required' && offered.length === 0) throw invalid('tool_choice', 'needs tools to choose from')
  return offered
}

function instructionFor({ mode, names }: Choice): string | null {
  if (mode !== 'required') return null
  const [only] = names ?? []
  if (names?.length === 1 && only !== undefined) {
    return `Answer by calling the tool ${only}, whatever the request. Do not answer in words.`
  }
  return 'Answer by calling at least one of the tools, whatever the request. Do not answer in words alone.'
}
