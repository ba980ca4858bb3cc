// Cases of the AI SDK suite: the default of the provider for OpenAI, which uses the Responses API. By default the SDK
// relies on the server to store the conversation and only references it.
import assert from 'node:assert/strict'
import { beforeEach, describe } from 'node:test'
import { createOpenAI, type OpenAILanguageModelResponsesOptions } from '@ai-sdk/openai'
import {
  APICallError,
  generateObject,
  generateText,
  isStepCount,
  type ModelMessage,
  Output,
  streamText,
  tool,
} from 'ai'
import { z } from 'zod'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step, type TestServer } from '../helpers/test-server.ts'
import { thinkingBlock } from './openai-response-calls.ts'
import { assistant, conversationOf, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')
const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5 }
const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const answerRome = step({ tool: 'StructuredOutput', input: rome })
const manyCalls = ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } }))
const stopWhen = isStepCount(5)

const getWeather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sun in ${city}`,
})
const tools = { get_weather: getWeather }

type Options = OpenAILanguageModelResponsesOptions

/** Where a program may have its conversation stored; `thinks`: whether thinking is sent back. */
const ways: [what: string, options: Options, thinks: boolean][] = [
  // The SDK references messages, which includes their thinking, but sends calls in full.
  ['that the server stores', {}, false],
  ['that the client stores', { store: false }, false],
  ['that the server stores with its thinking', { forceReasoning: true, reasoningSummary: 'auto' }, true],
  ['that the client stores with its thinking', { forceReasoning: true, store: false }, true],
  [
    'that the client stores with thinking that it shows',
    { forceReasoning: true, reasoningSummary: 'detailed', store: false },
    true,
  ],
]

const promptOf = (what: string) =>
  [
    `${what} `,
    step({ thinking: 2, text: 'I will look.', tools: manyCalls }),
    step({ thinking: 1, tool: 'get_weather', input: { city: 'Kyiv' } }),
    step({ text: 'Good.', tokens: 2 }),
  ].join('')

/** The conversation of the whole loop, as the model must have received it before its last answer. */
function loopOf(prompt: string, calls: readonly { toolCallId: string; input: unknown }[], thinks: boolean) {
  assert.deepEqual(
    calls.map(({ input }) => input),
    [{ city: 'Rome' }, { city: 'Oslo' }, { city: 'Kyiv' }],
  )
  const [romeId = '', osloId = '', kyivId = ''] = calls.map(({ toolCallId }) => toolCallId)
  return [
    user(prompt),
    assistant(
      ...(thinks ? [thinkingBlock(2)] : []),
      'I will look.',
      toolUse(romeId, 'get_weather', { city: 'Rome' }),
      toolUse(osloId, 'get_weather', { city: 'Oslo' }),
    ),
    user(toolResult(romeId, 'sun in Rome'), toolResult(osloId, 'sun in Oslo')),
    assistant(...(thinks ? [thinkingBlock(1)] : []), toolUse(kyivId, 'get_weather', { city: 'Kyiv' })),
    user(toolResult(kyivId, 'sun in Kyiv')),
  ]
}

/** Without thinking, which a process that holds the conversation has in any case. */
const withoutThinking = (messages: ReturnType<typeof conversationOf>) =>
  messages.map(({ role, content }) => ({
    role,
    content: content.filter((block) => typeof block === 'string' || block.type !== 'thinking'),
  }))

const failureOf = (answer: PromiseLike<unknown>) =>
  Promise.resolve(answer).then(
    (value) => assert.fail(`no error but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )

