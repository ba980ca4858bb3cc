// The bodies of messages and token count requests. The schemas are loose: unknown fields pass and are reported as
// ignored (fields.ts). Error messages complete a sentence that starts with the field's name (http/validate.ts).
import { z } from 'zod'
import { flag, must, number, object, text } from '../../core/schema.ts'

const textBlock = z
  .looseObject(
    {
      type: z.literal('text', must('text')),
      text,
      citations: z.array(z.unknown(), must('an array')).nullish(),
    },
    must('a text block'),
  )
  .meta({ id: 'AnthropicTextBlock', description: 'Text.' })

const image = z.looseObject({
  type: z.literal('image'),
  source: z.looseObject(
    {
      type: z.enum(['base64', 'url', 'file'], must('base64')),
      data: text.nullish(),
      media_type: text.nullish(),
    },
    must('an object with type and data'),
  ),
})
export type ImageSource = z.output<typeof image>['source']

const sourceTypes = ['base64', 'text', 'content', 'url', 'file'] as const
const visibleBlock = z.discriminatedUnion('type', [textBlock, image], must('a block of type text or image'))
/** content.ts decides which fields a source must have. */
const documentSource = z.looseObject(
  {
    type: z.enum(sourceTypes, must(`one of ${sourceTypes.join(', ')}`)),
    data: text.nullish(),
    media_type: text.nullish(),
    content: z
      .union([text, z.array(visibleBlock)], must('a string or an array of blocks of type text or image'))
      .nullish(),
  },
  must('an object with a type'),
)
export type DocumentSource = z.output<typeof documentSource>

const document = z.looseObject({
  type: z.literal('document'),
  source: documentSource,
  title: text.nullish(),
  context: text.nullish(),
})
const searchResult = z.looseObject({
  type: z.literal('search_result'),
  source: text,
  title: text,
  content: z.array(textBlock, must('an array of text blocks')),
})

/** What a search of the client has found. */
const toolReference = z.looseObject({
  type: z.literal('tool_reference'),
  tool_name: text.min(1, must('the name of a tool')),
})

/** Blocks of a tool result that cannot be passed on as they are. */
const resultBlocksAsText = ['browser_state'] as const

/** Blocks that a tool result can contain. */
const resultBlock = z.discriminatedUnion(
  'type',
  [textBlock, image, document, searchResult, toolReference, z.looseObject({ type: z.enum(resultBlocksAsText) })],
  must('a block of type text, image, document or search_result'),
)
export type ResultBlock = z.output<typeof resultBlock>

const toolUse = z.looseObject({
  type: z.literal('tool_use'),
  id: text.min(1, must('a non-empty string')),
  name: text.min(1, must('the name of a tool')),
  input: object,
})

/** Blocks that tools of Anthropic's own servers leave in a conversation. */
const serverBlocks = [
  'server_tool_use',
  'web_search_tool_result',
  'web_fetch_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
  'tool_search_tool_result',
  'mcp_tool_use',
  'mcp_tool_result',
  'container_upload',
  'compaction',
] as const

/** Blocks that the model sees as JSON. */
export const isPassedAsJson = (type: unknown): boolean =>
  [...serverBlocks, ...resultBlocksAsText, 'tool_reference'].some((name) => name === type)

const block = z
  .discriminatedUnion(
    'type',
    [
      textBlock,
      image,
      document,
      searchResult,
      toolUse,
      z.looseObject({
        type: z.literal('tool_result'),
        tool_use_id: text,
        content: z.union([text, z.array(resultBlock)], must('a string or an array of content blocks')).nullish(),
        is_error: flag.nullish(),
      }),
      z.looseObject({ type: z.literal('thinking'), thinking: text, signature: text.nullish() }),
      z.looseObject({ type: z.literal('redacted_thinking'), data: text }),
      z.looseObject({ type: z.enum(serverBlocks) }),
    ],
    must('a content block of a known type, such as text, image, document, tool_use or tool_result'),
  )
  .meta({
    id: 'AnthropicInputBlock',
    description: 'A part of a message. Data is in base64: the server does not fetch URLs.',
  })
export type RequestBlock = z.output<typeof block>

