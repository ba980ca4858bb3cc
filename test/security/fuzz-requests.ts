// Hostile bodies for every request schema, generated from the schema itself: whatever they contain, each is answered, or refused in the
// error format of its API; never an internal error, never a hang, and what is accepted reaches the agent. fuzz.test.ts sends the same
// bodies each time, fuzz.extended.ts sends others each time.
//
// Every body is checked against its schema and translated; a part of them goes all the way through the HTTP application.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { z } from 'zod'
import { checkToolSchemas } from '../../src/compat/client-tools.ts'
import { checkAnswerSchema } from '../../src/compat/json-schema-checks.ts'
import { resolveModel } from '../../src/compat/models.ts'
import { parseBody } from '../../src/http/validate.ts'
import { CountRequest, MessagesRequest } from '../../src/surfaces/anthropic/schemas.ts'
import { PermissionAnswer, QuestionAnswer } from '../../src/surfaces/native/run-schemas.ts'
import { ChatRequest as NativeRequest } from '../../src/surfaces/native/schemas.ts'
import { SessionFork, SessionPatch } from '../../src/surfaces/native/session-schemas.ts'
import { GenerateRequest, ChatRequest as OllamaRequest, ShowRequest } from '../../src/surfaces/ollama/schemas.ts'
import { ChatRequest as OpenaiRequest } from '../../src/surfaces/openai/chat/schemas.ts'
import { openResponse } from '../../src/surfaces/openai/responses/reply.ts'
import { Response } from '../../src/surfaces/openai/responses/reply-schemas.ts'
import { checkResponse, toResponseRun } from '../../src/surfaces/openai/responses/request.ts'
import { ResponseRequest } from '../../src/surfaces/openai/responses/schemas.ts'
import { testSealer } from '../helpers/inject-app.ts'
import { bodiesOf, oddBodies, payloads } from './fuzz-bodies.ts'
import {
  type Read,
  readCount,
  readGenerate,
  readMessages,
  readNative,
  readOllama,
  readOnly,
  readOpenai,
  understood,
} from './fuzz-read.ts'
import { question, type Send, sendAnswers, sendToAgent, sendToSession } from './fuzz-send.ts'
import { anthropic, models, native, ollama, openai, type Surface } from './surfaces.ts'

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 300_000 }

const prompts = fc.constantFrom<unknown>('hi', [{ type: 'text', text: 'hi' }])
const nativeBodies = fc.oneof(bodiesOf(NativeRequest), bodiesOf(NativeRequest, { prompt: prompts }))

/** Consistent conversations, which chance rarely produces. */
const talks = [
  [{ role: 'user', content: 'hi' }],
  [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'hi' }] },
  ],
]
const openaiCalls = [
  { role: 'user', content: 'hi' },
  { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] },
  { role: 'tool', tool_call_id: 'a', content: 'r' },
]
const anthropicCalls = [
  { role: 'user', content: 'hi' },
  { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { a: 1 } }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'r' }] }] },
]

/** Half of the bodies have messages generated from the schema alone. */
const withMessages = (schema: z.ZodObject, calls: unknown) => {
  const messages = fc.constantFrom<unknown>(...talks, calls)
  return fc.oneof(bodiesOf(schema), bodiesOf(schema, { messages }))
}

