// The tools that a client brings and its choice among them: what the model is offered and what it is told. The CLI cannot
// force a call, so that a forced one is a narrower offer, a sentence, and a second try (retry-forced-output.ts).

import type { ClientTool } from '../core/conversation.ts'
import { invalidField } from '../errors.ts'
import { toolSchemaProblem } from './json-schema-checks.ts'

/** A tool, and where its name and its schema stand in the request. */
export type RequestedTool = { tool: ClientTool; nameParam: string; schemaParam: string }

/** `names` narrows the offer; `param` is where the choice stands. */
export type ToolChoice = { mode: 'none' | 'auto' | 'required'; names: readonly string[] | null; param: string }

export const freeChoice: ToolChoice = { mode: 'auto', names: null, param: 'tool_choice' }

/** The CLI has a use of its own for this name. */
const takenName = 'ToolSearch'

/** Throws `invalid_request` for a schema whose root is no object: the model writes an object. */
export function toClientTool(
  { name, description }: { name: string; description?: string | null | undefined },
  schema: Record<string, unknown>,
  param: string,
): ClientTool {
  const { type = 'object' } = schema
  if (type !== 'object') throw invalidField(param, 'must be a JSON Schema with "type": "object"')
  return { name, description: description ?? '', inputSchema: { properties: {}, ...schema, type } }
}

/** The tools that the choice leaves. Throws `invalid_request` for names that are taken, given twice, or chosen but unknown. */
export function offeredTools(given: readonly RequestedTool[], { mode, names, param }: ToolChoice): ClientTool[] {
  refuseNames(given)
  if (mode === 'none') return []
  const unknown = names?.find((name) => !given.some(({ tool }) => tool.name === name))
  if (unknown !== undefined) {
    throw invalidField(param, `must name one of the tools, not ${JSON.stringify(unknown.slice(0, 80))}`)
  }
  const tools = given.map(({ tool }) => tool).filter(({ name }) => names === null || names.includes(name))
  if (mode === 'required' && tools.length === 0) throw invalidField('tool_choice', 'needs tools to choose from')
  return tools
}

function refuseNames(given: readonly RequestedTool[]): void {
  const names = new Set<string>()
  for (const { tool, nameParam } of given) {
    if (tool.name === takenName) {
      throw invalidField(nameParam, `cannot be ${takenName}, which the CLI has a use of its own for`)
    }
    if (names.has(tool.name)) throw invalidField(nameParam, 'is the name of another tool as well')
    names.add(tool.name)
  }
}

/** For the system prompt; null where the model may choose. */
export function choiceInstruction({ mode, names }: ToolChoice): string | null {
  if (mode !== 'required') return null
  const [only] = names ?? []
  if (names?.length === 1 && only !== undefined) {
    return `Answer by calling the tool ${only}, whatever the request. Do not answer in words.`
  }
  return 'Answer by calling at least one of the tools, whatever the request. Do not answer in words alone.'
}

/** Throws `invalid_request` that names the first tool whose schema the CLI would not take. */
export async function checkToolSchemas(given: readonly RequestedTool[]): Promise<void> {
  for (const { tool, schemaParam } of given) {
    const fault = await toolSchemaProblem(tool.inputSchema)
    if (fault !== null) throw invalidField(schemaParam, fault)
  }
}
