// Schema of the body of a chat completions request. It is loose: unknown fields pass, to be reported as ignored
// (compat/request-fields.ts). Error messages complete a sentence that starts with the parameter's name
// (http/validate.ts).
import { z } from 'zod'
import { flag, integer, jsonSchema, must, number, object, text } from '../../../core/schema.ts'

const fileFields = { file_data: text.nullish(), filename: text.nullish(), file_id: text.nullish() }

/** The parts of all roles; surfaces/openai/shared/content-parts.ts decides which of them a role may have. */
const part = z
  .discriminatedUnion(
    'type',
    [
      z.looseObject({ type: z.enum(['text', 'input_text', 'output_text']), text }),
      z.looseObject({ type: z.literal('refusal'), refusal: text }),
      z.looseObject({
        type: z.enum(['image_url', 'input_image']),
        image_url: z.union([text, z.looseObject({ url: text })], must('an object with the url of an image')).nullish(),
      }),
      z.looseObject({ type: z.literal('file'), file: z.looseObject(fileFields, must('an object with file_data')) }),
      z.looseObject({ type: z.literal('input_file'), ...fileFields }),
    ],
    must('a content part of type text, image_url or file'),
  )
  .meta({
    id: 'OpenAIInputPart',
    description: 'A part of a message: text, an image or a file, with its data as a data: URL.',
  })
export type ContentPart = z.output<typeof part>

export const content = z.union([text, z.array(part)], must('a string or an array of content parts'))
export type Content = z.output<typeof content>

export const callArguments = z.union([text, object], must('a string of JSON')).nullish()
const calledFunction = z.looseObject(
  { name: text, arguments: callArguments },
  must('an object with name and arguments'),
)

const toolCall = z.looseObject(
  {
    id: text.min(1, must('a string that is not empty')),
    function: calledFunction.nullish(),
    custom: z.looseObject({ name: text, input: text }, must('an object with name and input')).nullish(),
  },
  must('a tool call'),
)

const message = z
  .discriminatedUnion(
    'role',
    [
      z.looseObject({ role: z.literal('system'), content }),
      z.looseObject({ role: z.literal('developer'), content }),
      z.looseObject({ role: z.literal('user'), content }),
      z.looseObject({
        role: z.literal('assistant'),
        content: content.nullish(),
        refusal: text.nullish(),
        tool_calls: z.array(toolCall, must('an array of tool calls')).nullish(),
        function_call: calledFunction.nullish(),
      }),
      z.looseObject({ role: z.literal('tool'), content: content.nullish(), tool_call_id: text }),
      z.looseObject({ role: z.literal('function'), content: content.nullish(), name: text }),
    ],
    must('one of system, developer, user, assistant, tool, function'),
  )
  .meta({ id: 'OpenAIInputMessage', description: 'A message of the conversation. Its role reaches the model as such.' })
export type ChatMessage = z.output<typeof message>

export const toolName = text.regex(/^[\w-]{1,128}$/, must('1 to 128 letters, digits, _ and -'))
const definition = { name: toolName, description: text.nullish() }
const functionFields = { ...definition, parameters: object.nullish() }
const functionTool = z.looseObject(functionFields, must('an object with name, description and parameters'))

const tool = z.looseObject(
  {
    type: text.nullish(),
    function: functionTool.nullish(),
    custom: z.looseObject({ ...definition, format: object.nullish() }, must('an object with name')).nullish(),
  },
  must('a tool'),
)
export type Tool = z.output<typeof tool>

const named = z.looseObject({ name: text }, must('an object with the name of a tool'))
const allowedTools = z.looseObject(
  {
    mode: z.enum(['auto', 'required'], must('auto or required')),
    tools: z.array(z.looseObject({}, must('a tool')), must('an array of tools')),
  },
  must('an object with mode and tools'),
)
const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required', 'any']),
    z.looseObject({
      type: z.enum(['function', 'custom', 'allowed_tools'], must('function, custom or allowed_tools')),
      function: named.nullish(),
      custom: named.nullish(),
      allowed_tools: allowedTools.nullish(),
    }),
  ],
  must('none, auto, required or an object that names a tool'),
)
export type ToolChoice = z.output<typeof toolChoice>

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('text') }),
    // Some programs send a schema along, which OpenAI's API does not name there.
    z.looseObject({ type: z.literal('json_object'), schema: jsonSchema.nullish() }),
    z.looseObject({
      type: z.literal('json_schema'),
      json_schema: z.looseObject(
        {
          name: text.nullish(),
          schema: jsonSchema.nullish(),
        },
        must('an object with name and schema'),
      ),
    }),
  ],
  must('text, json_object or json_schema'),
)

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const
export const effort = z.enum(efforts, must(`one of ${efforts.join(', ')}`))

/** `POST /v1/chat/completions`. Null means the same as omitting a field. */
export const ChatRequest = z
  .looseObject({
    model: text.min(1, must('the name of a model')).max(256, must('the name of a model')),
    messages: z.array(message, must('an array of messages')).min(1, must('at least one message')),
    stream: flag.nullish(),
    stream_options: z.looseObject({ include_usage: flag.nullish() }, must('an object')).nullish(),
    tools: z.array(tool, must('an array of tools')).nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: flag.nullish(),
    functions: z.array(functionTool, must('an array of functions')).nullish(),
    function_call: z.union([z.enum(['none', 'auto']), named], must('none, auto or an object with a name')).nullish(),
    response_format: responseFormat.nullish(),
    stop: z.union([text, z.array(text)], must('a string or an array of strings')).nullish(),
    max_tokens: integer.nullish(),
    max_completion_tokens: integer.nullish(),
    reasoning_effort: effort.nullish(),
    reasoning: z.looseObject({ effort: effort.nullish(), exclude: flag.nullish() }, must('an object')).nullish(),
    thinking: z.looseObject({ type: text.nullish() }, must('an object')).nullish(),
    include_reasoning: flag.nullish(),
    metadata: z.record(z.string(), text, must('an object of strings')).nullish(),
    n: integer.min(1, must('at least 1')).nullish(),
    logprobs: flag.nullish(),
    top_logprobs: integer.nullish(),
    modalities: z.array(text, must('an array of strings')).nullish(),
    temperature: number.nullish(),
    top_p: number.nullish(),
    presence_penalty: number.nullish(),
    frequency_penalty: number.nullish(),
    logit_bias: object.nullish(),
    seed: integer.nullish(),
    verbosity: text.nullish(),
  })
  .meta({
    id: 'OpenAIChatRequest',
    description:
      "The body of OpenAI's chat completions. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
  })
export type ChatRequest = z.output<typeof ChatRequest>