const responseItems = [
  [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
  [
    { type: 'message', role: 'developer', content: 'Be kind.' },
    { type: 'message', role: 'user', content: 'hi' },
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'cs1.W10' },
    { type: 'function_call', call_id: 'a', name: 'f', namespace: 'n', arguments: '{"a":1}' },
    { type: 'custom_tool_call', call_id: 'b', name: 'g', input: 'x' },
    { type: 'function_call_output', call_id: 'a', output: 'r' },
    { type: 'custom_tool_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'r' }] },
  ],
  [
    { type: 'web_search_call', id: 'ws_1' },
    { role: 'user', content: 'hi' },
  ],
]
const aFunction = { type: 'function', name: 'f', parameters: { type: 'object' } }
const responseTools = [
  [aFunction],
  [{ type: 'custom', name: 'g', format: { type: 'text' } }, { type: 'web_search' }],
  [aFunction, { type: 'namespace', name: 'n', tools: [aFunction, { type: 'custom', name: 'g' }] }],
]

/** In Ollama's API content is a text, and calls have arguments as objects, and rarely ids. */
const ollamaMessages = fc.constantFrom<unknown>(
  [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'hi' },
  ],
  [
    { role: 'user', content: 'hi', images: [] },
    { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] },
    { role: 'tool', content: 'r', tool_name: 'f' },
  ],
)
const ollamaBodies = fc.oneof(bodiesOf(OllamaRequest), bodiesOf(OllamaRequest, { messages: ollamaMessages }))
const generateBodies = bodiesOf(GenerateRequest, { images: fc.constantFrom<unknown>(null, []) })

/** What the schema leaves to the schemas of items and tools, and what would need a store. */
const knownInResponses = {
  tools: fc.constantFrom<unknown>(...responseTools),
  tool_choice: fc.constantFrom<unknown>('auto', 'none', { type: 'allowed_tools', mode: 'auto', tools: [] }),
  previous_response_id: fc.constantFrom<unknown>(null, null, `resp_${'0'.repeat(32)}`),
  conversation: fc.constantFrom<unknown>(null, '', {}),
  prompt: fc.constantFrom<unknown>(null, {}),
}
const inputs = fc.constantFrom<unknown>('hi', ...responseItems)
const responseBodies = fc
  .tuple(bodiesOf(ResponseRequest, knownInResponses), inputs, fc.boolean())
  .map(([body, input, isInputLast]) => (isInputLast ? { ...body, input } : { input, ...body }))

const responses: Surface = {
  ...openai,
  path: '/v1/responses',
  isEnd: ({ event }) => event === 'response.completed' || event === 'response.incomplete',
}

const facts = await models()

/** References to stored things are read as if they referred to nothing. */
const readResponses: Read = async (body) => {
  const parsed = parseBody(ResponseRequest, body)
  checkResponse(parsed)
  const { input } = parsed
  const items = typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : (input ?? [])
  const placed = items.map((item, index) => ({ item, param: `input[${index}]` }))
  const { run, plan, tools } = toResponseRun(parsed, resolveModel(parsed.model, facts, {}), placed, testSealer)
  await checkAnswerSchema(run.options.jsonSchema, 'schema')
  await checkToolSchemas(tools)
  assert.ok(run.prompt.length > 0)
  JSON.stringify([run.prompt, run.session])
  // Whatever was requested, the reply that repeats it fits its own schema.
  const reply = openResponse(plan, { runId: `run_${'0'.repeat(32)}`, createdAtMs: 0 }, 'queued')
  Response.parse(JSON.parse(JSON.stringify(reply)))
}

const colors = fc.constantFrom<unknown>({ [question]: 'red' }, { [question]: ['red', 'blue'] }, { other: 'red' }, {})
const titles = { title: fc.constantFrom<unknown>('a title', '🦉', 'x'.repeat(200)) }

type Target = {
  what: string
  bodies: fc.Arbitrary<Record<string, unknown>>
  /** Null if another route covers it. */
  read: Read | null
  open(t: TestContext): Promise<Send>
}

