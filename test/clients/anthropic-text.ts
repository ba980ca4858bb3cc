// Cases of the Anthropic suite: a plain answer, whole and streamed, its usage, and what happens if the client
// disconnects.
import assert from 'node:assert/strict'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  deltasOf,
  endOf,
  errorOf,
  fromUser,
  model,
  openStream,
  readEvents,
  startOf,
  streamMessage,
  textOf,
  textOfEvents,
  toBody,
  toHistory,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, sent, systemOf, toolNames, user } from './sent.ts'

const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5, cache_creation_input_tokens: 2 }

function assertUsage(actual: object | undefined, wanted: Partial<typeof usage>): void {
  const counts = actual as typeof usage
  const seen = Object.fromEntries(Object.keys(wanted).map((key) => [key, counts[key as keyof typeof usage]]))
  assert.deepEqual(seen, wanted)
}

export function testText({ client, server, Anthropic, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test } = testsIf(!isFormer)
  const { upstream } = server

  clientTest('a whole answer is one message', async () => {
    const message = await ask(client, { messages: [fromUser(step({ text: 'Hello there.', usage }))] })
    assert.match(message.id, /^msg_\w+$/)
    assert.deepEqual([message.type, message.role, message.model], ['message', 'assistant', sent(upstream).model])
    assert.deepEqual(message.content, [{ type: 'text', text: 'Hello there.', citations: null }])
    const { stop_reason, stop_sequence, stop_details } = message
    assert.deepEqual([stop_reason, stop_sequence, stop_details], ['end_turn', null, null])
    assertUsage(message.usage, usage)
    assert.match(String(message._request_id), /^req_/)
  })

  clientTest('a streamed answer comes as events, with the text as the model writes it', async () => {
    const prompt = step({ text: 'one two three four', tokens: 4, usage })
    const events = await readEvents(client, { messages: [fromUser(prompt)] })
    const start = startOf(events)
    assert.match(start.id, /^msg_\w+$/)
    assert.deepEqual([start.model, start.content, start.stop_reason], [sent(upstream).model, [], null])
    assert.ok(deltasOf(events).length > 1)
    assert.equal(textOfEvents(events), 'one two three four')
    const { stop_reason, stop_sequence } = endOf(events).delta
    assert.deepEqual([stop_reason, stop_sequence], ['end_turn', null])
  })

  clientTest('usage is in the first event and, complete, in the second to last', async () => {
    const events = await readEvents(client, { messages: [fromUser(step({ text: 'Hello.', usage }))] })
    const { output_tokens: _, ...input } = usage
    assertUsage(startOf(events).usage, input)
    assertUsage(endOf(events).usage, usage)
  })

  test('every event has its name in the event line and in its data', async () => {
    const response = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...toBody({ messages: [fromUser('hi')] }), stream: true }),
    })
    assert.match(String(response.headers.get('content-type')), /^text\/event-stream/)
    assert.match(String(response.headers.get('request-id')), /^req_/)
    const frames = (await response.text()).split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'))
    const names = frames.map((frame) => {
      const [, name, data = ''] = /^event: (\w+)\ndata: ([^\n]+)$/.exec(frame) ?? []
      assert.equal((JSON.parse(data) as { type: string }).type, name, frame)
      return name
    })
    assert.deepEqual([names[0], names.at(-1)], ['message_start', 'message_stop'])
  })

  clientTest('the stream helper gets all text and assembles the message', async () => {
    const messages = [fromUser(step({ text: 'one two three four', tokens: 4, usage }))]
    const stream = client.messages.stream({ model, max_tokens: 100, messages })
    const words: string[] = []
    stream.on('text', (word) => words.push(word))
    const message = await stream.finalMessage()
    assert.equal(words.join(''), 'one two three four')
    assert.deepEqual([textOf(message), message.stop_reason], ['one two three four', 'end_turn'])
    assertUsage(message.usage, usage)
    assert.equal(await stream.finalText(), 'one two three four')
  })

  test('a system prompt reaches the model alone, as a string or as blocks', async () => {
    const system = ['You are a pirate.', 'Speak up.']
    const blocks = system.map((text) => ({ type: 'text', text, cache_control: { type: 'ephemeral' } }))
    for (const [value, wanted] of [
      [system[0], 'You are a pirate.'],
      [blocks, 'You are a pirate.\n\nSpeak up.'],
    ]) {
      await ask(client, { system: value, messages: [fromUser('hi')] })
      assert.deepEqual(systemOf(sent(upstream)), [wanted])
      assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
      assert.deepEqual(toolNames(sent(upstream)), [])
    }
  })

  extendedTest('without a system prompt the model gets nothing about Claude Code', async () => {
    await ask(client, { messages: [fromUser('hi')] })
    assert.deepEqual(systemOf(sent(upstream)), [])
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
    assert.doesNotMatch(JSON.stringify(sent(upstream).messages), /Claude Code/)
  })

  extendedTest('text that looks like a command or a file reaches the model unchanged', async () => {
    const words = ['/help', '@/etc/hostname what is this?', '--version', '!ls']
    for (const prompt of words) await ask(client, { messages: [fromUser(prompt)] })
    assert.deepEqual(
      words.map((_, index) => conversationOf(sent(upstream, index))),
      words.map((prompt) => [user(prompt)]),
    )
  })

  extendedTest(
    'an agent answers with text only, although it used a tool, and continues with its calls in the history',
    async () => {
      const use = (word: string) => {
        const input = { command: `echo ${word}$((3 + 4))`, description: 'a command' }
        return `${word} ${step({ tool: 'Bash', input })}${step({ text: 'Done.' })}`
      }
      const agent = { model: `agent/${model}`, system: 'You are a pirate.' }
      const first = await ask(client, { ...agent, messages: [fromUser(use('xylo'))] })
      assert.deepEqual(first.content, [{ type: 'text', text: 'Done.', citations: null }])
      assert.deepEqual([first.stop_reason, first.model], ['end_turn', `agent/${sent(upstream).model}`])
      assert.ok(toolNames(sent(upstream)).includes('Bash'))
      assert.match(systemOf(sent(upstream)).join('\n'), /[\s\S]{2000,}You are a pirate\./)
      assert.match(JSON.stringify(conversationOf(sent(upstream))), /xylo7/)
      const messages = [fromUser(use('xylo')), toHistory(first), fromUser(use('oboe'))]
      const events = await readEvents(client, { ...agent, messages })
      assert.ok(deltasOf(events).every(({ type }) => type === 'text_delta'))
      assert.equal(textOfEvents(events), 'Done.')
      assert.equal(endOf(events).delta.stop_reason, 'end_turn')
      const outline = conversationOf(sent(upstream)).map(({ role, content: [first] }) => {
        return [role, typeof first === 'string' ? first : first?.type]
      })
      assert.deepEqual(outline, [
        ['user', use('xylo')],
        ['assistant', 'tool_use'],
        ['user', 'tool_result'],
        ['assistant', 'Done.'],
        ['user', use('oboe')],
        ['assistant', 'tool_use'],
        ['user', 'tool_result'],
      ])
    },
  )

  clientTest('a client that disconnects in the middle of a stream stops the model', async () => {
    const stream = await openStream(client, { messages: [fromUser(`quokka ${step({ tokens: 1000, gap: 20 })}`)] })
    for await (const event of stream) if (event.type === 'content_block_delta') break
    await upstream.waitForAbort()
    const message = await ask(client, { messages: [fromUser('hi')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
    await ask(client, { messages: [fromUser('hi'), toHistory(message), fromUser('again')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi'), assistant(textOf(message)), user('again')])
  })

  clientTest('aborting the stream helper stops the model', async () => {
    const messages = [fromUser(step({ tokens: 1000, gap: 20 }))]
    const stream = client.messages.stream({ model, max_tokens: 1024, messages })
    stream.on('text', () => stream.abort())
    await errorOf(stream.finalMessage(), Anthropic.APIUserAbortError)
    await upstream.waitForAbort()
  })

  clientTest('a client that disconnects before the answer stops the model', async () => {
    const controller = new AbortController()
    const messages = [fromUser(step({ hang: 'body' }))]
    const failed = errorOf(ask(client, { messages }, { signal: controller.signal }), Anthropic.APIUserAbortError)
    await upstream.waitForRequest()
    controller.abort()
    await failed
    await upstream.waitForAbort()
    assert.equal(upstream.requests.length, 1)
  })

  clientTest('pings before the first text do not disturb the stream helper', async () => {
    const message = await streamMessage(client, { messages: [fromUser(step({ text: 'a b', tokens: 2, ping: 1 }))] })
    assert.equal(textOf(message), 'a b')
  })
}
