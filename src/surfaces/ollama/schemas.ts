// Schemas of the bodies of Ollama's routes. They are loose: unknown fields pass, to be reported as ignored
// (compat/request-fields.ts). Error messages complete a sentence that starts with the parameter's name
// (http/validate.ts).
import { z } from 'zod'
import { flag, integer, jsonSchema, must, object, text } from '../../core/schema.ts'

const model = text.min(1, must('the name of a model')).max(256, must('the name of a model'))
/** Programs in Go send the field that they do not use as an empty string. */
const anyModel = text.max(256, must('the name of a model')).nullish()
const images = z.array(text, must('an array of base64 strings')).nullish()

const toolCall = z.looseObject(
  {
    id: text.nullish(),
    function: z.looseObject({ name: text, arguments: object.nullish() }, must('an object with name and arguments')),
  },
  must('a tool call'),
)

const content = text.nullish()
const message = z
  .discriminatedUnion(
    'role',
    [
      z.looseObject({ role: z.literal('system'), content }),
      z.looseObject({ role: z.literal('user'), content, images }),
      z.looseObject({
        role: z.literal('assistant'),
        content,
        tool_calls: z.array(toolCall, must('an array of tool calls')).nullish(),
      }),
      z.looseObject({
        role: z.literal('tool'),
        content,
        images,
        tool_call_id: text.nullish(),
        tool_name: text.nullish(),
        name: text.nullish(),
      }),
    ],
    must('one of system, user, assistant, tool'),
  )
  .meta({ id: 'OllamaMessage', description: 'A message of the conversation. Its role reaches the model as such.' })
export type OllamaMessage = z.output<typeof message>

const tool = z.looseObject(
  {
    type: text.nullish(),
    function: z.looseObject(
      {
        name: text.regex(/^[\w-]{1,128}$/, must('1 to 128 letters, digits, _ and -')),
        description: text.nullish(),
        parameters: object.nullish(),
      },
      must('an object with name, description and parameters'),
    ),
  },
  must('a tool'),
)
export type Tool = z.output<typeof tool>

const levels = ['low', 'medium', 'high', 'max'] as const

/** What chat and generate have in common. Null means the same as omitting a field. */
const shared = {
  model,
  stream: flag.nullish(),
  format: z.union([z.enum(['', 'json']), jsonSchema], must('json or a JSON Schema, as an object')).nullish(),
  think: z.union([flag, z.enum(levels)], must(`true, false or one of ${levels.join(', ')}`)).nullish(),
  options: z
    .looseObject(
      {
        num_predict: integer.nullish(),
        stop: z.union([text, z.array(text)], must('a string or an array of strings')).nullish(),
      },
      must('an object'),
    )
    .nullish(),
  keep_alive: z.union([text, z.number()], must('a duration, or a number of seconds')).nullish(),
}

const unlisted = 'Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.'

/** `POST /api/chat`. */
export const ChatRequest = z
  .looseObject({
    ...shared,
    messages: z.array(message, must('an array of messages')).nullish(),
    tools: z.array(tool, must('an array of tools')).nullish(),
  })
  .meta({ id: 'OllamaChatRequest', description: `The body of Ollama's chat. ${unlisted}` })
export type ChatRequest = z.output<typeof ChatRequest>

/** `POST /api/generate`. */
export const GenerateRequest = z
  .looseObject({ ...shared, prompt: text.nullish(), system: text.nullish(), images })
  .meta({ id: 'OllamaGenerateRequest', description: `The body of Ollama's generate. ${unlisted}` })
export type GenerateRequest = z.output<typeof GenerateRequest>

/** `POST /api/show`. */
export const ShowRequest = z
  .looseObject({ model: anyModel, name: anyModel.describe('The same as `model`, for older programs.') })
  .meta({
    id: 'OllamaShowRequest',
    description: 'Which model is meant, in `model` or, from older programs, in `name`.',
  })
export type ShowRequest = z.output<typeof ShowRequest>