const targets: Target[] = [
  {
    what: 'POST /v1/chat',
    bodies: nativeBodies,
    read: readNative,
    open: (t) => sendToAgent(t, '/v1/chat', native),
  },
  {
    what: 'POST /v1/chat/stream',
    bodies: nativeBodies,
    read: null,
    open: (t) => sendToAgent(t, '/v1/chat/stream', native),
  },
  {
    what: 'POST /v1/chat/completions',
    bodies: withMessages(OpenaiRequest, openaiCalls),
    read: readOpenai,
    open: (t) => sendToAgent(t, openai.path, openai),
  },
  {
    what: 'POST /v1/responses',
    bodies: responseBodies,
    read: readResponses,
    open: (t) => sendToAgent(t, responses.path, responses),
  },
  {
    what: 'POST /v1/responses/input_tokens',
    bodies: responseBodies,
    read: null,
    open: (t) => sendToAgent(t, '/v1/responses/input_tokens', responses, true),
  },
  {
    what: 'POST /v1/messages',
    bodies: withMessages(MessagesRequest, anthropicCalls),
    read: readMessages,
    open: (t) => sendToAgent(t, anthropic.path, anthropic),
  },
  {
    what: 'POST /v1/messages/count_tokens',
    bodies: withMessages(CountRequest, anthropicCalls),
    read: readCount,
    open: (t) => sendToAgent(t, '/v1/messages/count_tokens', anthropic, true),
  },
  {
    what: 'POST /api/chat',
    bodies: ollamaBodies,
    read: readOllama,
    open: (t) => sendToAgent(t, ollama.path, ollama),
  },
  {
    what: 'POST /api/generate',
    bodies: generateBodies,
    read: readGenerate,
    open: (t) => sendToAgent(t, '/api/generate', ollama),
  },
  {
    what: 'POST /api/show',
    bodies: bodiesOf(ShowRequest),
    read: readOnly(ShowRequest),
    open: (t) => sendToAgent(t, '/api/show', ollama, true),
  },
  {
    what: 'POST /v1/runs/{id}/permissions/{id}',
    bodies: bodiesOf(PermissionAnswer),
    read: readOnly(PermissionAnswer),
    open: (t) => sendAnswers(t, 'permissions'),
  },
  {
    what: 'POST /v1/runs/{id}/answers/{id}',
    bodies: bodiesOf(QuestionAnswer, { answers: colors }),
    read: readOnly(QuestionAnswer),
    open: (t) => sendAnswers(t, 'answers'),
  },
  {
    what: 'PATCH /v1/sessions/{id}',
    bodies: bodiesOf(SessionPatch, titles),
    read: readOnly(SessionPatch),
    open: (t) => sendToSession(t, 'PATCH', '', /^rename /),
  },
  {
    what: 'POST /v1/sessions/{id}/fork',
    bodies: bodiesOf(SessionFork, titles),
    read: readOnly(SessionFork),
    open: (t) => sendToSession(t, 'POST', '/fork', /^fork /),
  },
]

/** `seed` selects the bodies, `numRuns` says how many there are for each schema, `httpRuns` how many go by HTTP. */
export type Selection = { seed: number; numRuns: number; httpRuns: number }

/** Each body is answered or refused. */
export function testOddBodies({ seed, numRuns, httpRuns }: Selection): void {
  const check = <T>(arbitrary: fc.Arbitrary<T>, count: number, act: (value: T) => Promise<void>) =>
    fc.assert(fc.asyncProperty(arbitrary, act), { seed, numRuns: count })

  for (const { what, bodies, read, open } of targets) {
    test(`E07 ${httpRuns} odd requests of ${what} are answered or refused (FUZZ_SEED=${seed})`, hang, async (t) => {
      await check(payloads(bodies), httpRuns, await open(t))
    })

    if (read === null) continue

    test(`E07 ${numRuns} odd bodies of ${what} are understood or refused (FUZZ_SEED=${seed})`, hang, async () => {
      // As if received by HTTP.
      await check(oddBodies(bodies), numRuns, (body) => understood(read, JSON.parse(JSON.stringify(body) ?? 'null')))
    })
  }
}

/** The bodies test what they should: mistakes in good bodies, not noise. */
export function testGoodBodies(seed: number): void {
  for (const { what, bodies, read } of targets) {
    if (read === null) continue

    test(`E07 many bodies of ${what} are good before they are changed`, async () => {
      let good = 0
      for (const body of fc.sample(bodies, { numRuns: 100, seed })) {
        const isGood = await read(body).then(
          () => true,
          () => false,
        )
        if (isGood) good++
      }
      assert.ok(good > 20, `${good} of 100`)
    })
  }
}