export function testResponses(server: TestServer): void {
  const { upstream } = server
  const openai = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' })
  const model = openai('sonnet')

  describe("@ai-sdk/openai's default", () => {
    beforeEach(() => upstream.reset())

    for (const [what, one] of [
      ['by default', model],
      ['by name', openai.responses('sonnet')],
    ] as const) {
      testIf(one === model)(`the provider uses the Responses API ${what}`, async () => {
        const prompt = step({ text: 'Hello there.', usage })
        const result = await generateText({ model: one, instructions: 'You are a pirate.', prompt })
        assert.match(one.provider, /responses/)
        assert.deepEqual([result.text, result.finishReason], ['Hello there.', 'stop'])
        const { inputTokens, outputTokens, totalTokens, inputTokenDetails } = result.usage
        assert.deepEqual([inputTokens, outputTokens, totalTokens], [17, 3, 20])
        assert.equal(inputTokenDetails.cacheReadTokens, 5)
        assert.match(String(result.response.id), /^resp_/)
        assert.match(String(result.response.modelId), /sonnet/)
        assert.deepEqual(result.warnings, [])
        assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
        assert.deepEqual(conversationOf(sent(upstream)), [user(prompt)])
      })
    }

    extendedTest('streamText emits the text as it arrives', async () => {
      const result = streamText({ model, prompt: step({ text: 'one two three four', tokens: 4, usage }) })
      const words: string[] = []
      for await (const word of result.textStream) words.push(word)
      assert.equal(words.join(''), 'one two three four')
      assert.equal(words.length, 4)
      assert.equal(await result.finishReason, 'stop')
      assert.equal((await result.usage).totalTokens, 20)
      assert.match((await result.response).id, /^resp_/)
    })

    extendedTest('messages reach the model with their roles', async () => {
      const messages: ModelMessage[] = [
        { role: 'user', content: 'My name is Anna.' },
        { role: 'assistant', content: 'Ahoy, Anna.' },
        { role: 'user', content: 'Who am I?' },
      ]
      await generateText({ model, messages })
      const wanted = [user('My name is Anna.'), assistant('Ahoy, Anna.'), user('Who am I?')]
      assert.deepEqual(conversationOf(sent(upstream)), wanted)
    })

    for (const [what, options, thinks] of ways) {
      const providerOptions = { openai: options }
      const isPromise = what === 'that the server stores' || what.endsWith('client stores with its thinking')

      testIf(isPromise)(`generateText runs tools to the end of a conversation ${what}`, async () => {
        const prompt = promptOf(`whole, ${what}`)
        const include = { requestBody: true }
        const result = await generateText({ model, tools, stopWhen, prompt, providerOptions, include })
        assert.equal(result.text, 'Good.')
        assert.deepEqual(
          result.steps.map(({ finishReason }) => finishReason),
          ['tool-calls', 'tool-calls', 'stop'],
        )
        const calls = result.steps.flatMap(({ toolCalls }) => toolCalls)
        assert.equal(upstream.requests.length, 3)
        const conversation = conversationOf(sent(upstream))
        assert.deepEqual(thinks ? conversation : withoutThinking(conversation), loopOf(prompt, calls, thinks))
        assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
        const [first, second] = result.steps
        const isShown = options.reasoningSummary !== undefined
        assert.equal(first?.reasoningText ?? '', isShown ? 'think0 think1 ' : '')
        // Only conversations that the server stores are referenced.
        const isReferenced = JSON.stringify(second?.request.body).includes('item_reference')
        assert.equal(isReferenced, options.store !== false)
        assert.deepEqual(result.warnings, [])
      })

      extendedTest(`streamText runs tools, and the conversation ${what} continues in another process`, async () => {
        const prompt = promptOf(`streamed, ${what}`)
        const result = streamText({ model, tools, stopWhen, prompt, providerOptions })
        assert.equal(await result.text, 'Good.')
        const steps = await result.steps
        const calls = steps.flatMap(({ toolCalls }) => toolCalls)
        const messages: ModelMessage[] = [
          { role: 'user', content: prompt },
          ...steps.flatMap(({ response }) => response.messages),
          { role: 'user', content: 'Thanks.' },
        ]
        await generateText({ model: openai('haiku'), tools, messages, providerOptions })
        const conversation = conversationOf(sent(upstream))
        assert.deepEqual(thinks ? conversation : withoutThinking(conversation), [
          ...loopOf(prompt, calls, thinks),
          assistant('Good.'),
          user('Thanks.'),
        ])
      })
    }

    test('thinking is shown as it arrives', async () => {
      const providerOptions = { openai: { forceReasoning: true, reasoningSummary: 'auto', reasoningEffort: 'high' } }
      const result = streamText({ model, prompt: step({ thinking: 3, text: 'Hm.', tokens: 1 }), providerOptions })
      const thoughts: string[] = []
      for await (const part of result.fullStream) if (part.type === 'reasoning-delta') thoughts.push(part.text)
      assert.deepEqual(thoughts, ['think0 ', 'think1 ', 'think2 '])
      assert.equal(await result.text, 'Hm.')
      assert.equal(await result.reasoningText, 'think0 think1 think2 ')
    })

    test('a conversation continues from the previous response', async () => {
      const prompt = `one ${step({ text: 'Polly one.' })}`
      const first = await generateText({ model, prompt })
      const previousResponseId = first.response.id
      await generateText({ model, prompt: 'two', providerOptions: { openai: { previousResponseId } } })
      assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Polly one.'), user('two')])
    })

    extendedTest('references to a deleted response raise an error', async () => {
      const prompt = `one ${step({ text: 'Polly one.' })}`
      const first = await generateText({ model, prompt })
      const headers = { authorization: 'Bearer sk-dummy' }
      const deleted = await fetch(`${server.url}/v1/responses/${first.response.id}`, { method: 'DELETE', headers })
      assert.equal(deleted.status, 200)
      const messages: ModelMessage[] = [
        { role: 'user', content: prompt },
        ...first.response.messages,
        { role: 'user', content: 'two' },
      ]
      const error = await failureOf(generateText({ model, messages }))
      assert.ok(APICallError.isInstance(error), String(error))
      assert.deepEqual([error.statusCode, error.isRetryable], [400, false])
      assert.equal(upstream.requests.length, 1)
    })

    extendedTest('the error of a tool that throws reaches the model', async () => {
      const fails = tool({
        description: 'Fails.',
        inputSchema: z.object({}),
        execute: async (): Promise<string> => {
          throw new Error('no such city')
        },
      })
      const prompt = `${step({ tool: 'get_weather' })}${step({ text: 'I see.' })}`
      const result = await generateText({ model, tools: { get_weather: fails }, stopWhen, prompt })
      assert.equal(result.text, 'I see.')
      const last = conversationOf(sent(upstream)).at(-1)
      assert.match(JSON.stringify(last), /tool_result.*no such city/)
    })

    extendedTest('a forced tool is called', async () => {
      const prompt = step({ tool: 'get_weather', input: { city: 'Rome' } })
      const other = tool({ description: 'Another.', inputSchema: z.object({}), execute: async () => 'nothing' })
      const toolChoice = { type: 'tool', toolName: 'get_weather' } as const
      const result = await generateText({ model, tools: { ...tools, other }, toolChoice, prompt })
      assert.deepEqual(
        result.toolCalls.map(({ toolName, input }) => [toolName, input]),
        [['get_weather', { city: 'Rome' }]],
      )
      assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
    })

    extendedTest('a tool that OpenAI runs is left out without failing the request', async () => {
      const hosted = { ...tools, web_search: openai.tools.webSearch() }
      const result = await generateText({ model, tools: hosted, prompt: step({ text: 'Hello.' }) })
      assert.equal(result.text, 'Hello.')
      assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
    })

    extendedTest('an output schema is honored in text, in a stream and as an object', async () => {
      const output = Output.object({ schema: City })
      const prompt = `Which city? ${answerRome}`
      assert.deepEqual((await generateText({ model, output, prompt })).output, rome)
      assert.deepEqual(await streamText({ model, output, prompt }).output, rome)
      assert.deepEqual((await generateObject({ model, schema: City, prompt })).object, rome)
    })

    extendedTest('images and documents arrive byte for byte', async () => {
      const content = [
        { type: 'text' as const, text: 'Look.' },
        { type: 'file' as const, data: png, mediaType: 'image/png' },
        { type: 'file' as const, data: pdf, mediaType: 'application/pdf', filename: 'report.pdf' },
      ]
      await generateText({ model, messages: [{ role: 'user', content }] })
      const source = (media_type: string, data: string) => ({ type: 'base64', media_type, data })
      assert.deepEqual(conversationOf(sent(upstream)), [
        user(
          'Look.',
          { type: 'image', source: source('image/png', png) },
          { type: 'document', source: source('application/pdf', pdf), title: 'report.pdf' },
        ),
      ])
    })

    extendedTest('settings without effect do not fail the request', async () => {
      const settings = { temperature: 0.3, topP: 0.9, maxRetries: 0 }
      const providerOptions = { openai: { user: 'somebody', maxToolCalls: 3, serviceTier: 'flex', truncation: 'auto' } }
      const result = await generateText({ model, ...settings, providerOptions, prompt: step({ text: 'Hello.' }) })
      assert.equal(result.text, 'Hello.')
    })

    extendedTest('maxOutputTokens ends an answer, whole and streamed', async () => {
      const params = {
        model,
        maxOutputTokens: 16,
        prompt: step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' }),
      }
      const cut = await generateText(params)
      assert.deepEqual([cut.text, cut.finishReason], ['one two', 'length'])
      const streamed = streamText(params)
      assert.deepEqual([await streamed.text, await streamed.finishReason], ['one two', 'length'])
      assert.equal(sent(upstream).max_tokens, 16)
    })

    extendedTest('an abort in the middle of a stream stops the model', async () => {
      const controller = new AbortController()
      const prompt = step({ tokens: 1000, gap: 20 })
      const result = streamText({ model, prompt, abortSignal: controller.signal })
      for await (const part of result.fullStream) if (part.type === 'text-delta') controller.abort()
      await upstream.waitForAbort()
    })

    extendedTest('an unknown model is raised with its status and message', async () => {
      const error = await failureOf(generateText({ model: openai('gpt-unheard-of'), prompt: 'hi' }))
      assert.ok(APICallError.isInstance(error), String(error))
      assert.deepEqual([error.statusCode, error.isRetryable], [404, false])
      assert.match(error.message, /gpt-unheard-of/)
    })

    extendedTest("an error of the model's API is raised with its status and message", async () => {
      const message = 'the servers are busy'
      const prompt = step({ status: 529, message, headers: { 'x-should-retry': 'false' } })
      const error = await failureOf(generateText({ model, prompt, maxRetries: 0 }))
      assert.ok(APICallError.isInstance(error), String(error))
      assert.equal(error.statusCode, 503)
      assert.match(error.message, /busy|overloaded/i)
      assert.equal(upstream.requests.length, 1)
    })

    extendedTest('a stream whose source breaks off raises an error', async () => {
      const errors: unknown[] = []
      const onError = ({ error }: { error: unknown }) => void errors.push(error)
      const result = streamText({ model, prompt: step({ tokens: 10, gap: 50, cut: 3 }), maxRetries: 0, onError })
      const types: string[] = []
      for await (const part of result.fullStream) types.push(part.type)
      assert.ok(types.includes('text-delta'))
      assert.ok(types.includes('error'))
      assert.match(JSON.stringify(errors), /broke in the middle/)
    })

    extendedTest('an agent model answers in a stream', async () => {
      const input = { command: 'echo hello', description: 'says hello' }
      const prompt = `${step({ text: 'I will look.', tool: 'Bash', input })}${step({ text: 'Done.' })}`
      const result = streamText({ model: openai('agent/sonnet'), prompt })
      assert.equal(await result.text, 'I will look.\n\nDone.')
      assert.deepEqual([await result.finishReason, (await result.steps).length], ['stop', 1])
    })
  })
}
