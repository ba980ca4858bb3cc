// Writes the generated parts of the documents between their marks, and openapi.json and the man page as a whole; with --check it only lists what is out of
// date. Not for hand-written text.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { FieldTable, Treatment } from '../src/compat/request-fields.ts'
import { messagesFields } from '../src/surfaces/anthropic/fields.ts'
import { tools } from '../src/surfaces/mcp/tools.ts'
import { eventSchemas } from '../src/surfaces/native/reply-schemas.ts'
import { ChatRequest } from '../src/surfaces/native/schemas.ts'
import { generateFields, chatFields as ollamaChatFields } from '../src/surfaces/ollama/fields.ts'
import { chatFields } from '../src/surfaces/openai/chat/fields.ts'
import { responseFields } from '../src/surfaces/openai/responses/fields.ts'
import { clientParts } from './clients-document.ts'
import { commandsParts } from './commands-document.ts'
import { configParts } from './config-document.ts'
import { demoParts } from './demo-document.ts'
import type { Part } from './document-part.ts'
import { errorsParts } from './errors-document.ts'
import { manPage } from './man-page.ts'
import { metricsParts } from './metrics-document.ts'
import { openapiText } from './openapi.ts'

const effects: Record<Treatment, string> = {
  honored: 'honored',
  emulated: 'emulated',
  silent: 'accepted without effect',
  ignored: 'no effect; named in `x-claude-serve-ignored`',
  refused: 'refused (400)',
}

function fieldTable(table: FieldTable): string {
  const rows = Object.entries(table).map(([name, { treatment, note, plainOnly }]) => {
    const notes = [note, plainOnly ? 'no effect for `agent/…` models, which have their own' : null].filter(Boolean)
    return `| \`${name}\` | ${effects[treatment]} | ${notes.join('; ').replaceAll('|', '\\|')} |`
  })
  return ['| field | effect | notes |', '| --- | --- | --- |', ...rows].join('\n')
}

type JsonSchema = {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
}

function typeName(schema: JsonSchema): string {
  const { const: only, enum: names, anyOf, oneOf, items, type } = schema
  if (only !== undefined) return JSON.stringify(only)
  if (names !== undefined) return names.map((name) => JSON.stringify(name)).join(' or ')
  const several = anyOf ?? oneOf
  if (several !== undefined) return [...new Set(several.map(typeName))].join(' or ')
  if (type === 'array') return `array of ${typeName(items ?? {})}`
  return type === undefined ? 'anything' : [type].flat().join(' or ')
}

/** One row for each event, and for each variant of one. */
function eventTable(): string {
  const rows = Object.entries(eventSchemas).flatMap(([name, schema]) => {
    // Without ids, so that nothing is a reference.
    const json = z.toJSONSchema(schema, { metadata: z.registry() }) as JsonSchema
    return (json.oneOf ?? json.anyOf ?? [json]).map(({ properties = {} }) => {
      const fields = Object.entries(properties).filter(([field]) => field !== 'type')
      return `| \`${name}\` | ${fields.map(([field, each]) => `\`${field}\`: ${typeName(each)}`).join(', ')} |`
    })
  })
  return ['| type | fields |', '| --- | --- |', ...rows].join('\n')
}

/** Null, or an absent field, stands for the default: how it is said in the description. */
const defaultPattern = /\s*Default: ([^.]*(?:\.[^ ][^.]*)*)\./

/** The type of an option that is not null: `"default" or "full"`, `array of string`. */
function optionType(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { metadata: z.registry(), io: 'input', unrepresentable: 'any' }) as JsonSchema
  const variants = (json.anyOf ?? [json]).filter(({ type }) => type !== 'null')
  return [...new Set(variants.map(typeName))].join(' or ').replace(/ or null$/, '')
}

function optionTable({ shape }: z.ZodObject): string {
  const rows = Object.entries(shape as Record<string, z.ZodType>).map(([name, schema]) => {
    const { description = '' } = schema
    const [sentence = '', value = schema.safeParse(undefined).success ? '' : 'required'] =
      defaultPattern.exec(description) ?? []
    const meaning = description.replace(sentence, '').trim()
    return `| \`${name}\` | ${optionType(schema)} | ${value.replace(/^(true|false)$/, '`$1`')} | ${meaning} |`
  })
  return ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

const parts: Part[] = [
  { file: 'docs/native-api.md', name: 'options', make: () => optionTable(ChatRequest) },
  { file: 'docs/events.md', name: 'events', make: eventTable },
  { file: 'docs/compatibility.md', name: 'openai-fields', make: () => fieldTable(chatFields) },
  { file: 'docs/compatibility.md', name: 'response-fields', make: () => fieldTable(responseFields) },
  { file: 'docs/compatibility.md', name: 'anthropic-fields', make: () => fieldTable(messagesFields) },
  { file: 'docs/compatibility.md', name: 'ollama-chat-fields', make: () => fieldTable(ollamaChatFields) },
  { file: 'docs/compatibility.md', name: 'ollama-generate-fields', make: () => fieldTable(generateFields) },
  ...tools.map(({ name, input }) => ({ file: 'docs/mcp.md', name: `tool-${name}`, make: () => optionTable(input) })),
  ...clientParts,
  ...commandsParts,
  ...configParts,
  ...demoParts,
  ...errorsParts,
  ...metricsParts,
]

const wholeFiles: readonly [file: string, make: () => string][] = [
  ['openapi.json', openapiText],
  ['man/claude-serve.1', manPage],
]

async function withPart(text: string, { file, name, make }: Part): Promise<string> {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`]
  const from = text.indexOf(start)
  const to = text.indexOf(end)
  if (from === -1 || to < from) throw new Error(`${file} lacks the marks ${start} and ${end}`)
  return `${text.slice(0, from + start.length)}\n${await make()}\n${text.slice(to)}`
}

/** The files whose generated parts are out of date; updates them if `write` is true. */
export async function refreshDocuments(root: string, write: boolean): Promise<string[]> {
  const stale: string[] = []
  for (const file of new Set(parts.map((part) => part.file))) {
    const path = join(root, file)
    const current = await readFile(path, 'utf8')
    let made = current
    for (const part of parts.filter((each) => each.file === file)) made = await withPart(made, part)
    if (made === current) continue
    stale.push(file)
    if (write) await writeFile(path, made)
  }
  for (const [file, make] of wholeFiles) {
    const path = join(root, file)
    const made = make()
    if ((await readFile(path, 'utf8').catch(() => null)) === made) continue
    stale.push(file)
    if (write) await writeFile(path, made)
  }
  return stale
}

if (import.meta.main) {
  const isCheck = process.argv.includes('--check')
  const stale = await refreshDocuments(join(import.meta.dirname, '..'), !isCheck)
  const text = isCheck ? 'out of date, run `npm run docs`' : 'written'
  console.log(stale.length === 0 ? 'all documents are up to date' : `${stale.join(', ')}: ${text}`)
  if (isCheck && stale.length > 0) process.exitCode = 1
}
