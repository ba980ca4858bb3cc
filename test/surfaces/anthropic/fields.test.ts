// The field tables of the compatible APIs: they contain every field that the official SDKs can send, and each field is
// treated as its table promises. A new field in an SDK fails here until it is in the table.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FieldTable, ignoredFields, refuseFields } from '../../../src/compat/request-fields.ts'
import type { AppError } from '../../../src/errors.ts'
import { messagesFields } from '../../../src/surfaces/anthropic/fields.ts'
import { CountRequest, MessagesRequest } from '../../../src/surfaces/anthropic/schemas.ts'
import { chatFields } from '../../../src/surfaces/openai/chat/fields.ts'
import { ChatRequest } from '../../../src/surfaces/openai/chat/schemas.ts'

/** The keys that an interface of a package declares, without inherited ones. */
function keysOf(packageName: string, file: string, name: string): string[] {
  const root = new URL('.', import.meta.resolve(packageName))
  const source = readFileSync(fileURLToPath(new URL(file, root)), 'utf8')
  const [, body] = new RegExp(`^export interface ${name}(?: extends [^{]+)? \\{\\n(.*?)^\\}`, 'ms').exec(source) ?? []
  assert.ok(body !== undefined, `${packageName}/${file} has no ${name}`)
  // Members are indented by four spaces; comments and nested members do not match this.
  return [...body.matchAll(/^ {4}(?:readonly )?['"]?([A-Za-z_]\w*)['"]?\??:/gm)].map(([, key]) => key ?? '')
}

const messages = 'resources/messages/messages.d.ts'
const completions = 'resources/chat/completions/completions.d.ts'

/** The interfaces, each with keys that must be found, to prove that the interface was read correctly. */
const declared: [table: string, fields: FieldTable, from: Parameters<typeof keysOf>, known: string[]][] = [
  [
    'messagesFields',
    messagesFields,
    ['@anthropic-ai/sdk', messages, 'MessageCreateParamsBase'],
    ['model', 'messages', 'max_tokens', 'system', 'tools', 'stop_sequences', 'stream', 'output_config'],
  ],
  [
    'messagesFields',
    messagesFields,
    ['@anthropic-ai/sdk', messages, 'MessageCountTokensParams'],
    ['model', 'messages', 'system', 'tools', 'thinking'],
  ],
  [
    'messagesFields',
    messagesFields,
    ['anthropic0', messages, 'MessageCreateParamsBase'],
    ['model', 'messages', 'max_tokens', 'temperature', 'top_p', 'top_k'],
  ],
  [
    'chatFields',
    chatFields,
    ['openai', completions, 'ChatCompletionCreateParamsBase'],
    ['model', 'messages', 'logit_bias', 'stream', 'tools', 'response_format', 'web_search_options'],
  ],
  [
    'chatFields',
    chatFields,
    ['openai6', completions, 'ChatCompletionCreateParamsBase'],
    ['model', 'messages', 'logit_bias', 'stream', 'tools', 'response_format', 'user'],
  ],
]
for (const [table, fields, from, known] of declared) {
  test(`${table} has every field of ${from[2]} in ${from[0]}`, () => {
    const keys = keysOf(...from)
    assert.deepEqual(
      known.filter((key) => !keys.includes(key)),
      [],
      `of ${from[1]} only ${keys.join(', ')} were found`,
    )
    assert.equal(new Set(keys).size, keys.length)
    assert.deepEqual(
      keys.filter((key) => !Object.hasOwn(fields, key)),
      [],
    )
  })
}

test('the field that only the streaming variants declare is in the table', () => {
  for (const [name, interfaces] of [
    ['@anthropic-ai/sdk', ['MessageCreateParamsNonStreaming', 'MessageCreateParamsStreaming']],
    ['anthropic0', ['MessageCreateParamsNonStreaming', 'MessageCreateParamsStreaming']],
  ] as const) {
    for (const each of interfaces) assert.deepEqual(keysOf(name, messages, each), ['stream'])
  }
  assert.equal(messagesFields.stream?.treatment, 'honored')
})

const tables = [
  ['messagesFields', messagesFields, MessagesRequest.shape, ['model', 'messages', 'max_tokens']],
  ['chatFields', chatFields, ChatRequest.shape, ['model', 'messages']],
] as const

for (const [table, fields, shape] of tables) {
  test(`${table} has every field of our schema`, () => {
    assert.deepEqual(
      Object.keys(shape).filter((key) => !Object.hasOwn(fields, key)),
      [],
    )
  })

  test(`every field that ${table} calls honored or emulated is in our schema`, () => {
    const effective = Object.entries(fields).flatMap(([key, { treatment }]) =>
      treatment === 'honored' || treatment === 'emulated' ? [key] : [],
    )
    assert.ok(effective.length > 5)
    // Outside the schema, a wrong type would be ignored silently.
    const unread = effective.filter((key) => !Object.hasOwn(shape, key))
    assert.deepEqual(unread, [])
  })

  test(`every field in ${table} may be null unless it is required`, () => {
    const nulls = Object.fromEntries(Object.keys(fields).map((key) => [key, null]))
    assert.doesNotThrow(() => refuseFields(nulls, fields))
    for (const isAgent of [false, true]) assert.deepEqual(ignoredFields(nulls, fields, isAgent), [])
  })

  test(`a note in ${table} is part of a sentence and refers only to fields that exist`, () => {
    for (const [key, { note }] of Object.entries(fields)) {
      if (note === undefined) continue
      assert.match(note, /\S/, key)
      assert.doesNotMatch(note, /\.$|^\s|\s$|\n/, key)
      if (/^(?:the same )?as `/.test(note)) {
        const [, other = ''] = /^(?:the same )?as `(\w+)/.exec(note) ?? []
        assert.ok(Object.hasOwn(fields, other), `${key}: ${note}`)
      }
    }
  })

  for (const [key, field] of Object.entries(fields)) {
    const { treatment, plainOnly = false } = field
    // A value that requests an effect, whatever the field.
    const body = { [key]: 'something' }
    const ignoredBy = (isAgent: boolean) => ignoredFields(body, fields, isAgent)
    test(`${table}: ${key} is treated as ${treatment}`, () => {
      if (treatment === 'refused') {
        assert.throws(
          () => refuseFields(body, fields),
          (error: AppError) => {
            assert.deepEqual([error.code, error.details.field], ['invalid_request', key])
            assert.equal(error.message, `${key} ${field.note}`)
            return true
          },
        )
      } else {
        assert.doesNotThrow(() => refuseFields(body, fields))
      }
      const isIgnored = treatment === 'ignored'
      const hasEffect = field.requestsNothing?.('something', {}) !== true
      assert.deepEqual(ignoredBy(false), isIgnored ? [key] : [])
      assert.deepEqual(ignoredBy(true), isIgnored || (plainOnly && hasEffect) ? [key] : [])
    })
  }
}

test('the required fields of the schemas are exactly the expected ones', () => {
  for (const [, , shape, required] of tables) {
    const found = Object.entries(shape).flatMap(([key, schema]) => (schema.safeParse(null).success ? [] : [key]))
    assert.deepEqual(found.toSorted(), required.toSorted())
  }
})

test('a token count reads the same fields as a message, except those that concern the answer', () => {
  const answerFields = ['max_tokens', 'stream', 'stop_sequences', 'temperature', 'top_p', 'top_k', 'metadata']
  assert.deepEqual(
    Object.keys(MessagesRequest.shape).toSorted(),
    [...Object.keys(CountRequest.shape), ...answerFields].toSorted(),
  )
})

test('an unknown field is reported as ignored, under a name that is valid in a header', () => {
  for (const [, fields] of tables) {
    const body = { brand_new: 1, 'a\r\nb': 2, ключ: 3, constructor: 4, toString: 5, [`x${'y'.repeat(100)}`]: 6 }
    assert.deepEqual(ignoredFields(body, fields, false), ['brand_new', '(unknown)', 'constructor', 'toString'])
    assert.doesNotThrow(() => refuseFields(body, fields))
  }
})

test('a field that requests nothing is not reported as ignored', () => {
  for (const [, fields] of tables) {
    const body = { unknown_text: '', unknown_list: [], unknown_object: {}, unknown_null: null, unknown_gone: undefined }
    assert.deepEqual(
      ignoredFields(body, fields, false).filter((name) => name === 'unknown_null' || name === 'unknown_gone'),
      [],
    )
  }
  const usual = { temperature: 1, top_p: 1, context_management: {} }
  assert.deepEqual(ignoredFields(usual, messagesFields, false), [])
  const defaults = { temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, n: 1 }
  assert.deepEqual(ignoredFields(defaults, chatFields, false), [])
  assert.doesNotThrow(() => refuseFields(defaults, chatFields))
})
