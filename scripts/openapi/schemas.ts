// The schemas of the document: the ones that routes validate bodies with and that tests compare answers with, under the ids and with
// the descriptions that they have in the code. Request fields of the compatible APIs are described by the tables that the code uses.
import { z } from 'zod'
import type { FieldTable, Treatment } from '../../src/compat/request-fields.ts'
import { messagesFields } from '../../src/surfaces/anthropic/fields.ts'
import '../../src/surfaces/anthropic/batches/reply-schemas.ts'
import '../../src/surfaces/anthropic/batches/schemas.ts'
import '../../src/surfaces/anthropic/reply-schemas.ts'
import { CountRequest } from '../../src/surfaces/anthropic/schemas.ts'
import '../../src/surfaces/mcp/message-schemas.ts'
import { eventSchemas } from '../../src/surfaces/native/reply-schemas.ts'
import '../../src/surfaces/native/run-schemas.ts'
import '../../src/surfaces/native/schemas.ts'
import '../../src/surfaces/native/server-schemas.ts'
import '../../src/surfaces/native/session-reply-schemas.ts'
import '../../src/surfaces/native/session-schemas.ts'
import { generateFields, chatFields as ollamaChatFields } from '../../src/surfaces/ollama/fields.ts'
import '../../src/surfaces/ollama/reply-schemas.ts'
import '../../src/surfaces/ollama/schemas.ts'
import '../../src/surfaces/openai/batches/reply-schemas.ts'
import '../../src/surfaces/openai/batches/schemas.ts'
import { chatFields } from '../../src/surfaces/openai/chat/fields.ts'
import '../../src/surfaces/openai/chat/reply-schemas.ts'
import '../../src/surfaces/openai/chat/schemas.ts'
import '../../src/surfaces/openai/conversations/reply-schemas.ts'
import '../../src/surfaces/openai/conversations/schemas.ts'
import '../../src/surfaces/openai/files/reply-schemas.ts'
import '../../src/surfaces/openai/files/schemas.ts'
import { responseFields } from '../../src/surfaces/openai/responses/fields.ts'
import '../../src/surfaces/openai/responses/reply-schemas.ts'
import '../../src/surfaces/openai/responses/schemas.ts'
import { mapBelow, type Schema, tidy } from './json-schema.ts'

const pathTo = (id: string) => `#/components/schemas/${id}`

export const idOf = (schema: z.ZodType): string => String(schema.meta()?.id)

export const refTo = (id: string): Schema => ({ $ref: pathTo(id) })

const effects: Record<Treatment, string> = {
  honored: 'Honored',
  emulated: 'Honored by other means',
  silent: 'Accepted without effect',
  ignored: 'No effect; named in the header `x-claude-serve-ignored`',
  refused: 'Refused, unless its value changes nothing',
}

/** The request with the effect of each field; fields that the schema does not name come from the table alone. */
function withEffects(request: Schema, table: FieldTable): Schema {
  const described = Object.entries(table).map(([name, { treatment, note, plainOnly }]) => {
    const more = [note, plainOnly ? 'no effect for `agent/…` models' : null].filter(Boolean).join('; ')
    return [name, { description: more === '' ? `${effects[treatment]}.` : `${effects[treatment]}: ${more}.` }] as const
  })
  const own = request.properties as Record<string, Schema>
  const properties = {
    ...own,
    ...Object.fromEntries(described.map(([name, effect]) => [name, { ...effect, ...own[name] }])),
  }
  return { ...request, properties }
}

const countFields = Object.fromEntries(Object.entries(messagesFields).filter(([name]) => name in CountRequest.shape))

const tables: Record<string, FieldTable> = {
  OpenAIChatRequest: chatFields,
  OpenAIResponseRequest: responseFields,
  AnthropicMessagesRequest: messagesFields,
  AnthropicCountRequest: countFields,
  OllamaChatRequest: ollamaChatFields,
  OllamaGenerateRequest: generateFields,
}

/** The native stream's events, told apart by their type. */
function withDiscriminator({ anyOf: oneOf, ...rest }: Schema): Schema {
  const mapping = Object.entries(eventSchemas).map(([type, schema]) => [type, pathTo(idOf(schema))])
  return { ...rest, oneOf, discriminator: { propertyName: 'type', mapping: Object.fromEntries(mapping) } }
}

function toJson(io: 'input' | 'output'): Record<string, Schema> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { io, uri: pathTo })
  const entries = Object.entries(schemas).map(([id, schema]) => {
    const made = tidy(schema as Schema)
    const table = tables[id]
    return [id, id === 'ChatEvent' ? withDiscriminator(made) : table === undefined ? made : withEffects(made, table)]
  })
  return Object.fromEntries(entries)
}

/** Other APIs' own references describe their fields. */
const isDescribedElsewhere = (id: string) => /^(?:OpenAI|Anthropic|Ollama)/.test(id)

/** Throws if a field lacks a description. */
function checkFields(id: string, schema: Schema): void {
  for (const [name, field] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)) {
    if (!('description' in field || 'const' in field)) throw new Error(`the field ${name} of ${id} lacks a description`)
  }
  mapBelow(schema, (below) => {
    checkFields(id, below)
    return below
  })
}

const refsIn = (part: unknown): string[] =>
  [...JSON.stringify(part).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, id = '']) => id)

/** The schemas that these parts of the document refer to, and those that they refer to. */
function usedIn(parts: unknown, io: 'input' | 'output'): Record<string, Schema> {
  const all = toJson(io)
  const used: Record<string, Schema> = {}
  const ids = new Set(refsIn(parts))
  for (const id of ids) {
    const schema = all[id]
    if (schema === undefined) throw new Error(`there is no schema ${id}`)
    if (schema.description === undefined) throw new Error(`the schema ${id} lacks a description`)
    if (!isDescribedElsewhere(id)) checkFields(id, schema)
    used[id] = schema
    for (const ref of refsIn(schema)) ids.add(ref)
  }
  return used
}

/** All schemas that the document needs: for what clients send, and for what the server returns. */
export const componentSchemas = (sent: unknown, returned: unknown): Record<string, Schema> => ({
  ...usedIn(sent, 'input'),
  ...usedIn(returned, 'output'),
})
