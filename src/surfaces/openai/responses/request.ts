// Turns a request to the Responses API into a run. Pure. The items and tools are read in files of their own and
// combined here. The plan of its answer comes from the request alone, so that a stored response can be written again.

import type { AnswerPlan } from '../../../compat/answer-stream.ts'
import { isAuxiliaryRequest } from '../../../compat/auxiliary-requests.ts'
import { type ResolvedModel, systemOptions } from '../../../compat/models.ts'
import { ignoredFields, refuseFields } from '../../../compat/request-fields.ts'
import { objectInstruction } from '../../../compat/retry-forced-output.ts'
import type { Sealer } from '../../../compat/sealed-text.ts'
import type { Translation } from '../../../compat/serve-run.ts'
import { noPlainOptions, type PlainOptions } from '../../../core/agent.ts'
import { invalidField } from '../../../errors.ts'
import { checkMetadata } from '../chat/request.ts'
import { efforts } from '../shared/reasoning.ts'
import { summaryRequest } from './compaction.ts'
import { responseFields } from './fields.ts'
import { readItems, toolsOfItems } from './items.ts'
import type { InputItem, LocatedItem, ResponseRequest } from './schemas.ts'
import { type ItemTools, type ResponseTools, readResponseTools, type ToolName } from './tools.ts'

/**
 * What is stored of a request, to continue from it and to write its response again. `model` is the name in the answer.
 */
export type ResponseSnapshot = {
  body: ResponseRequest
  items: InputItem[]
  model: string
  isAgent: boolean
  /** The tools that the items of the whole conversation make available; absent if there are none. */
  itemTools?: ItemTools[]
  /** The items are those of the whole conversation: what the request continued is not stored. */
  isWhole?: true
  /** The answer is a summary of the conversation. */
  isCompaction?: true
}

/** How the answer to a request is written. */
export type ResponsePlan = AnswerPlan & {
  request: Omit<ResponseSnapshot, 'items'>
  names: ReadonlyMap<string, ToolName>
  hasSearch: boolean
  showsSummary: boolean
  includesThinking: boolean
  /** Seals the summary that is the answer; null if the answer is an ordinary one. */
  seal: Sealer['seal'] | null
}

/** Throws `invalid_request` if no response can be made from the request. */
export function checkResponse(body: ResponseRequest): void {
  refuseFields(body, responseFields)
  checkMetadata(body)
  if (body.conversation && body.previous_response_id)
    throw invalidField('conversation', 'must not be combined with previous_response_id: use one of them')
  if (body.background && body.store === false)
    throw invalidField('background', 'requires a stored response: remove "store": false')
}

/** Whether text is emitted as the model writes it. A background response can be followed at any time. */
export const isStreaming = ({ stream, background }: ResponseRequest): boolean => stream === true || background === true

/** The id of the conversation that a response is part of; null if there is none. */
export const conversationOf = ({ conversation }: ResponseRequest): string | null =>
  (typeof conversation === 'string' ? conversation : conversation?.id) || null

export const isStored = ({ store }: ResponseRequest): boolean => store !== false

/** `items`: the whole conversation, including the items of the request itself. */
export function toResponseRun(
  body: ResponseRequest,
  resolved: ResolvedModel,
  items: readonly LocatedItem[],
  sealer: Sealer,
): Translation<ResponsePlan> {
  const { system, history, prompt, ignored } = readItems(items, sealer.open)
  const itemTools = toolsOfItems(items)
  const request = {
    ...{ body, model: resolved.publicName, isAgent: resolved.agent },
    ...(itemTools.length === 0 ? {} : { itemTools }),
  }
  const offer = readOffer(request)
  const plan = planOf(request, sealer, offer)
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
      streaming: isStreaming(body),
      plain: resolved.agent ? null : plainOptions(body, plan, offer),
      surface: 'openai',
      approvals: false,
      persist: false,
      isAuxiliary:
        !resolved.agent && isAuxiliaryRequest({ systemPrompt, history, prompt, toolCount: offer.tools.length }),
      background: body.background === true,
    },
    plan,
    ignored: [
      ...ignoredFields(body, responseFields, resolved.agent),
      ...ignoredVerbosity(body),
      ...offer.ignored,
      ...ignored,
      ...(resolved.agent ? itemTools.filter(({ isEarlier }) => !isEarlier).map(({ param }) => param) : []),
    ],
    tools: offer.requested,
  }
}

/** One request to the plain model, for the summary of the conversation that is the answer. `items` as in toResponseRun. */
export function toCompactionRun(
  body: ResponseRequest,
  resolved: ResolvedModel,
  items: readonly LocatedItem[],
  sealer: Sealer,
): Translation<ResponsePlan> {
  const { system, history, prompt, ignored } = readItems(summaryRequest(items), sealer.open)
  const request = { body, model: resolved.publicName, isAgent: resolved.agent, isCompaction: true as const }
  return {
    run: {
      prompt,
      session: { kind: 'history', messages: history },
      options: {
        ...systemOptions([body.instructions, ...system].filter(Boolean).join('\n\n'), false),
        model: resolved.model,
      },
      streaming: isStreaming(body),
      plain: { ...noPlainOptions, thinking: { ...noPlainOptions.thinking, isOff: isThinkingOff(body) } },
      surface: 'openai',
      approvals: false,
      persist: false,
      isAuxiliary: false,
      background: body.background === true,
    },
    plan: planOf(request, sealer),
    ignored: [...ignoredFields(body, responseFields, resolved.agent), ...ignored],
    tools: [],
  }
}

const isThinkingOff = ({ reasoning }: ResponseRequest) => reasoning?.effort === 'none'

const readOffer = ({ body, isAgent, itemTools, isCompaction }: ResponsePlan['request']): ResponseTools =>
  isAgent || isCompaction
    ? readResponseTools({ ...body, tools: null, tool_choice: null })
    : readResponseTools(body, itemTools)

/** The plan of the answer to a request, new or stored. */
export function planOf(request: ResponsePlan['request'], sealer: Sealer, offer = readOffer(request)): ResponsePlan {
  const { body, isAgent, isCompaction = false } = request
  const { summary, generate_summary: legacySummary } = body.reasoning ?? {}
  const isThinking = !isThinkingOff(body)
  const showsSummary = isThinking && Boolean(summary ?? legacySummary)
  const includesThinking = isThinking && body.include?.includes('reasoning.encrypted_content') === true
  return {
    request,
    isAgent: isAgent && !isCompaction,
    tools: offer.kinds,
    names: offer.names,
    hasSearch: offer.hasSearch,
    isParallel: body.parallel_tool_calls !== false,
    // Even if it is not shown, thinking separates the text before it from the text after it.
    showsThinking: true,
    showsSummary,
    includesThinking,
    seal: isCompaction ? sealer.seal : null,
    format: isCompaction ? 'text' : schemaOf(body) === null ? (body.text?.format?.type ?? 'text') : 'json_schema',
    formatParam: 'text.format',
  }
}

/** `text` is honored, except for its verbosity. */
const ignoredVerbosity = ({ text }: ResponseRequest): string[] =>
  text?.verbosity && text.verbosity !== 'medium' ? ['text.verbosity'] : []

function schemaOf({ text }: ResponseRequest): Record<string, unknown> | null {
  const format = text?.format
  return !format || format.type === 'text' ? null : (format.schema ?? null)
}

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
