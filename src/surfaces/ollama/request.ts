// Turns a request to Ollama's chat or generate into a run. Pure.
import type { AnswerPlan } from '../../compat/answer-stream.ts'
import { isAuxiliaryRequest } from '../../compat/auxiliary-requests.ts'
import { freeChoice, offeredTools, type RequestedTool, toClientTool } from '../../compat/client-tools.ts'
import { type ResolvedModel, systemOptions } from '../../compat/models.ts'
import { type FieldTable, ignoredFields, refuseFields } from '../../compat/request-fields.ts'
import { objectInstruction } from '../../compat/retry-forced-output.ts'
import type { Translation } from '../../compat/serve-run.ts'
import { type Effort, noPlainOptions, type PlainOptions, type Thinking } from '../../core/agent.ts'
import { invalidField } from '../../errors.ts'
import { chatFields, generateFields, optionFields } from './fields.ts'
import { toImages } from './images.ts'
import { type ReadMessages, readMessages, toText } from './messages.ts'
import type { ChatRequest, GenerateRequest, Tool } from './schemas.ts'

/** How the answer to a request is written: as a message, or as a text. */
export type OllamaPlan = AnswerPlan & { model: string; route: 'chat' | 'generate' }

type Body = ChatRequest | GenerateRequest

/** Both bodies, if nothing is to be answered: Ollama then loads the model, or unloads it with a `keep_alive` of zero. */
export const isLoad = (body: { messages?: unknown; prompt?: unknown; images?: unknown }): boolean =>
  [body.messages, body.prompt, body.images].every((part) => part === undefined || part === null || isBlank(part))

const isBlank = (part: unknown) => part === '' || (Array.isArray(part) && part.length === 0)

/** No time, with or without a unit. */
const noTime = /^[+-]?0+(?:\.0*)?[a-zµ]*$/

export const isUnload = ({ keep_alive: time }: Body): boolean => noTime.test(String(time ?? ''))

export function toChatRun(body: ChatRequest, resolved: ResolvedModel): Translation<OllamaPlan> {
  refuseFields(body, chatFields)
  const messages = readMessages(body.messages ?? [])
  return toRun(body, resolved, { ...messages, route: 'chat', fields: chatFields, tools: body.tools ?? [] })
}

export function toGenerateRun(body: GenerateRequest, resolved: ResolvedModel): Translation<OllamaPlan> {
  refuseFields(body, generateFields)
  const prompt = [...toImages(body.images, 'images'), ...toText(body.prompt)]
  if (prompt.length === 0) throw invalidField('prompt', 'must not be blank')
  const read = { system: body.system ?? '', history: [], prompt }
  return toRun(body, resolved, { ...read, route: 'generate', fields: generateFields, tools: [] })
}

type Read = ReadMessages & { route: OllamaPlan['route']; fields: FieldTable; tools: readonly Tool[] }

function toRun(body: Body, resolved: ResolvedModel, read: Read): Translation<OllamaPlan> {
  const requested = resolved.agent ? [] : read.tools.map(toRequestedTool)
  const tools = offeredTools(requested, freeChoice)
  const format = !body.format ? 'text' : body.format === 'json' ? 'json_object' : 'json_schema'
  const systemPrompt = [read.system, format === 'json_object' ? objectInstruction : '']
    .filter((text) => text !== '')
    .join('\n\n')
  const { effort, thinking } = readThink(body, resolved.agent)
  const requiredOutput = format === 'json_object' ? 'json-object' : null
  return {
    run: {
      prompt: read.prompt,
      session: { kind: 'history', messages: read.history },
      options: {
        ...systemOptions(systemPrompt, resolved.agent),
        model: resolved.model,
        effort,
        jsonSchema: typeof body.format === 'object' ? body.format : null,
      },
      streaming: body.stream !== false,
      plain: resolved.agent ? null : { ...plainLimits(body), tools, thinking, requiredOutput },
      surface: 'ollama',
      approvals: false,
      persist: false,
      isAuxiliary: !resolved.agent && isAuxiliaryRequest({ ...read, systemPrompt, toolCount: tools.length }),
    },
    plan: {
      // As it was requested, because programs compare it.
      model: body.model,
      route: read.route,
      isAgent: resolved.agent,
      tools: new Map(tools.map(({ name }) => [name, 'json'])),
      holdsCalls: true,
      isParallel: true,
      showsThinking: isShown(body),
      format,
      formatParam: 'format',
    },
    ignored: [...ignoredFields(body, read.fields, resolved.agent), ...ignoredOptions(body, resolved.agent)],
    tools: requested,
  }
}

const ignoredOptions = ({ options }: Body, isAgent: boolean): string[] =>
  ignoredFields(options ?? {}, optionFields, isAgent).map((name) => `options.${name}`)

function toRequestedTool({ function: definition }: Tool, index: number): RequestedTool {
  const param = `tools[${index}].function`
  const schemaParam = `${param}.parameters`
  const tool = toClientTool(definition, definition.parameters ?? {}, schemaParam)
  return { tool, nameParam: `${param}.name`, schemaParam }
}

const isShown = ({ think }: Body) => Boolean(think)

function readThink(body: Body, isAgent: boolean): { effort: Effort | null; thinking: Thinking } {
  const { think } = body
  const isOff = think === false
  const thinking: Thinking = { ...noPlainOptions.thinking, isOff, display: isShown(body) ? 'summarized' : null }
  if (isAgent && isOff) return { effort: 'low', thinking }
  return { effort: typeof think === 'string' ? think : null, thinking }
}

/** Zero or less is no limit: Ollama's own default is -1. */
function plainLimits({ options }: Body): Pick<PlainOptions, 'maxOutputTokens' | 'stopSequences'> {
  const limit = options?.num_predict ?? 0
  return {
    maxOutputTokens: limit > 0 ? limit : null,
    stopSequences: [options?.stop ?? []].flat().filter((sequence) => sequence !== ''),
  }
}
