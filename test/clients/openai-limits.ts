// Cases of the OpenAI suite: limits that end an answer early, reasoning effort, and parameters that cannot be honored.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  asMessage,
  choiceOf,
  contentOf,
  failureOf,
  finishOf,
  fromUser,
  model,
  readAll,
  type Subject,
  textOfChunks,
} from './openai-calls.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

export function testLimits({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { completions } = client.chat

  for (const [stop, text, wanted] of [
    ['END', 'one END two', 'one '],
    [['END', 'STOP'], 'one STOP two END', 'one '],
    ['END', 'E EN ENE END', 'E EN ENE '],
    ['END', 'nothing of the kind EN', 'nothing of the kind EN'],
    ['\n\n', 'a line\nanother\n\nmore', 'a line\nanother'],
  ] as const) {
    testIf(typeof stop !== 'string' || stop === '\n\n' || text.endsWith(' EN'))(
      `stop ${JSON.stringify(stop)} cuts ${JSON.stringify(text)}`,
      async () => {
        const messages = [fromUser(`Say. ${step({ text, tokens: text.length })}`)]
        const limits = { model, messages, stop: typeof stop === 'string' ? stop : [...stop] }
        const completion = await completions.create(limits)
        assert.equal(contentOf(completion), wanted)
        assert.equal(choiceOf(completion).finish_reason, 'stop')
        const chunks = await readAll(await completions.create({ ...limits, stream: true }))
        assert.equal(textOfChunks(chunks), wanted)
        assert.deepEqual(finishOf(chunks), ['stop'])
      },
    )
  }

  test('stop interrupts the model', async () => {
    const messages = [fromUser(step({ text: `one END ${'more '.repeat(1000)}`, tokens: 1000, gap: 20 }))]
    const aborted = upstream.waitForAbort()
    assert.equal(contentOf(await completions.create({ model, messages, stop: 'END' })), 'one ')
    await aborted
  })

  extendedTest('a conversation continues after a stop with the text that the client received', async () => {
    const prompt = `Say. ${step({ text: 'one END two', tokens: 4 })}`
    const first = await completions.create({ model, messages: [fromUser(prompt)], stop: 'END' })
    await completions.create({ model, messages: [fromUser(prompt), asMessage(first), fromUser('Go on.')] })
    const [question, answer, next] = conversationOf(sent(upstream))
    assert.deepEqual([question, next], [user(prompt), user('Go on.')])
    assert.equal(answer?.content.join('').trimEnd(), 'one')
  })

  for (const limit of ['max_tokens', 'max_completion_tokens'] as const) {
    testIf(limit === 'max_tokens')(
      `${limit} ends an answer with the reason length, and its text is sent only once`,
      async () => {
        const text = 'one two three four'
        const prompt = `Count. ${step({ text, tokens: 4, stop_reason: 'max_tokens' })}`
        const limits = { model, messages: [fromUser(prompt)], [limit]: 4 }
        const completion = await completions.create(limits)
        assert.equal(sent(upstream, 0).max_tokens, 4)
        assert.equal(contentOf(completion), text)
        assert.equal(choiceOf(completion).finish_reason, 'length')
        const chunks = await readAll(await completions.create({ ...limits, stream: true }))
        assert.equal(textOfChunks(chunks), text)
        assert.deepEqual(finishOf(chunks), ['length'])
        await completions.create({ model, messages: [fromUser(prompt), asMessage(completion), fromUser('Go on.')] })
        assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant(text), user('Go on.')])
      },
    )
  }

  extendedTest('a limit of one request does not apply to the next', async () => {
    await completions.create({ model, messages: [fromUser('hi')], max_completion_tokens: 7 })
    await completions.create({ model, messages: [fromUser('hi')] })
    const limits = upstream.requests.map(({ body }) => body?.max_tokens)
    assert.equal(limits[0], 7)
    assert.ok(Number(limits[1]) > 1000)
  })

  test('a refusal has the form that the vendor uses', async () => {
    const messages = [fromUser(step({ text: 'I will not.', stop_reason: 'refusal' }))]
    const { message, finish_reason } = choiceOf(await completions.create({ model, messages }))
    assert.equal(finish_reason, 'content_filter')
    assert.equal(message.refusal, 'I will not.')
  })

  for (const [effort, wanted] of [
    ['minimal', 'low'],
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'xhigh'],
  ] as const) {
    testIf(effort === 'xhigh')(`reasoning_effort ${effort} reaches the model`, async () => {
      await completions.create({ model, messages: [fromUser('hi')], reasoning_effort: effort })
      assert.equal(sent(upstream).output_config?.effort, wanted)
    })
  }

  test('reasoning_effort none keeps the model from thinking', async () => {
    await completions.create({ model, messages: [fromUser('hi')], reasoning_effort: 'none' })
    assert.equal(sent(upstream).thinking?.type ?? 'disabled', 'disabled')
    await completions.create({ model, messages: [fromUser('hi')] })
    assert.equal(sent(upstream).thinking?.type, 'adaptive')
  })

  const unsupported = { temperature: 0.2, seed: 7, logit_bias: { '50256': -100 } }

  test('parameters that cannot be honored are named in a header', async () => {
    const answer = completions.create({ model, messages: [fromUser('hi')], ...unsupported })
    const { data, response } = await answer.withResponse()
    assert.equal(choiceOf(data).finish_reason, 'stop')
    const ignored = response.headers.get('x-claude-serve-ignored')?.split(/, */).sort()
    assert.deepEqual(ignored, ['logit_bias', 'seed', 'temperature'])
  })

  extendedTest('parameters that cannot be honored are refused for a strict client', async () => {
    const headers = { 'x-claude-serve-strict': 'true' }
    for (const [param, value] of Object.entries(unsupported)) {
      const answer = completions.create({ model, messages: [fromUser('hi')], [param]: value }, { headers })
      const error = await failureOf(answer, OpenAI.BadRequestError)
      assert.equal(error.param, param)
      assert.equal(error.code, 'unsupported_parameter')
    }
    assert.equal(upstream.requests.length, 0)
  })

  extendedTest('default values that clients always send are not reported', async () => {
    const { response } = await completions
      .create({
        model,
        messages: [fromUser('hi')],
        temperature: 1,
        top_p: 1,
        presence_penalty: 0,
        frequency_penalty: 0,
        n: 1,
        user: 'someone',
        logprobs: false,
        store: false,
        service_tier: 'auto',
        prompt_cache_key: 'key',
        modalities: ['text'],
      })
      .withResponse()
    assert.equal(response.headers.get('x-claude-serve-ignored'), null)
  })
}