const content = z.union([text, z.array(block)], must('a string or an array of content blocks'))
const roles = ['user', 'assistant', 'system'] as const
const message = z
  .looseObject({ role: z.enum(roles, must('user, assistant or system')), content }, must('a message'))
  .meta({
    id: 'AnthropicInputMessage',
    description: 'A message of the conversation. Its role reaches the model as such.',
  })
export type RequestMessage = z.output<typeof message>

const tool = z
  .looseObject(
    {
      type: text.nullish(),
      name: text.regex(/^[\w-]{1,128}$/, must('1 to 128 letters, digits, _ and -')).nullish(),
      description: text.nullish(),
      input_schema: object.nullish(),
      defer_loading: flag.nullish(),
    },
    must('a tool'),
  )
  .meta({ id: 'AnthropicTool', description: 'A tool that the client runs.' })
export type RequestToolEntry = z.output<typeof tool>

const toolChoice = z.looseObject(
  {
    type: z.enum(['auto', 'any', 'tool', 'none'], must('auto, any, tool or none')),
    name: text.nullish(),
    disable_parallel_tool_use: flag.nullish(),
  },
  must('an object with a type'),
)
export type RequestToolChoice = z.output<typeof toolChoice>

const thinkingTypes = ['disabled', 'enabled', 'adaptive', 'between_tools'] as const
const thinking = z.looseObject(
  {
    type: z.enum(thinkingTypes, must(`one of ${thinkingTypes.join(', ')}`)),
    budget_tokens: z.int(must('an integer')).min(1024, must('at least 1024')).nullish(),
    display: z.enum(['summarized', 'omitted', 'updates'], must('summarized, omitted or updates')).nullish(),
  },
  must('an object with a type'),
)

const format = z.looseObject(
  { type: z.literal('json_schema', must('json_schema')), schema: object },
  must('an object with type and schema'),
)
const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const
const outputConfig = z.looseObject(
  { effort: z.enum(efforts, must(`one of ${efforts.join(', ')}`)).nullish(), format: format.nullish() },
  must('an object'),
)

const model = text.min(1, must('the name of a model')).max(256, must('the name of a model'))
const shared = {
  model,
  messages: z.array(message, must('an array of messages')).min(1, must('at least one message')),
  system: z.union([text, z.array(textBlock)], must('a string or an array of text blocks')).nullish(),
  tools: z.array(tool, must('an array of tools')).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: outputConfig.nullish(),
  output_format: format.nullish(),
}

/** `POST /v1/messages`. Null counts as absent. */
export const MessagesRequest = z
  .looseObject({
    ...shared,
    max_tokens: z.int(must('an integer')).min(1, must('at least 1')),
    stream: flag.nullish(),
    stop_sequences: z.array(text, must('an array of strings')).nullish(),
    temperature: number.min(0, must('at least 0')).max(1, must('at most 1')).nullish(),
    top_p: number.nullish(),
    top_k: number.nullish(),
    metadata: z.looseObject({ user_id: text.nullish() }, must('an object')).nullish(),
  })
  .meta({
    id: 'AnthropicMessagesRequest',
    description:
      "The body of Anthropic's messages. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
  })
export type MessagesRequest = z.output<typeof MessagesRequest>

/** `POST /v1/messages/count_tokens`. */
export const CountRequest = z.looseObject(shared).meta({
  id: 'AnthropicCountRequest',
  description: "The body of Anthropic's token counts: that of messages without the fields that control the answer.",
})
export type CountRequest = z.output<typeof CountRequest>

/**
 * `GET /v1/models`, for openapi.json: models.ts reads the query itself, because OpenAI's format ignores all of it. The
 * limit is a number in a string.
 */
export const ModelsQuery = z.looseObject({
  limit: z.unknown().meta({
    description: "The maximum number of entries on a page, in Anthropic's format.",
    integer: { minimum: 1, maximum: 1000, default: 20 },
  }),
  after_id: text.optional().describe("Continues after this name, in Anthropic's format."),
  before_id: text.optional().describe("Ends before this name, in Anthropic's format."),
})

/** `GET /v1/models/{model}`, in both formats. */
export const ModelParams = z.object({
  model: text.meta({
    description: 'A model name. The slash in `agent/sonnet` may be sent as it is or as `%2F`.',
    example: 'sonnet',
  }),
})
