// The schemas of the document: the ones that routes validate bodies with and that tests compare answers with, under the document's
// names, with descriptions. Not for the descriptions themselves.
import { z } from 'zod'
import * as anthropicReplies from '../../src/surfaces/anthropic/reply-schemas.ts'
import * as anthropic from '../../src/surfaces/anthropic/schemas.ts'
import * as login from '../../src/surfaces/native/login-routes.ts'
import * as runs from '../../src/surfaces/native/run-schemas.ts'
import * as native from '../../src/surfaces/native/schemas.ts'
import * as sessions from '../../src/surfaces/native/session-schemas.ts'
import * as openaiReplies from '../../src/surfaces/openai/chat/reply-schemas.ts'
import * as openai from '../../src/surfaces/openai/chat/schemas.ts'
import * as responseReplies from '../../src/surfaces/openai/responses/reply-schemas.ts'
import * as responses from '../../src/surfaces/openai/responses/schemas.ts'
import { describe } from './describe.ts'
import { type Schema, tidy } from './json-schema.ts'
import { compatibleWords } from './words-compatible.ts'
import { nativeWords } from './words-native.ts'
import { serverSchemas } from './words-server.ts'

type Named = Record<string, z.core.$ZodType>

const messages = openai.ChatRequest.shape.messages.element
const [, parts] = messages.options[2].shape.content.options
const { messages: anthropicMessages, tools: anthropicTools, system } = anthropic.MessagesRequest.shape
const [, blocks] = anthropicMessages.element.shape.content.options
const [, systemBlocks] = system.unwrap().unwrap().options

/** What clients send. Shared parts are named, so that they are in the document once. */
const requests: Named = {
  ChatRequest: native.ChatRequest,
  PermissionAnswer: runs.PermissionAnswer,
  QuestionAnswer: runs.QuestionAnswer,
  SessionPatch: sessions.SessionPatch,
  SessionFork: sessions.SessionFork,
  OpenAIChatRequest: openai.ChatRequest,
  OpenAIInputMessage: messages,
  OpenAIInputPart: parts.element,
  OpenAIResponseRequest: responses.ResponseRequest,
  AnthropicMessagesRequest: anthropic.MessagesRequest,
  AnthropicCountRequest: anthropic.CountRequest,
  AnthropicInputMessage: anthropicMessages.element,
  AnthropicInputBlock: blocks.element,
  AnthropicTextBlock: systemBlocks.element,
  AnthropicTool: anthropicTools.unwrap().unwrap().element,
}

const { choices, usage } = openaiReplies.ChatCompletion.shape

/** What the server returns. */
const replies: Named = {
  ChatReply: native.ChatReply,
  StartEvent: native.eventSchemas.start,
  DeltaEvent: native.eventSchemas.delta,
  DoneEvent: native.eventSchemas.done,
  ErrorEvent: native.eventSchemas.error,
  ThinkingEvent: native.eventSchemas.thinking,
  ToolUseEvent: native.eventSchemas.tool_use,
  ToolResultEvent: native.eventSchemas.tool_result,
  PermissionRequestEvent: native.eventSchemas.permission_request,
  QuestionEvent: native.eventSchemas.question,
  StatusEvent: native.eventSchemas.status,
  Run: runs.RunReply,
  RunList: runs.RunList,
  Usage: runs.UsageReply,
  SessionSummary: sessions.SessionSummary,
  SessionUsage: sessions.SessionUsage,
  Session: sessions.SessionReply,
  SessionList: sessions.SessionList,
  SessionBlock: sessions.SessionBlock,
  MessageList: sessions.MessageList,
  Health: native.HealthReply,
  Login: login.LoginReply,
  Error: native.ErrorBody,
  OpenAIChatCompletion: openaiReplies.ChatCompletion,
  OpenAIChatCompletionChunk: openaiReplies.ChatCompletionChunk,
  OpenAIChoice: choices._zod.def.items[0],
  OpenAIUsage: usage,
  OpenAIResponse: responseReplies.Response,
  OpenAIOutputItem: responseReplies.Response.shape.output.element,
  OpenAIResponseEvent: responseReplies.ResponseEvent,
  OpenAIResponseDeleted: responseReplies.ResponseDeleted,
  OpenAIResponseItemList: responseReplies.ResponseItemList,
  OpenAIResponseTokens: responseReplies.ResponseTokens,
  OpenAIModel: openaiReplies.Model,
  OpenAIModelList: openaiReplies.ModelList,
  OpenAIError: openaiReplies.ErrorBody,
  AnthropicMessage: anthropicReplies.Message,
  AnthropicBlock: anthropicReplies.Message.shape.content.element,
  AnthropicUsage: anthropicReplies.Message.shape.usage,
  AnthropicMessageEvent: anthropicReplies.MessageEvent,
  AnthropicTokenCount: anthropicReplies.TokenCount,
  AnthropicModel: anthropicReplies.ModelInfo,
  AnthropicModelPage: anthropicReplies.ModelPage,
  AnthropicError: anthropicReplies.ErrorBody,
}

export const refTo = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

/** Each schema by itself, with references to the others. */
function toJson(schemasById: Named, io: 'input' | 'output'): Record<string, Schema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemasById)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, tidy(schema as Schema)]))
}

/** The schema of one parameter of a query or path. */
export const parameterSchema = (schema: z.core.$ZodType): Schema =>
  tidy(z.toJSONSchema(schema, { io: 'input' }) as Schema)

/** The native stream's events, told apart by their type. */
function chatEvent(): Schema {
  const names = Object.keys(native.eventSchemas).map((type) => {
    const name = `${type.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`
    return [type, `#/components/schemas/${name}`] as const
  })
  return {
    description: 'What the `data:` of one server-sent event holds.',
    oneOf: names.map(([, $ref]) => ({ $ref })),
    discriminator: { propertyName: 'type', mapping: Object.fromEntries(names) },
  }
}

/** A server without a type is one that is started as a program; the schema that Zod gives is that of what is made of it. */
function allowUntyped(request: Schema): void {
  const { mcp_servers: servers } = request.properties as { mcp_servers: { additionalProperties: { oneOf: Schema[] } } }
  const [program] = servers.additionalProperties.oneOf
  if (program === undefined) throw new Error('mcp_servers has no kinds')
  program.required = ['command']
}

export function componentSchemas(): Record<string, Schema> {
  const schemas: Record<string, Schema> = {
    ...toJson(requests, 'input'),
    ...toJson(replies, 'output'),
    ChatEvent: chatEvent(),
  }
  allowUntyped(schemas.ChatRequest ?? {})
  return { ...describe(schemas, { ...nativeWords, ...compatibleWords }), ...serverSchemas }
}
