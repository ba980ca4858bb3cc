// Fuzzed conversations as requests of OpenAI's two APIs. The bodies are well-formed JSON, but not all of them are valid requests.
import { promptFor } from './fuzz-model.ts'
import type { Conversation, Part, Turn } from './fuzz-turns.ts'
import type { Media } from './fuzz-values.ts'

export type Json = Record<string, unknown>

export const textsOf = (parts: readonly Part[]) => parts.flatMap((part) => (part.kind === 'text' ? [part.text] : []))

export const toDataUrl = ({ data, mediaType }: Media) => `data:${mediaType};base64,${data}`

const urlOf = (media: Media, isUrl: boolean) => (isUrl ? 'https://example.com/a.png' : toDataUrl(media))

export const content = (turn: Turn, parts: readonly unknown[]): unknown =>
  turn.isString ? textsOf(turn.parts).join('\n') : parts

const argumentsOf = (input: Json | string) => (typeof input === 'string' ? input : JSON.stringify(input))

function chatParts(parts: readonly Part[]): unknown[] {
  return parts.flatMap((part): unknown[] => {
    switch (part.kind) {
      case 'text':
        return [{ type: 'text', text: part.text }]
      case 'refusal':
        return [{ type: 'refusal', refusal: part.text }]
      case 'picture':
        return [{ type: 'image_url', image_url: { url: urlOf(part.media, part.isUrl) } }]
      case 'file':
        return [{ type: 'file', file: { filename: 'a', file_data: urlOf(part.media, part.isUrl) } }]
      case 'odd':
        return [part.value]
      default:
        return []
    }
  })
}

function chatMessages(turn: Turn): Json[] {
  const { role, parts, calls, results } = turn
  const thoughts = parts.flatMap((part) => (part.kind === 'thinking' ? [part.text] : []))
  const toCall = ({ id, name, input, isCustom }: Turn['calls'][number]) =>
    isCustom
      ? { id, type: 'custom', custom: { name, input: argumentsOf(input) } }
      : { id, type: 'function', function: { name, arguments: argumentsOf(input) } }
  const isSpoken = parts.length > 0 || (calls.length === 0 && results.length === 0)
  const message = {
    role,
    content: isSpoken ? content(turn, chatParts(parts)) : null,
    ...(calls.length > 0 ? { tool_calls: calls.map(toCall) } : {}),
    ...(thoughts.length > 0 ? { reasoning_content: thoughts.join('') } : {}),
  }
  const answers = results.map(({ id, parts: output }) => ({
    role: 'tool',
    tool_call_id: id,
    content: chatParts(output),
  }))
  return isSpoken || calls.length > 0 ? [...answers, message] : answers
}

function chatTools({ tools, choice }: Conversation): Json {
  if (tools.length === 0 && choice.kind === 'absent') return {}
  const list = tools.map(({ name, description, schema, kind }) =>
    kind === 'function'
      ? { type: 'function', function: { name, description, parameters: schema } }
      : kind === 'custom'
        ? { type: 'custom', custom: { name, description, format: { type: 'text' } } }
        : { type: 'web_search' },
  )
  const named = (name: string) => ({ type: 'function', function: { name } })
  return {
    tools: list,
    ...choiceField(choice, {
      named,
      allowed: (name) => ({ type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [named(name)] } }),
    }),
  }
}

type Named = {
  named: (name: string) => unknown
  allowed: (name: string) => unknown
  required?: unknown
  wrap?: (word: string) => unknown
}

export function choiceField(choice: Conversation['choice'], { named, allowed, wrap = (word) => word }: Named): Json {
  switch (choice.kind) {
    case 'absent':
      return {}
    case 'named':
      return { tool_choice: named(choice.name) }
    case 'allowed':
      return { tool_choice: allowed(choice.name) }
    default:
      return { tool_choice: wrap(choice.kind) }
  }
}

/** The turns of a conversation with its prompt. */
export function turnsOf(made: Conversation): Turn[] {
  const prompt = promptFor(made)
  if (prompt === null) return made.turns
  return [
    ...made.turns,
    { role: 'user', isString: made.stream, parts: [{ kind: 'text', text: prompt }], calls: [], results: [] },
  ]
}

export function chatBody(made: Conversation, model: string, more: Json): Json {
  const { answerSchema, wantsJson, stream } = made
  const format =
    answerSchema !== null
      ? { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: answerSchema } }
      : { type: 'json_object' }
  return {
    model,
    messages: turnsOf(made).flatMap(chatMessages),
    stream,
    ...chatTools(made),
    ...(answerSchema !== null || wantsJson ? { response_format: format } : {}),
    ...more,
  }
}

export function responseParts(parts: readonly Part[], type: string): unknown[] {
  return parts.flatMap((part): unknown[] => {
    switch (part.kind) {
      case 'text':
        return [{ type, text: part.text }]
      case 'refusal':
        return [{ type: 'refusal', refusal: part.text }]
      case 'picture':
        return [{ type: 'input_image', image_url: urlOf(part.media, part.isUrl) }]
      case 'file':
        return [{ type: 'input_file', filename: 'a', file_data: urlOf(part.media, part.isUrl) }]
      case 'odd':
        return [part.value]
      default:
        return []
    }
  })
}

function responseItems(turn: Turn): Json[] {
  const { role, parts, calls, results } = turn
  const type = role === 'assistant' ? 'output_text' : 'input_text'
  const reasoning = parts.flatMap((part) =>
    part.kind === 'thinking'
      ? [
          {
            type: 'reasoning',
            id: 'rs_1',
            summary: [{ type: 'summary_text', text: part.text }],
            encrypted_content: part.signature,
          },
        ]
      : [],
  )
  const isSpoken = parts.length > 0 || (calls.length === 0 && results.length === 0)
  const outputs = results.map(({ id, parts: output }) => ({
    type: 'function_call_output',
    call_id: id,
    output: output.length === 1 ? textsOf(output).join('') : responseParts(output, 'input_text'),
  }))
  const toItem = ({ id, name, input, isCustom }: Turn['calls'][number]) =>
    isCustom
      ? { type: 'custom_tool_call', call_id: id, name, input: argumentsOf(input) }
      : { type: 'function_call', call_id: id, name, arguments: argumentsOf(input), status: 'completed' }
  const message = { type: 'message', role, content: content(turn, responseParts(parts, type)) }
  return [...outputs, ...reasoning, ...(isSpoken ? [message] : []), ...calls.map(toItem)]
}

export function responseBody(made: Conversation, model: string, more: Json): Json {
  const { answerSchema, wantsJson, stream, tools, choice } = made
  const turns = turnsOf(made)
  const [only] = turns
  const isShort = turns.length === 1 && only?.isString === true && only.role === 'user'
  const list = tools.map(({ name, description, schema, kind }) =>
    kind === 'function'
      ? { type: 'function', name, description, parameters: schema, strict: false }
      : kind === 'custom'
        ? { type: 'custom', name, description }
        : { type: 'namespace', name: 'space', description, tools: [{ type: 'function', name, parameters: schema }] },
  )
  const format =
    answerSchema !== null ? { type: 'json_schema', name: 'answer', schema: answerSchema } : { type: 'json_object' }
  return {
    model,
    input: isShort ? textsOf(only.parts).join('') : turns.flatMap(responseItems),
    stream,
    ...(tools.length > 0 ? { tools: list } : {}),
    ...choiceField(choice, {
      named: (name) => ({ type: 'function', name }),
      allowed: (name) => ({ type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name }] }),
    }),
    ...(answerSchema !== null || wantsJson ? { text: { format } } : {}),
    ...more,
  }
}
