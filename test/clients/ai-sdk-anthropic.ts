// Cases of the AI SDK suite: the provider for Anthropic.
import assert from 'node:assert/strict'
import { beforeEach, describe } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
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
import { extendedTest, test } from '../helpers/extended.ts'
import { step, type TestServer } from '../helpers/test-server.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')
const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5 }
const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const manyCalls = step({ tools: ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } })) })
const oneCall = step({ tool: 'get_weather', input: { city: 'Kyiv' } })
const toolPrompt = `${manyCalls}${oneCall}${step({ text: 'Good.', tokens: 2 })}`
const stopWhen = isStepCount(5)
const adaptive = { anthropic: { thinking: { type: 'adaptive' as const } } }

const getWeather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sun in ${city}`,
})

async function callError(answer: Promise<unknown>): Promise<APICallError> {
  const error = await answer.catch((thrown: unknown) => thrown)
  assert.ok(APICallError.isInstance(error), String(error))
  return error
}

export function testAnthropic(server: TestServer): void {
  const { upstream } = server
  const anthropic = createAnthropic({ baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' })
  const model = anthropic('claude-sonnet-5-5')

  /** Checks the last request of the loop: it has the calls and results of both rounds, with matching ids. */
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
    const sessions = [0, 1, 2].map((index) => requestAt(upstream, index).headers['x-claude-code-session-id'])
    assert.equal(new Set(sessions).size, 1)
  }

  describe('@ai-sdk/anthropic', () => {
    beforeEach(() => upstream.reset())

    test('generateText returns text, the finish reason and usage', async () => {
      const prompt = step({ text: 'Hello there.', usage })
      const result = await generateText({ model, instructions: 'You are a pirate.', prompt })
      assert.deepEqual([result.text, result.finishReason], ['Hello there.', 'stop'])
      const { inputTokens, outputTokens, totalTokens, inputTokenDetails } = result.usage
      assert.deepEqual([inputTokens, outputTokens, totalTokens], [17, 3, 20])
      assert.equal(inputTokenDetails.cacheReadTokens, 5)
      assert.match(String(result.response.id), /^msg_/)
      assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
      assert.deepEqual(conversationOf(sent(upstream)), [user(prompt)])
    })

    extendedTest('streamText returns the text as it arrives', async () => {
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

    extendedTest('generateText runs tools until the model answers', async () => {
      const result = await generateText({ model, tools: { get_weather: getWeather }, stopWhen, prompt: toolPrompt })
      const reasons = result.steps.map(({ finishReason }) => finishReason)
      assert.deepEqual([result.text, reasons], ['Good.', ['tool-calls', 'tool-calls', 'stop']])
      checkLoop(result.steps.flatMap(({ toolCalls }) => toolCalls))
    })

    test('streamText runs tools until the model answers', async () => {
      const result = streamText({ model, tools: { get_weather: getWeather }, stopWhen, prompt: toolPrompt })
      assert.equal(await result.text, 'Good.')
      const steps = await result.steps
      const reasons = steps.map(({ finishReason }) => finishReason)
      assert.deepEqual(reasons, ['tool-calls', 'tool-calls', 'stop'])
      checkLoop(steps.flatMap(({ toolCalls }) => toolCalls))
    })

    extendedTest('a tool that throws sends an error result to the model', async () => {
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
      const [outcome] = conversationOf(sent(upstream)).at(-1)?.content ?? []
      assert.ok(typeof outcome === 'object')
      assert.equal(outcome.is_error, true)
      assert.match(JSON.stringify(outcome.content), /no such city/)
    })

    for (const [mode, prompt] of [
      ['outputFormat', `Which city? ${step({ tool: 'StructuredOutput', input: rome })}`],
      ['jsonTool', `Which city? ${step({ tool: 'json', input: rome })}`],
    ] as const) {
      const providerOptions = { anthropic: { structuredOutputMode: mode } }
      const older = anthropic('claude-sonnet-4-5')

      extendedTest(`generateObject returns an object that matches its schema, with ${mode}`, async () => {
        const { object } = await generateObject({ model: older, schema: City, prompt, providerOptions })
        assert.deepEqual(object, rome)
      })

      extendedTest(`an output schema applies to whole and streamed text, with ${mode}`, async () => {
        const output = Output.object({ schema: City })
        assert.deepEqual((await generateText({ model: older, output, prompt, providerOptions })).output, rome)
        assert.deepEqual(await streamText({ model: older, output, prompt, providerOptions }).output, rome)
      })
    }

    extendedTest('generateObject works with its default mode', async () => {
      const prompt = `Which city? ${step({ tool: 'StructuredOutput', input: rome })}`
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

    test('thinking is returned beside the text, whole and streamed', async () => {
      const prompt = step({ thinking: 2, text: 'The answer.', tokens: 2 })
      const whole = await generateText({ model, prompt, providerOptions: adaptive })
      assert.deepEqual([whole.text, whole.reasoningText], ['The answer.', 'think0 think1 '])
      assert.equal(sent(upstream).thinking?.type, 'adaptive')
      const streamed = streamText({ model, prompt, providerOptions: adaptive })
      assert.deepEqual([await streamed.text, await streamed.reasoningText], ['The answer.', 'think0 think1 '])
      const without = await generateText({ model, prompt })
      assert.deepEqual([without.text, without.reasoningText], ['The answer.', undefined])
    })

    extendedTest('thinking may come in the form of updates', async () => {
      const prompt = step({ thinking: 2, text: 'The answer.' })
      const providerOptions = { anthropic: { thinking: { type: 'adaptive' as const, display: 'updates' as const } } }
      const result = await generateText({ model, prompt, providerOptions })
      assert.equal(result.text, 'The answer.')
    })

    extendedTest('a thinking budget reaches a model that takes one', async () => {
      const providerOptions = { anthropic: { thinking: { type: 'enabled' as const, budgetTokens: 2048 } } }
      const older = anthropic('claude-sonnet-4-5')
      await generateText({ model: older, prompt: 'hi', maxOutputTokens: 1000, providerOptions })
      const { type, budget_tokens } = sent(upstream).thinking ?? {}
      assert.deepEqual([type, budget_tokens], ['enabled', 2048])
    })

    extendedTest('a tool loop keeps its thinking', async () => {
      const prompt = `${step({ thinking: 1, tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Sun.' })}`
      const tools = { get_weather: getWeather }
      const result = await generateText({ model, tools, stopWhen, prompt, providerOptions: adaptive })
      assert.equal(result.text, 'Sun.')
      const [thought] = conversationOf(sent(upstream))[1]?.content ?? []
      assert.ok(typeof thought === 'object')
      assert.deepEqual([thought.type, thought.thinking], ['thinking', 'think0 '])
      assert.ok(thought.signature)
    })

    extendedTest('effort reaches the model', async () => {
      await generateText({ model, prompt: 'hi', providerOptions: { anthropic: { effort: 'low' } } })
      assert.equal(sent(upstream).output_config?.effort, 'low')
    })

    extendedTest('unsupported settings do not fail the request', async () => {
      const settings = { temperature: 0.3, topP: 0.9, topK: 5, seed: 7, presencePenalty: 0.5, maxRetries: 0 }
      for (const id of ['claude-sonnet-5-5', 'claude-sonnet-4-5', 'sonnet']) {
        const result = await generateText({ model: anthropic(id), ...settings, prompt: step({ text: 'Hello.' }) })
        assert.equal(result.text, 'Hello.')
      }
    })

    extendedTest('maxOutputTokens and stopSequences end an answer', async () => {
      const long = step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' })
      const cut = await generateText({ model, maxOutputTokens: 2, prompt: long })
      assert.deepEqual([cut.text, cut.finishReason], ['one two', 'length'])
      const ended = step({ text: 'one END two', tokens: 4 })
      const stopped = await generateText({ model, stopSequences: ['END'], prompt: ended })
      assert.deepEqual([stopped.text, stopped.finishReason], ['one ', 'stop'])
    })

    extendedTest('an abort in the middle of a stream stops the model', async () => {
      const controller = new AbortController()
      const result = streamText({ model, prompt: step({ tokens: 1000, gap: 20 }), abortSignal: controller.signal })
      for await (const part of result.fullStream) if (part.type === 'text-delta') controller.abort()
      await upstream.waitForAbort()
    })

    extendedTest('an unknown model is raised with its status and message', async () => {
      const error = await callError(generateText({ model: anthropic('gpt-unheard-of'), prompt: 'hi' }))
      assert.deepEqual([error.statusCode, error.isRetryable], [404, false])
      assert.match(error.message, /gpt-unheard-of/)
    })

    extendedTest("an error of the model's API is raised with its status and message", async () => {
      const prompt = step({ status: 529, message: 'the servers are busy', headers: { 'x-should-retry': 'false' } })
      const error = await callError(generateText({ model, prompt, maxRetries: 0 }))
      assert.equal(error.statusCode, 529)
      assert.match(error.message, /busy|overloaded/i)
      assert.equal(upstream.requests.length, 1)
    })

    extendedTest('a stream whose source breaks off is an error', async () => {
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
