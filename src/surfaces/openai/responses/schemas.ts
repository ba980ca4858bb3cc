// Schemas of the body of a request to the Responses API and of its input items. They are loose: unknown fields pass, to
// be reported as ignored (fields.ts). Error messages complete a sentence that starts with the parameter's name
// (http/validate.ts).
import { z } from 'zod'
import { flag, integer, jsonSchema, must, number, object, text } from '../../../core/schema.ts'
import { queryInteger } from '../../../http/validate.ts'
import { callArguments, content, effort, toolName } from '../chat/schemas.ts'

const named = text.min(1, must('a string that is not empty'))

/** What every item has; the rest depends on its type and is parsed in items.ts. */
export const item = z.looseObject({ type: text.nullish() }, must('an item, as an object'))
export type InputItem = z.output<typeof item>

/** An item and the name of its parameter, for errors. */
export type LocatedItem = { item: InputItem; param: string }

/** A message may omit its type. */
export const MessageItem = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant'], must('one of system, developer, user, assistant')),
  content,
})
export const FunctionCallItem = z.looseObject({
  call_id: named,
  name: named,
  namespace: text.nullish(),
  arguments: callArguments,
})
export const CustomCallItem = z.looseObject({ call_id: named, name: named, namespace: text.nullish(), input: text })
export const CallOutputItem = z.looseObject({ call_id: named, output: content.nullish() })
export const ReasoningItem = z.looseObject({ encrypted_content: text.nullish() })
export const CompactionItem = z.looseObject({ encrypted_content: named })
export const ReferenceItem = z.looseObject({ id: named })

const definition = { name: toolName, description: text.nullish() }

/**
 * Functions and custom tools are flat; namespaces contain more of them. Other types pass here and are left out later.
 */
const tool = z.looseObject({ type: text }, must('a tool, as an object with its type'))
export type Tool = z.output<typeof tool>
export const FunctionTool = z.looseObject({ ...definition, parameters: object.nullish() })
export const CustomTool = z.looseObject({ ...definition, format: object.nullish() })
export const ToolSearchTool = z.looseObject({
  description: text.nullish(),
  execution: text.nullish(),
  parameters: object.nullish(),
})
export const NamespaceTool = z.looseObject({ name: toolName, tools: z.array(tool, must('an array of tools')) })

const toolList = z.array(tool, must('an array of tools'))
/** Tools that are available from here on. */
export const AdditionalToolsItem = z.looseObject({ tools: toolList })
/** A search that the client carries out for the model, if it is not the server's, which has no id of its own. */
export const ToolSearchCallItem = z.looseObject({
  call_id: text.nullish(),
  execution: text.nullish(),
  arguments: callArguments,
})
export const ToolSearchOutputItem = z.looseObject({
  call_id: text.nullish(),
  execution: text.nullish(),
  tools: toolList,
})

const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.looseObject({
      type: text,
      name: text.nullish(),
      namespace: text.nullish(),
      mode: z.enum(['auto', 'required'], must('auto or required')).nullish(),
      tools: z
        .array(z.looseObject({ name: text.nullish(), namespace: text.nullish() }), must('an array of tools'))
        .nullish(),
    }),
  ],
  must('none, auto, required or an object that names a tool'),
)
export type ToolChoice = z.output<typeof toolChoice>

const format = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('text') }),
    // Some programs send a schema along, which OpenAI's API does not name there.
    z.looseObject({ type: z.literal('json_object'), schema: jsonSchema.nullish() }),
    z.looseObject({
      type: z.literal('json_schema'),
      name: text.nullish(),
      schema: jsonSchema,
    }),
  ],
  must('text, json_object or json_schema'),
)

/** `POST /v1/responses`. Null means the same as omitting a field. */
export const ResponseRequest = z
  .looseObject({
    model: text.min(1, must('the name of a model')).max(256, must('the name of a model')),
    input: z.union([text, z.array(item)], must('a string or an array of items')).nullish(),
    instructions: text.nullish(),
    previous_response_id: text.nullish(),
    store: flag.nullish(),
    background: flag.nullish(),
    stream: flag.nullish(),
    stream_options: object.nullish(),
    tools: z.array(tool, must('an array of tools')).nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: flag.nullish(),
    text: z.looseObject({ format: format.nullish(), verbosity: text.nullish() }, must('an object')).nullish(),
    reasoning: z
      .looseObject(
        { effort: effort.nullish(), summary: text.nullish(), generate_summary: text.nullish() },
        must('an object'),
      )
      .nullish(),
    include: z.array(text, must('an array of strings')).nullish(),
    max_output_tokens: integer.min(1, must('at least 1')).nullish(),
    max_tool_calls: integer.nullish(),
    metadata: z.record(z.string(), text, must('an object of strings')).nullish(),
    conversation: z.union([named, z.looseObject({ id: named })], must('an id, or an object with an id')).nullish(),
    prompt: object.nullish(),
    prompt_cache_key: text.nullish(),
    safety_identifier: text.nullish(),
    temperature: number.nullish(),
    top_p: number.nullish(),
    top_logprobs: integer.nullish(),
    truncation: text.nullish(),
  })
  .meta({
    id: 'OpenAIResponseRequest',
    description:
      "The body of OpenAI's responses. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
  })
export type ResponseRequest = z.output<typeof ResponseRequest>

/** In characters. */
export const streamIdMax = 256

/** A message of a client over a WebSocket: its type, and the fields of a response. */
export const ResponseMessage = z.looseObject({
  type: text,
  stream_id: text.max(streamIdMax, must(`at most ${streamIdMax} characters long`)).nullish(),
  generate: flag.nullish(),
  background: flag.nullish(),
  stream: z.unknown().optional(),
})
export type ResponseMessage = z.output<typeof ResponseMessage>

/** `POST /v1/responses/compact`: the fields of a response that belong to the conversation. */
export const CompactRequest = z
  .looseObject({
    model: ResponseRequest.shape.model,
    input: ResponseRequest.shape.input,
    instructions: text.nullish(),
    previous_response_id: text.nullish(),
  })
  .meta({
    id: 'OpenAICompactRequest',
    description: 'A conversation to compact: `input`, or the one that ends with `previous_response_id`, or both.',
  })

export const ResponseParams = z.looseObject({
  id: text.meta({ description: 'The id of a stored response.', example: 'resp_0b4e7a1d9c2f4658a3e1b7d05c6f8294' }),
})

/** `GET /v1/responses/{id}`. */
export const RetrieveQuery = z.looseObject({
  stream: z
    .enum(['true', 'false'], must('true or false'))
    .optional()
    .describe('Whether to stream its events, live if it is still running.'),
  starting_after: queryInteger(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('With `stream`: continues after the event with this `sequence_number`.'),
})

/** `GET /v1/responses/{id}/input_items`. */
export const ItemsQuery = z.looseObject({
  limit: queryInteger(1, 100).default(20).describe('The maximum number of entries on a page.'),
  order: z.enum(['asc', 'desc'], must('asc or desc')).default('desc').describe('The order by time.'),
  after: text.optional().describe('Continues after the item with this id.'),
})
