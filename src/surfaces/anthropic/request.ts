// Turns a messages request into a run. Pure: messages.ts, tools.ts and version.ts read the parts, this file combines
// them.

import type { AnswerPlan } from '../../compat/answer-stream.ts'
import { isAuxiliaryRequest } from '../../compat/auxiliary-requests.ts'
import { type ResolvedModel, systemOptions } from '../../compat/models.ts'
import { ignoredFields, refuseFields } from '../../compat/request-fields.ts'
import type { Translation } from '../../compat/serve-run.ts'
import type { PlainOptions, Thinking } from '../../core/agent.ts'
import { toTexts } from './content.ts'
import { messagesFields } from './fields.ts'
import { readMessages } from './messages.ts'
import type { CountRequest, MessagesRequest } from './schemas.ts'
import { readTools, type ToolOffer } from './tools.ts'
import { refuseRemoved, refuseThread, type Version } from './version.ts'

/** The parts of a request that decide how its answer is written. */
export type MessagePlan = AnswerPlan & { model: string }

export type MessagesBody = CountRequest & Partial<MessagesRequest>

export function toMessagesRun(body: MessagesBody, resolved: ResolvedModel, version: Version): Translation<MessagePlan> {
  const isAgent = resolved.agent
  refuseRemoved(body, version)
  refuseThread(body)
  refuseFields(body, messagesFields)
  const { system, history, prompt, ignored } = readMessages(body.messages, version)
  const offer = readTools(isAgent ? { tools: null, tool_choice: null, messages: [] } : body)
  const first = body.system ? toTexts(body.system, 'system') : []
  const systemPrompt = [...first, ...system, ...(offer.instruction === null ? [] : [offer.instruction])].join('\n\n')
  const thinking = readThinking(body)
  const schema = body.output_config?.format?.schema ?? body.output_format?.schema ?? null
  return {
    run: {
      prompt,
      session: { kind: 'history', messages: history },
      options: {
        ...systemOptions(systemPrompt, isAgent),
        model: resolved.model,
        effort: body.output_config?.effort ?? null,
        jsonSchema: schema,
      },
      streaming: body.stream === true,
      plain: isAgent ? null : plainOptions(body, offer, thinking),
      surface: 'anthropic',
      approvals: false,
      persist: false,
      isAuxiliary: !isAgent && isAuxiliaryRequest({ systemPrompt, history, prompt, toolCount: offer.tools.length }),
    },
    plan: {
      model: resolved.publicName,
      isAgent,
      tools: new Map(offer.tools.map(({ name }) => [name, 'json'])),
      holdsCalls: !offer.isEager,
      isParallel: offer.isParallel,
      // An agent thinks in many steps; the answer is only the last one.
      showsThinking: !isAgent && !thinking.isOff && (thinking.display === 'omitted' ? 'signed' : true),
      format: schema === null ? 'text' : 'json_schema',
      formatParam: body.output_config?.format ? 'output_config.format' : 'output_format',
    },
    ignored: [...ignoredFields(body, messagesFields, isAgent), ...offer.ignored, ...ignored],
    tools: offer.requested,
  }
}

/** As with the API, there is no thinking unless the request enables it. */
function readThinking({ thinking }: CountRequest): Thinking {
  const isOff = !thinking || thinking.type === 'disabled'
  return {
    isOff,
    budgetTokens: isOff ? null : (thinking.budget_tokens ?? null),
    // The CLI requests `updates` by default; the text arrives like that of a summary.
    display: isOff ? null : thinking.display === 'omitted' ? 'omitted' : 'summarized',
  }
}

function plainOptions(body: MessagesBody, { tools, instruction }: ToolOffer, thinking: Thinking): PlainOptions {
  return {
    tools,
    maxOutputTokens: body.max_tokens ?? null,
    stopSequences: (body.stop_sequences ?? []).filter((sequence) => sequence !== ''),
    thinking,
    requiredOutput: instruction === null ? null : 'call',
  }
}
