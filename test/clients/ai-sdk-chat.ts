// Cases of the AI SDK suite: the two providers for chat completions. The tests with OpenAI's own client cover what the
// server answers; these show that the AI SDK understands it.
import assert from 'node:assert/strict'
import { beforeEach, describe } from 'node:test'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
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
import { assistant, conversationOf, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')
const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5 }
const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const answerRome = step({ tool: 'StructuredOutput', input: rome })
const manyCalls = step({ tools: ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } })) })
const toolPrompt = `${manyCalls}${step({ tool: 'get_weather', input: { city: 'Kyiv' } })}${step({ text: 'Good.', tokens: 2 })}`
const stopWhen = isStepCount(5)

const getWeather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sun in ${city}`,
})

export function testChat(server: TestServer): void {
  const { upstream } = server
  const connection = { baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' }
  const openai = createOpenAI(connection)
  const compatible = createOpenAICompatible({
    ...connection,
    name: 'claude-serve',
    includeUsage: true,
    supportsStructuredOutputs: true,
  })

  /** Checks the last request of the loop to the model: the calls and results of both rounds, with matching ids. */
  function checkLoop(calls: readonly { toolCallId: string; input: unknown }[]): void {
    assert.deepEqual(
      calls.map(({ input }) => input),
      [{ city: 'Rome' }, { city: 'Oslo' }, { city: 'Kyiv' }],
    )
    const [romeId = '', osloId = '', kyivId = ''] = calls.map(({ toolCallId }) => toolCallId)
    assert.equal(upstream.requests.length, 3)
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(toolPrompt),
      assistant(toolUse(romeId, 'get_weather', { city: 'Rome' }), toolUse(osloId, 'get_weather', { city: 'Oslo' })),
      user(toolResult(romeId, 'sun in Rome'), toolResult(osloId, 'sun in Oslo')),
      assistant(toolUse(kyivId, 'get_weather', { city: 'Kyiv' })),
      user(toolResult(kyivId, 'sun in Kyiv')),
    ])
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  }

  for (const [name, model, unknownModel] of [
    ['@ai-sdk/openai', openai.chat('sonnet'), openai.chat('gpt-unheard-of')],
    ['@ai-sdk/openai-compatible', compatible('sonnet'), compatible('gpt-unheard-of')],
  ] as const) {
    // The other provider sends nearly the same requests.
    const isMain = name === '@ai-sdk/openai'

    describe(name, () => {
      beforeEach(() => upstream.reset())

      test('generateText returns text, finish reason and usage', async () => {
        const prompt = step({ text: 'Hello there.', usage })
        const result = await generateText({ model, instructions: 'You are a pirate.', prompt })
        assert.equal(result.text, 'Hello there.')
        assert.equal(result.finishReason, 'stop')
        const { inputTokens, outputTokens, totalTokens, inputTokenDetails } = result.usage
        assert.deepEqual([inputTokens, outputTokens, totalTokens], [17, 3, 20])
        assert.equal(inputTokenDetails.cacheReadTokens, 5)
        assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
        assert.deepEqual(conversationOf(sent(upstream)), [user(prompt)])
      })

      testIf(isMain)('streamText emits the text as it arrives', async () => {
        const result = streamText({ model, prompt: step({ text: 'one two three four', tokens: 4, usage }) })
        const words: string[] = []
        for await (const word of result.textStream) words.push(word)
        assert.equal(words.join(''), 'one two three four')
        assert.ok(words.length > 1)
        assert.equal(await result.finishReason, 'stop')
        assert.equal((await result.usage).totalTokens, 20)
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

      testIf(isMain)('generateText runs tools until the model answers', async () => {
        const result = await generateText({ model, tools: { get_weather: getWeather }, stopWhen, prompt: toolPrompt })
        assert.equal(result.text, 'Good.')
        assert.deepEqual(
          result.steps.map(({ finishReason }) => finishReason),
          ['tool-calls', 'tool-calls', 'stop'],
        )
        checkLoop(result.steps.flatMap(({ toolCalls }) => toolCalls))
      })

      testIf(isMain)('streamText runs tools until the model answers', async () => {
        const result = streamText({ model, tools: { get_weather: getWeather }, stopWhen, prompt: toolPrompt })
        assert.equal(await result.text, 'Good.')
        const steps = await result.steps
        assert.deepEqual(
          steps.map(({ finishReason }) => finishReason),
          ['tool-calls', 'tool-calls', 'stop'],
        )
        checkLoop(steps.flatMap(({ toolCalls }) => toolCalls))
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

      testIf(isMain)('a conversation continues after a tool loop', async () => {
        const tools = { get_weather: getWeather }
        const prompt = `${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Sun.' })}`
        const first = await generateText({ model, tools, stopWhen, prompt })
        const messages: ModelMessage[] = [
          { role: 'user', content: prompt },
          ...first.steps.flatMap(({ response }) => response.messages),
          { role: 'user', content: 'Thanks.' },
        ]
        await generateText({ model, tools, messages })
        const [call] = first.steps[0]?.toolCalls ?? []
        assert.ok(call)
        assert.deepEqual(conversationOf(sent(upstream)), [
          user(prompt),
          assistant(toolUse(call.toolCallId, 'get_weather', { city: 'Rome' })),
          user(toolResult(call.toolCallId, 'sun in Rome')),
          assistant('Sun.'),
          user('Thanks.'),
        ])
      })

      extendedTest('generateObject returns an object that fits its schema', async () => {
        const { object } = await generateObject({ model, schema: City, prompt: `Which city? ${answerRome}` })
        assert.deepEqual(object, rome)
      })

      extendedTest('an output schema is honored whole and streamed', async () => {
        const output = Output.object({ schema: City })
        const prompt = `Which city? ${answerRome}`
        assert.deepEqual((await generateText({ model, output, prompt })).output, rome)
        assert.deepEqual(await streamText({ model, output, prompt }).output, rome)
      })

      testIf(isMain)('images and documents arrive byte for byte', async () => {
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
        const settings = { temperature: 0.3, topP: 0.9, seed: 7, presencePenalty: 0.5, maxRetries: 0 }
        const result = await generateText({ model, ...settings, prompt: step({ text: 'Hello.' }) })
        assert.equal(result.text, 'Hello.')
      })

      extendedTest('maxOutputTokens and stopSequences end an answer', async () => {
        const long = step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' })
        const cut = await generateText({ model, maxOutputTokens: 2, prompt: long })
        assert.deepEqual([cut.text, cut.finishReason], ['one two', 'length'])
        const ended = step({ text: 'one END two', tokens: 4 })
        const stopped = await generateText({ model, stopSequences: ['END'], prompt: ended })
        assert.deepEqual([stopped.text, stopped.finishReason], ['one ', 'stop'])
      })

      testIf(isMain)('an abort in the middle of a stream stops the model', async () => {
        const controller = new AbortController()
        const prompt = step({ tokens: 1000, gap: 20 })
        const result = streamText({ model, prompt, abortSignal: controller.signal })
        for await (const part of result.fullStream) if (part.type === 'text-delta') controller.abort()
        await upstream.waitForAbort()
      })

      extendedTest('an unknown model is raised with its status and message', async () => {
        const error = await generateText({ model: unknownModel, prompt: 'hi' }).catch((thrown: unknown) => thrown)
        assert.ok(APICallError.isInstance(error), String(error))
        assert.equal(error.statusCode, 404)
        assert.equal(error.isRetryable, false)
        assert.match(error.message, /gpt-unheard-of/)
      })

      testIf(isMain)("an error of the model's API is raised with its status and message", async () => {
        const message = 'the servers are busy'
        const prompt = step({ status: 529, message, headers: { 'x-should-retry': 'false' } })
        const answer = generateText({ model, prompt, maxRetries: 0 })
        const error = await answer.catch((thrown: unknown) => thrown)
        assert.ok(APICallError.isInstance(error), String(error))
        assert.equal(error.statusCode, 503)
        assert.match(error.message, /busy|overloaded/i)
        assert.equal(upstream.requests.length, 1)
      })

      testIf(isMain)('a stream whose source breaks off raises an error', async () => {
        const errors: unknown[] = []
        const onError = ({ error }: { error: unknown }) => void errors.push(error)
        const result = streamText({ model, prompt: step({ tokens: 10, gap: 50, cut: 3 }), maxRetries: 0, onError })
        const types: string[] = []
        for await (const part of result.fullStream) types.push(part.type)
        assert.ok(types.includes('text-delta'))
        assert.ok(types.includes('error'))
        assert.equal(errors.length, 1)
      })
    })
  }
}
