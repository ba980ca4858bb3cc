// The tools that a client defines and its choice among them: which tools the model is offered, and with which
// instruction. The CLI cannot force a call, so a forced call is a narrower offer, an instruction and a retry
// (retry-forced-output.ts).

import type { ClientTool } from '../core/conversation.ts'
import { invalidField } from '../errors.ts'
import { toolSchemaProblem } from './json-schema-checks.ts'
import { nameForModel } from './reserved-tool-names.ts'

/** A tool, and the locations of its name and its schema in the request. */
export type RequestedTool = { tool: ClientTool; nameParam: string; schemaParam: string }

/** `names` narrows the offer; `param` is the location of the choice in the request. */
export type ToolChoice = { mode: 'none' | 'auto' | 'required'; names: readonly string[] | null; param: string }

export const freeChoice: ToolChoice = { mode: 'auto', names: null, param: 'tool_choice' }

/** Characters that nobody sees: formats, private and unassigned ones. */
const invisible = /[\p{Cf}\p{Co}\p{Cn}]/gu

/**
 * The locations of the tools that reach the model with other characters: in names, descriptions and schemas the CLI replaces what has a
 * compatible form, such as `²`, and removes what is invisible.
 */
export const alteredTools = (requested: readonly RequestedTool[]): string[] =>
  requested.flatMap(({ tool, nameParam }) => {
    const text = JSON.stringify(tool)
    return text.normalize('NFKC').replaceAll(invisible, '') === text ? [] : [nameParam.replace(/\.[^.]*$/, '')]
  })

/** Throws `invalid_request` if the root of the schema is not an object: the model writes an object. */
export function toClientTool(
  { name, description }: { name: string; description?: string | null | undefined },
  schema: Record<string, unknown>,
  param: string,
): ClientTool {
  const { type = 'object' } = schema
  if (type !== 'object') throw invalidField(param, 'must be a JSON Schema with "type": "object"')
  return { name, description: description ?? '', inputSchema: { properties: {}, ...schema, type } }
}

/**
 * The tools that the choice leaves, without those that are for later. Throws `invalid_request` for duplicate names, and for chosen but
 * unknown ones.
 */
export function offeredTools(
  requested: readonly RequestedTool[],
  { mode, names, param }: ToolChoice,
  deferred: ReadonlySet<string> = new Set(),
): ClientTool[] {
  checkNames(requested)
  if (mode === 'none') return []
  const unknown = names?.find((name) => !requested.some(({ tool }) => tool.name === name))
  if (unknown !== undefined) {
    throw invalidField(param, `must name one of the tools, not ${JSON.stringify(unknown.slice(0, 80))}`)
  }
  const tools = requested
    .map(({ tool }) => tool)
    .filter(({ name }) => !deferred.has(name) && (names === null || names.includes(name)))
  if (mode === 'required' && tools.length === 0)
    throw invalidField('tool_choice', 'requires at least one tool to choose from')
  return tools
}

function checkNames(requested: readonly RequestedTool[]): void {
  const names = new Set<string>()
  for (const { tool, nameParam } of requested) {
    if (names.has(tool.name)) throw invalidField(nameParam, 'is already the name of another tool; names must be unique')
    names.add(tool.name)
  }
}

/** The instruction for the system prompt; null if the model may choose. */
export function choiceInstruction({ mode, names }: ToolChoice): string | null {
  if (mode !== 'required') return null
  const [only] = names ?? []
  if (names?.length === 1 && only !== undefined) {
    return `Answer by calling the tool ${nameForModel(only)}, whatever the request. Do not answer in words.`
  }
  return 'Answer by calling at least one of the tools, whatever the request. Do not answer in words alone.'
}

/** Throws `invalid_request` for the first tool whose schema the CLI would not accept. */
export async function checkToolSchemas(requested: readonly RequestedTool[]): Promise<void> {
  for (const { tool, schemaParam } of requested) {
    const problem = await toolSchemaProblem(tool.inputSchema)
    if (problem !== null) throw invalidField(schemaParam, problem)
  }
}
