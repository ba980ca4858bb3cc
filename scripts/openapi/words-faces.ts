// What the schemas of the OpenAI and Anthropic faces mean here. What those APIs say of their fields they say themselves; the words are
// about what this server makes of them, from the tables that it goes by.
import type { FieldTable, Treatment } from '../../src/compat/request-fields.ts'
import { messagesFields } from '../../src/surfaces/anthropic/fields.ts'
import { CountRequest, MessagesRequest } from '../../src/surfaces/anthropic/schemas.ts'
import { chatFields } from '../../src/surfaces/openai/chat/fields.ts'
import { ChatRequest } from '../../src/surfaces/openai/chat/schemas.ts'
import { responseFields } from '../../src/surfaces/openai/responses/fields.ts'
import { ResponseRequest } from '../../src/surfaces/openai/responses/schemas.ts'
import type { Words } from './describe.ts'
import type { Schema } from './json-schema.ts'

const told: Record<Treatment, string> = {
  honored: 'Honored',
  emulated: 'Honored by other means',
  silent: 'Accepted, without effect',
  ignored: 'Without effect, and named in the header `x-claude-serve-ignored`',
  refused: 'Refused, unless it asks for nothing',
}

/** What becomes of each field; those that the schema does not name go by the table alone. */
function requestWords(about: string, table: FieldTable, shape: object): Words {
  const words = Object.entries(table).map(([name, { treatment, note, plainOnly }]) => {
    const more = [note, plainOnly ? 'without effect for `agent/…` models' : null].filter(Boolean).join('; ')
    return [name, more === '' ? `${told[treatment]}.` : `${told[treatment]}: ${more}.`] as const
  })
  const others = words.filter(([name]) => !(name in shape)).map(([name]) => [name, {}] as const)
  const more: Record<string, Schema> = Object.fromEntries(others)
  return { about, fields: Object.fromEntries(words), more, isPartial: true }
}

const countFields = Object.fromEntries(Object.entries(messagesFields).filter(([name]) => name in CountRequest.shape))

const partly = (about: string, fields: Record<string, string> = {}): Words => ({ about, fields, isPartial: true })

const requestId = 'The request, for the log.'

export const faceWords: Record<string, Words> = {
  OpenAIChatRequest: requestWords(
    "The body of OpenAI's chat completions. A field that is not here is without effect, and named in the header `x-claude-serve-ignored`.",
    chatFields,
    ChatRequest.shape,
  ),
  OpenAIInputMessage: partly('A message of the conversation. Its role reaches the model as such.'),
  OpenAIInputPart: partly('A part of a message: text, a picture or a file, whose data comes as a data: URL.'),
  OpenAIChatCompletion: partly("The answer, as OpenAI's API gives it.", {
    id: 'The id of the run, with another beginning.',
    model: 'The full name of the model that answered.',
    choices: 'Always one.',
    metadata: 'As in the request.',
  }),
  OpenAIChatCompletionChunk: partly(
    'What the `data:` of one server-sent event holds. The last one of a stream that ended well is `[DONE]`; one that failed ends with an error in place of it.',
    { usage: 'In the last chunk, where `stream_options.include_usage` asks for it.' },
  ),
  OpenAIChoice: partly('The answer itself.', {
    'message.reasoning_content': 'What the model thought, where it was asked for.',
  }),
  OpenAIUsage: partly("Tokens, as the model's API counts them, with those of the cache and of thinking."),
  OpenAIResponseRequest: requestWords(
    "The body of OpenAI's responses. A field that is not here is without effect, and named in the header `x-claude-serve-ignored`.",
    responseFields,
    ResponseRequest.shape,
  ),
  OpenAIResponse: partly("A response, as OpenAI's API gives it.", {
    id: 'The id of the run, with another beginning.',
    model: 'The full name of the model that answered.',
    previous_response_id: 'As in the request.',
  }),
  OpenAIOutputItem: partly('A part of a response: a message, thinking, or a call of a tool of the client.'),
  OpenAIResponseEvent: partly(
    'What the `data:` of one server-sent event holds; its `event:` line has the same type. A stream that failed ends with `response.failed` and `error`.',
    { sequence_number: 'Counts up from 0.' },
  ),
  OpenAIResponseDeleted: partly('What is told of a response that was deleted.'),
  OpenAIResponseItemList: partly(
    'A page of the items that a response was made of, with those of the responses before it.',
  ),
  OpenAIResponseTokens: partly('How many tokens the request would have.', { input_tokens: 'An estimate.' }),
  OpenAIModel: partly('A model that requests may name.', {
    id: 'The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.',
    created: 'Always 0: nobody knows.',
  }),
  OpenAIModelList: partly('All names that requests may use.'),
  OpenAIError: partly("Every error answer of the OpenAI face, in OpenAI's words.", {
    'error.message': 'What went wrong, in a sentence.',
    'error.type': 'The class that its SDKs know.',
    'error.param': 'The field of the request that is to blame.',
    'error.code': 'A word that programs compare.',
  }),
  AnthropicMessagesRequest: requestWords(
    "The body of Anthropic's messages. A field that is not here is without effect, and named in the header `x-claude-serve-ignored`.",
    messagesFields,
    MessagesRequest.shape,
  ),
  AnthropicCountRequest: requestWords(
    "The body of Anthropic's token counts: that of messages, without what tells how to answer.",
    countFields,
    CountRequest.shape,
  ),
  AnthropicInputMessage: partly('A message of the conversation. Its role reaches the model as such.'),
  AnthropicInputBlock: partly('A part of a message. Data comes in base64: this server fetches no addresses.'),
  AnthropicTextBlock: partly('A text.'),
  AnthropicTool: partly('A tool that the client runs.'),
  AnthropicMessage: partly("The answer, as Anthropic's API gives it.", {
    id: 'The id of the run, with another beginning.',
    model: 'The full name of the model that answered.',
  }),
  AnthropicBlock: partly('A part of the answer.'),
  AnthropicUsage: partly("Tokens, as the model's API counts them."),
  AnthropicMessageEvent: partly(
    'What the `data:` of one server-sent event holds; its `event:` line has the same type. A stream that failed ends with `error`.',
  ),
  AnthropicTokenCount: partly('How many tokens the request would have.', { input_tokens: 'An estimate.' }),
  AnthropicModel: partly('A model that requests may name.', {
    id: 'The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.',
    created_at: 'Always the same: nobody knows.',
  }),
  AnthropicModelPage: partly('A page of the names that requests may use.'),
  AnthropicError: partly("Every error answer of the Anthropic face, in Anthropic's words.", {
    'error.type': 'The class that its SDKs know.',
    'error.message': 'What went wrong, in a sentence.',
    'error.details': 'Facts for programs.',
    request_id: requestId,
  }),
}
