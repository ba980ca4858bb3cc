// Descriptions of the OpenAI and Anthropic surfaces' schemas: what this server does with each field, from the tables that the code uses.
// What the fields mean is in those APIs' own references.
import type { FieldTable, Treatment } from '../../src/compat/request-fields.ts'
import { messagesFields } from '../../src/surfaces/anthropic/fields.ts'
import { CountRequest, MessagesRequest } from '../../src/surfaces/anthropic/schemas.ts'
import { chatFields } from '../../src/surfaces/openai/chat/fields.ts'
import { ChatRequest } from '../../src/surfaces/openai/chat/schemas.ts'
import { responseFields } from '../../src/surfaces/openai/responses/fields.ts'
import { ResponseRequest } from '../../src/surfaces/openai/responses/schemas.ts'
import type { Words } from './describe.ts'
import type { Schema } from './json-schema.ts'

const effects: Record<Treatment, string> = {
  honored: 'Honored',
  emulated: 'Honored by other means',
  silent: 'Accepted without effect',
  ignored: 'No effect; named in the header `x-claude-serve-ignored`',
  refused: 'Refused, unless its value changes nothing',
}

/** The effect of each field; fields that the schema does not name come from the table alone. */
function requestWords(about: string, table: FieldTable, properties: object): Words {
  const words = Object.entries(table).map(([name, { treatment, note, plainOnly }]) => {
    const more = [note, plainOnly ? 'no effect for `agent/…` models' : null].filter(Boolean).join('; ')
    return [name, more === '' ? `${effects[treatment]}.` : `${effects[treatment]}: ${more}.`] as const
  })
  const others = words.filter(([name]) => !(name in properties)).map(([name]) => [name, {}] as const)
  const more: Record<string, Schema> = Object.fromEntries(others)
  return { about, fields: Object.fromEntries(words), more, isPartial: true }
}

const countFields = Object.fromEntries(Object.entries(messagesFields).filter(([name]) => name in CountRequest.shape))

const partly = (about: string, fields: Record<string, string> = {}): Words => ({ about, fields, isPartial: true })

const requestId = 'The id of the request in the log.'

export const compatibleWords: Record<string, Words> = {
  OpenAIChatRequest: requestWords(
    "The body of OpenAI's chat completions. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
    chatFields,
    ChatRequest.shape,
  ),
  OpenAIInputMessage: partly('A message of the conversation. Its role reaches the model as such.'),
  OpenAIInputPart: partly('A part of a message: text, an image or a file, with its data as a data: URL.'),
  OpenAIChatCompletion: partly("The answer, as OpenAI's API returns it.", {
    id: 'The id of the run with another prefix.',
    model: 'The full name of the model that answered.',
    choices: 'Always exactly one.',
    metadata: 'As in the request.',
  }),
  OpenAIChatCompletionChunk: partly(
    'The `data:` of one server-sent event. A stream that succeeds ends with `[DONE]`; a stream that fails ends with an error instead.',
    { usage: 'In the last chunk, if `stream_options.include_usage` is true.' },
  ),
  OpenAIChoice: partly('The answer itself.', {
    'message.reasoning_content': "The model's thinking, if it was requested.",
  }),
  OpenAIUsage: partly("Tokens as the model's API counts them, including cache and thinking."),
  OpenAIResponseRequest: requestWords(
    "The body of OpenAI's responses. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
    responseFields,
    ResponseRequest.shape,
  ),
  OpenAIResponse: partly("A response, as OpenAI's API returns it.", {
    id: 'The id of the run with another prefix.',
    model: 'The full name of the model that answered.',
    previous_response_id: 'As in the request.',
  }),
  OpenAIOutputItem: partly('A part of a response: a message, thinking, or a call of a client tool.'),
  OpenAIResponseEvent: partly(
    'The `data:` of one server-sent event; the `event:` line has the same type. A stream that fails ends with `response.failed` and `error`.',
    { sequence_number: 'Counts up from 0.' },
  ),
  OpenAIResponseDeleted: partly('Confirms that a response was deleted.'),
  OpenAIResponseItemList: partly('A page of the input items of a response, including those of previous responses.'),
  OpenAIResponseTokens: partly('How many tokens the request has.', { input_tokens: 'An estimate.' }),
  OpenAIModel: partly('A model that requests may name.', {
    id: 'The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.',
    created: 'Always 0: unknown.',
  }),
  OpenAIModelList: partly('All names that requests may use.'),
  OpenAIError: partly("Every error answer of the OpenAI surface, in OpenAI's format.", {
    'error.message': 'What went wrong, as a sentence.',
    'error.type': 'The error class that the SDKs know.',
    'error.param': 'The field of the request that caused the error.',
    'error.code': 'The error code, for programs.',
  }),
  AnthropicMessagesRequest: requestWords(
    "The body of Anthropic's messages. Fields that are not listed have no effect and are named in the header `x-claude-serve-ignored`.",
    messagesFields,
    MessagesRequest.shape,
  ),
  AnthropicCountRequest: requestWords(
    "The body of Anthropic's token counts: that of messages without the fields that control the answer.",
    countFields,
    CountRequest.shape,
  ),
  AnthropicInputMessage: partly('A message of the conversation. Its role reaches the model as such.'),
  AnthropicInputBlock: partly('A part of a message. Data is in base64: the server does not fetch URLs.'),
  AnthropicTextBlock: partly('Text.'),
  AnthropicTool: partly('A tool that the client runs.'),
  AnthropicMessage: partly("The answer, as Anthropic's API returns it.", {
    id: 'The id of the run with another prefix.',
    model: 'The full name of the model that answered.',
  }),
  AnthropicBlock: partly('A part of the answer.'),
  AnthropicUsage: partly("Tokens as the model's API counts them."),
  AnthropicMessageEvent: partly(
    'The `data:` of one server-sent event; the `event:` line has the same type. A stream that fails ends with `error`.',
  ),
  AnthropicTokenCount: partly('How many tokens the request has.', { input_tokens: 'An estimate.' }),
  AnthropicModel: partly('A model that requests may name.', {
    id: 'The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.',
    created_at: 'Always the same: unknown.',
  }),
  AnthropicModelPage: partly('A page of the names that requests may use.'),
  AnthropicError: partly("Every error answer of the Anthropic surface, in Anthropic's format.", {
    'error.type': 'The error class that the SDKs know.',
    'error.message': 'What went wrong, as a sentence.',
    'error.details': 'Facts for programs.',
    request_id: requestId,
  }),
}
