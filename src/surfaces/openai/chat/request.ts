// Turns a chat completions request into a run. Pure. The messages, tools and other parameters are read in files of
// their own and combined here.

import type { AnswerPlan } from '../../../compat/answer-stream.ts'
import { isAuxiliaryRequest } from '../../../compat/auxiliary-requests.ts'
import { type ResolvedModel, systemOptions } from '../../../compat/models.ts'
import { ignoredFields, refuseFields } from '../../../compat/request-fields.ts'
import { objectInstruction } from '../../../compat/retry-forced-output.ts'
import type { Translation } from '../../../compat/serve-run.ts'
import type { PlainOptions } from '../../../core/agent.ts'
import { invalidField } from '../../../errors.ts'
import { type Reasoning, readReasoning } from '../shared/reasoning.ts'
import { chatFields } from './fields.ts'
import { readMessages } from './messages.ts'
import type { ChatRequest } from './schemas.ts'
import { readTools, type ToolOffer } from './tools.ts'

/** How the answer to a request is written. */
export type ChatPlan = AnswerPlan & {
  model: string
  isLegacy: boolean
  /** Where the schema of the answer stands in the body. */
  schemaParam: string
  includeUsage: boolean
  metadata: Record<string, string> | null
}

export function toChatRun(body: ChatRequest, resolved: ResolvedModel): Translation<ChatPlan> {
  refuseFields(body, chatFields)
  checkMetadata(body)
  const { system, history, prompt } = readMessages(body.messages)
  const offer = readTools(resolved.agent ? withoutTools(body) : body)
  const json = jsonFormat(body)
  const reasoning = readReasoning(body)
  const instructions = [offer.instruction, json.instruction].filter((each) => each !== null)
  const systemPrompt = [...system, ...instructions].join('\n\n')
  return {
    run: {
      prompt,
      session: { kind: 'history', messages: history },
      options: {
        ...systemOptions(systemPrompt, resolved.agent),
        model: resolved.model,
        effort: resolved.agent && reasoning.thinking.isOff ? 'low' : reasoning.effort,
        jsonSchema: json.schema,
      },
      streaming: body.stream === true,
      plain: resolved.agent ? null : plainOptions(body, offer, reasoning, json),
      surface: 'openai',
      approvals: false,
      persist: false,
      isAuxiliary:
        !resolved.agent && isAuxiliaryRequest({ systemPrompt, history, prompt, toolCount: offer.tools.length }),
    },
    plan: {
      model: resolved.publicName,
      isAgent: resolved.agent,
      tools: offer.kinds,
      isLegacy: offer.isLegacy,
      isParallel: body.parallel_tool_calls !== false && !offer.isLegacy,
      showsThinking: reasoning.isShown,
      format: json.format,
      formatParam: 'response_format',
      schemaParam: `response_format.${body.response_format?.type === 'json_schema' ? 'json_schema.' : ''}schema`,
      includeUsage: body.stream_options?.include_usage === true,
      metadata: body.metadata ?? null,
    },
    ignored: [...ignoredFields(body, chatFields, resolved.agent), ...offer.ignored],
    tools: offer.requested,
  }
}

const withoutTools = (body: ChatRequest): ChatRequest => ({
  ...body,
  tools: null,
  functions: null,
  tool_choice: null,
  function_call: null,
})

function plainOptions(
  body: ChatRequest,
  { tools, instruction }: ToolOffer,
  { thinking }: Reasoning,
  { format }: JsonFormat,
): PlainOptions {
  const { max_completion_tokens: newer, max_tokens: older, stop } = body
  const limit = newer ?? older ?? 0
  return {
    tools,
    // Some programs send -1 for no limit.
    maxOutputTokens: limit > 0 ? limit : null,
    stopSequences: [stop ?? []].flat().filter((sequence) => sequence !== ''),
    thinking,
    requiredOutput: instruction !== null ? 'call' : format === 'json_object' ? 'json-object' : null,
  }
}

type JsonFormat = Pick<ChatPlan, 'format'> & { schema: Record<string, unknown> | null; instruction: string | null }

function jsonFormat({ response_format: format }: ChatRequest): JsonFormat {
  if (!format || format.type === 'text') return { format: 'text', schema: null, instruction: null }
  const schema = format.type === 'json_schema' ? format.json_schema.schema : format.schema
  if (schema) return { format: 'json_schema', schema, instruction: null }
  return { format: 'json_object', schema: null, instruction: objectInstruction }
}

export function checkMetadata({ metadata }: Pick<ChatRequest, 'metadata'>): void {
  if (Object.keys(metadata ?? {}).length > 16) throw invalidField('metadata', 'must have at most 16 entries')
}
