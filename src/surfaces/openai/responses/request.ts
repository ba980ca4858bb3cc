// A request to the Responses API as a run: pure. Its items and tools are read in files of their own; here they are put together. What
// its answer is told by comes from the request alone, so that a stored one can be told again.

import type { AnswerPlan } from '../../../compat/answer-stream.ts'
import { isAuxiliaryRequest } from '../../../compat/auxiliary-requests.ts'
import type { RequestedTool } from '../../../compat/client-tools.ts'
import type { ResolvedModel } from '../../../compat/models.ts'
import { ignoredFields, refuseFields } from '../../../compat/request-fields.ts'
import { noPlainOptions, type PlainOptions } from '../../../core/agent.ts'
import type { RunInput } from '../../../core/runs.ts'
import { invalidField } from '../../../errors.ts'
import { checkMetadata, objectInstruction, systemOptions } from '../chat/request.ts'
import { efforts } from '../shared/reasoning.ts'
import { responseFields } from './fields.ts'
import { type PlacedItem, readItems } from './items.ts'
import type { InputItem, ResponseRequest } from './schemas.ts'
import { type ResponseTools, readResponseTools, type ToolName } from './tools.ts'

/** What is kept of a request, to go on from it and to tell of it again. `model` is what the answer says. */
export type ResponseSnapshot = { body: ResponseRequest; items: InputItem[]; model: string; isAgent: boolean }

/** What of a request decides how its answer is told. */
export type ResponsePlan = AnswerPlan & {
  request: Omit<ResponseSnapshot, 'items'>
  names: ReadonlyMap<string, ToolName>
  /** The answer should be a call; nothing can force it. */
  wantsCall: boolean
  showsSummary: boolean
  includesThinking: boolean
}

export type ResponseRun = {
  run: Omit<RunInput, 'timeoutMs'>
  plan: ResponsePlan
  ignored: string[]
  /** With schemas that are still to be checked. */
  tools: RequestedTool[]
}

/** Without what no response can be made of. */
export function checkResponse(body: ResponseRequest): void {
  refuseFields(body, responseFields)
  checkMetadata(body)
  if (body.background && body.store === false)
    throw invalidField('background', 'needs the response to be stored: leave out "store": false')
}

/** Whether words are told as they come. One in the background may be followed at any time. */
export const isLive = ({ stream, background }: ResponseRequest): boolean => stream === true || background === true

export const isStored = ({ store }: ResponseRequest): boolean => store !== false

/** `items`: all of the conversation, the request's own among them. */
export function toResponseRun(
  body: ResponseRequest,
  resolved: ResolvedModel,
  items: readonly PlacedItem[],
): ResponseRun {
  const { system, history, prompt, ignored } = readItems(items)
  const offer = offerOf(body, resolved.agent)
  const plan = planOf({ body, model: resolved.publicName, isAgent: resolved.agent }, offer)
  const instructions = [offer.instruction, plan.format === 'json_object' ? objectInstruction : null]
  const systemPrompt = [body.instructions, ...system, ...instructions].filter(Boolean).join('\n\n')
  const effort = body.reasoning?.effort ? efforts[body.reasoning.effort] : null
  return {
    run: {
      prompt,
      session: { kind: 'history', messages: history },
      options: {
        ...systemOptions(systemPrompt, resolved.agent),
        model: resolved.model,
        effort: resolved.agent && isThinkingOff(body) ? 'low' : effort,
        jsonSchema: schemaOf(body),
      },
      streaming: isLive(body),
      plain: resolved.agent ? null : plainOptions(body, plan, offer),
      surface: 'openai',
      approvals: false,
      isAuxiliary:
        !resolved.agent && isAuxiliaryRequest({ systemPrompt, history, prompt, toolCount: offer.tools.length }),
      background: body.background === true,
    },
    plan,
    ignored: [...ignoredFields(body, responseFields, resolved.agent), ...idleText(body), ...offer.ignored, ...ignored],
    tools: offer.requested,
  }
}

const isThinkingOff = ({ reasoning }: ResponseRequest) => reasoning?.effort === 'none'

const offerOf = (body: ResponseRequest, isAgent: boolean): ResponseTools =>
  readResponseTools(isAgent ? { ...body, tools: null, tool_choice: null } : body)

/** How the answer of a request is told, be it new or kept. */
export function planOf(request: ResponsePlan['request'], offer = offerOf(request.body, request.isAgent)): ResponsePlan {
  const { body, isAgent } = request
  const { summary, generate_summary: formerly } = body.reasoning ?? {}
  const isThinking = !isThinkingOff(body)
  const showsSummary = isThinking && Boolean(summary ?? formerly)
  const includesThinking = isThinking && body.include?.includes('reasoning.encrypted_content') === true
  return {
    request,
    isAgent,
    tools: offer.kinds,
    names: offer.names,
    isParallel: body.parallel_tool_calls !== false,
    // Where it is not told either, it parts the words before it from those after.
    showsThinking: true,
    showsSummary,
    includesThinking,
    wantsCall: offer.instruction !== null,
    format: body.text?.format?.type ?? 'text',
    formatParam: 'text.format',
  }
}

/** Of a field that is honoured but for this. */
const idleText = ({ text }: ResponseRequest): string[] =>
  text?.verbosity && text.verbosity !== 'medium' ? ['text.verbosity'] : []

const schemaOf = ({ text }: ResponseRequest) => (text?.format?.type === 'json_schema' ? text.format.schema : null)

function plainOptions(
  body: ResponseRequest,
  { format, showsSummary }: ResponsePlan,
  { tools, instruction }: ResponseTools,
): PlainOptions {
  return {
    ...noPlainOptions,
    tools,
    maxOutputTokens: body.max_output_tokens ?? null,
    thinking: {
      ...noPlainOptions.thinking,
      isOff: isThinkingOff(body),
      display: showsSummary ? 'summarized' : null,
    },
    requiredOutput: instruction !== null ? 'call' : format === 'json_object' ? 'json-object' : null,
  }
}
