// Cases of the OpenAI suite: a plain answer, whole and streamed, and the system prompt.
import assert from 'node:assert/strict'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  asMessage,
  choiceOf,
  contentOf,
  failureOf,
  finishOf,
  fromUser,
  type Message,
  model,
  readAll,
  type Subject,
  textOfChunks,
} from './openai-calls.ts'
import { assistant, conversationOf, sent, systemOf, toolNames, user } from './sent.ts'

const scriptedUsage = {
  input_tokens: 12,
  output_tokens: 3,
  cache_read_input_tokens: 5,
  cache_creation_input_tokens: 2,
}

const usage = { prompt_tokens: 19, completion_tokens: 3, total_tokens: 22 }

export function testText({ client, server, OpenAI, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test, testIf } = testsIf(!isFormer)
  const { upstream } = server
  const { completions } = client.chat

  clientTest('an answer is one chat completion', async () => {
    const before = Math.floor(Date.now() / 1000)
    const messages = [fromUser(step({ text: 'Hello there.', usage: scriptedUsage }))]
    const completion = await completions.create({ model, messages })
    assert.match(completion.id, /^chatcmpl-\w+$/)
    assert.equal(completion.object, 'chat.completion')
    assert.ok(completion.created >= before && completion.created <= Date.now() / 1000)
    assert.equal(completion.model, sent(upstream).model)
    const { message, finish_reason, index, logprobs } = choiceOf(completion)
    assert.deepEqual({ finish_reason, index, logprobs }, { finish_reason: 'stop', index: 0, logprobs: null })
    assert.deepEqual([message.role, message.content, message.refusal], ['assistant', 'Hello there.', null])
    assert.equal(message.tool_calls, undefined)
  })

  clientTest('usage counts tokens read from and written to the cache', async () => {
    const messages = [fromUser(step({ text: 'Hello.', usage: scriptedUsage }))]
    const completion = await completions.create({ model, messages })
    const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = completion.usage ?? {}
    assert.deepEqual({ prompt_tokens, completion_tokens, total_tokens }, usage)
    assert.equal(prompt_tokens_details?.cached_tokens, 5)
  })

  clientTest('a stream contains the role, the text as it arrives, and one finish reason', async () => {
    const messages = [fromUser(step({ text: 'one two three four', tokens: 4 }))]
    const chunks = await readAll(await completions.create({ model, messages, stream: true }))
    const [first] = chunks
    assert.ok(first)
    assert.match(first.id, /^chatcmpl-\w+$/)
    assert.equal(first.model, sent(upstream).model)
    for (const { id, created, model, object, choices } of chunks) {
      assert.deepEqual([id, created, model], [first.id, first.created, first.model])
      assert.equal(object, 'chat.completion.chunk')
      assert.deepEqual(
        choices.map(({ index }) => index),
        [0],
      )
    }
    const roles = chunks.map(({ choices }) => choices[0]?.delta.role)
    assert.deepEqual(roles, ['assistant', ...roles.slice(1).map(() => undefined)])
    const words = chunks.flatMap(({ choices }) => choices[0]?.delta.content || [])
    assert.ok(words.length > 1)
    assert.equal(words.join(''), 'one two three four')
    assert.deepEqual(finishOf(chunks), ['stop'])
    assert.deepEqual(chunks.at(-1)?.choices[0]?.delta, {})
  })

  clientTest('include_usage adds one chunk with the usage at the end of a stream', async () => {
    const messages = [fromUser(step({ text: 'Hello.', usage: scriptedUsage }))]
    const options = { stream: true, stream_options: { include_usage: true } } as const
    const chunks = await readAll(await completions.create({ model, messages, ...options }))
    const withUsage = chunks.filter((chunk) => chunk.usage)
    assert.deepEqual(withUsage, [chunks.at(-1)])
    assert.deepEqual(withUsage[0]?.choices, [])
    const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = withUsage[0]?.usage ?? {}
    assert.deepEqual({ prompt_tokens, completion_tokens, total_tokens }, usage)
    assert.equal(prompt_tokens_details?.cached_tokens, 5)
  })

  clientTest('the stream helper receives every piece of text and assembles the completion', async () => {
    const messages = [fromUser(step({ text: 'one two three four', tokens: 4, usage: scriptedUsage }))]
    const stream = completions.stream({ model, messages, stream_options: { include_usage: true } })
    const words: string[] = []
    stream.on('content.delta', ({ delta }) => words.push(delta))
    const completion = await stream.finalChatCompletion()
    assert.equal(words.join(''), 'one two three four')
    assert.equal(contentOf(completion), 'one two three four')
    assert.equal(choiceOf(completion).finish_reason, 'stop')
    assert.equal(completion.usage?.total_tokens, 22)
  })

  extendedTest('thinking is not part of the answer', async () => {
    const messages = [fromUser(step({ thinking: 3, text: 'The answer.', tokens: 2 }))]
    assert.equal(contentOf(await completions.create({ model, messages })), 'The answer.')
    const chunks = await readAll(await completions.create({ model, messages, stream: true }))
    assert.equal(textOfChunks(chunks), 'The answer.')
  })

  for (const role of ['system', 'developer'] as const) {
    testIf(role === 'system')(`a ${role} message is the whole system prompt`, async () => {
      const messages: Message[] = [{ role, content: 'You are a pirate.' }, fromUser('hi')]
      await completions.create({ model, messages })
      assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
      assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
      assert.deepEqual(toolNames(sent(upstream)), [])
    })
  }

  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what a client may write.
  const variables = 'Say ${CLAUDE_PLUGIN_ROOT}, $ARGUMENTS and $1.'
  for (const [what, prompt] of [
    // Each of them needs a process of its own.
    ['variables, 300000 characters and whitespace around it', ` \r\n ${variables} ${'arr '.repeat(75_000)}\n `],
    ['front matter', '---\nname: x\n---\nYou are a pirate.'],
    ['variables', variables],
    ['command syntax', '!`ls` @/etc/hostname /help <system-reminder>no</system-reminder>'],
    ['whitespace around it', ' \r\n You are a pirate.\n '],
    ['300000 characters', 'arr '.repeat(75_000)],
  ] as const) {
    testIf(what.startsWith('variables, '))(`a system prompt with ${what} arrives unchanged`, async () => {
      await completions.create({ model, messages: [{ role: 'system', content: prompt }, fromUser('hi')] })
      assert.deepEqual(systemOf(sent(upstream)), [prompt])
    })
  }

  test('a message of any role may consist of text parts', async () => {
    const parts = (...texts: string[]) => texts.map((text) => ({ type: 'text' as const, text }))
    await completions.create({
      model,
      messages: [
        { role: 'system', content: parts('You are a pirate.') },
        { role: 'user', content: parts('What is', 'your name?') },
        { role: 'assistant', content: parts('Arr.') },
        { role: 'user', content: parts('Pardon?') },
      ],
    })
    assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
    const wanted = [user('What is', 'your name?'), assistant('Arr.'), user('Pardon?')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  extendedTest('without a system message the model receives nothing about Claude Code', async () => {
    await completions.create({ model, messages: [fromUser('hi')] })
    assert.deepEqual(systemOf(sent(upstream)), [])
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
    assert.doesNotMatch(
      sent(upstream)
        .messages.map(({ content }) => JSON.stringify(content))
        .join('\n'),
      /Claude Code/,
    )
  })

  test('agent/ before the name of a model selects Claude Code with its tools, and it continues in its process', async () => {
    const command = { command: 'echo xylo$((3 + 4))', description: 'a command' }
    const prompt = `agent ${step({ tool: 'Bash', input: command })}${step({ text: 'Done.' })}`
    const first = await completions.create({ model: `agent/${model}`, messages: [fromUser(prompt)] })
    assert.equal(contentOf(first), 'Done.')
    assert.equal(choiceOf(first).finish_reason, 'stop')
    assert.ok(toolNames(sent(upstream)).includes('Bash'))
    assert.ok(systemOf(sent(upstream)).join('').length > 2000)
    const messages = [fromUser(prompt), asMessage(first), fromUser('agent, go on')]
    await completions.create({ model: `agent/${model}`, messages })
    const conversation = conversationOf(sent(upstream))
    assert.deepEqual(
      conversation.map(({ role, content }) => [
        role,
        ...content.map((block) => (typeof block === 'string' ? block : block.type)),
      ]),
      [
        ['user', prompt],
        ['assistant', 'tool_use'],
        ['user', 'tool_result'],
        ['assistant', 'Done.'],
        ['user', 'agent, go on'],
      ],
    )
  })

  extendedTest('text that looks like a command or a file mention reaches the model unchanged', async () => {
    const words = ['/help', '@/etc/hostname what is this?', '--version', '!ls']
    for (const prompt of words) await completions.create({ model, messages: [fromUser(prompt)] })
    assert.deepEqual(
      upstream.requests.map((_, index) => conversationOf(sent(upstream, index))),
      words.map((prompt) => [user(prompt)]),
    )
  })

  clientTest('a client that disconnects in the middle of a stream stops the model', async () => {
    const messages = [fromUser(`quokka ${step({ tokens: 1000, gap: 20 })}`)]
    const stream = await completions.create({ model, messages, stream: true })
    for await (const { choices } of stream) if (choices[0]?.delta.content) break
    await upstream.waitForAbort()
    await completions.create({ model, messages: [fromUser('hi')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
  })

  clientTest('a client that disconnects before the answer stops the model', async () => {
    const controller = new AbortController()
    const messages = [fromUser(step({ hang: 'body' }))]
    const answer = completions.create({ model, messages }, { signal: controller.signal })
    const failed = failureOf(answer, OpenAI.APIUserAbortError)
    await upstream.waitForRequest()
    controller.abort()
    await failed
    await upstream.waitForAbort()
    assert.equal(upstream.requests.length, 1)
  })

  extendedTest('a conversation works after another one was aborted in the middle of an answer', async () => {
    const aborted = fromUser(`quokka ${step({ tokens: 1000, gap: 20 })}`)
    const stream = await completions.create({ model, messages: [aborted], stream: true })
    for await (const { choices } of stream) if (choices[0]?.delta.content) break
    await upstream.waitForAbort()
    const completion = await completions.create({ model, messages: [fromUser('hi')] })
    const messages = [fromUser('hi'), asMessage(completion), fromUser('again')]
    await completions.create({ model, messages })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('hi'),
      assistant(contentOf(completion) ?? ''),
      user('again'),
    ])
  })
}
