// Long pasts of conversations, which a process reads from a file as it starts. With the real CLI, read at the scripted model: the request
// must be the one of a process that was handed the messages one by one.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordedRequest } from '../../src/demo/upstream.ts'
import { processesIn } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { assertKept } from '../helpers/kept-prefix.ts'
import { startTestServer, step, type TestServer } from '../helpers/test-server.ts'
import { readinessOf, startUnnoticed } from './examination/altered-cli.ts'

type Message = { role: string; content: unknown }

const tools = [{ name: 'look_up', description: 'Looks up.', input_schema: { type: 'object', properties: {} } }]
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }
const text = (words: string) => ({ type: 'text', text: words })

/** Every kind of message that a conversation may hold, over and over. */
function pastOf(name: string, count: number): Message[] {
  const rounds = Array.from({ length: Math.ceil(count / 8) }, (_, round): Message[] => {
    const id = `toolu_${name}_${round}`
    const other = `toolu_${name}_${round}_other`
    return [
      { role: 'user', content: `${name}: question ${round} about @/etc/hostname, /cost and ${'words '.repeat(20)}` },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'Well.', signature: 'c2lnbmVk' }, text('I look.')] },
      { role: 'user', content: [image, text(' And this?\n')] },
      {
        role: 'assistant',
        content: [
          text('Both.'),
          { type: 'tool_use', id, name: 'look_up', input: { round } },
          { type: 'tool_use', id: other, name: 'look_up', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: id, content: [text('found'), image] },
          { type: 'tool_result', tool_use_id: other, content: 'nothing', is_error: true },
        ],
      },
      { role: 'assistant', content: 'Found it.' },
      { role: 'user', content: 'Thanks.' },
      { role: 'assistant', content: `Answer ${round}.` },
    ]
  })
  return rounds.flat().slice(0, count)
}

/**
 * Sends the conversation, and returns the request that reached the model. `isLearning`: a process that is given up may have asked it before.
 */
async function ask(
  server: TestServer,
  messages: Message[],
  { system = 'Be brief.', isLearning = false } = {},
): Promise<RecordedRequest> {
  const { upstream } = server
  const count = upstream.requests.length
  const { status, body } = await post(server, '/v1/messages', {
    model: 'sonnet',
    max_tokens: 1000,
    ...(system === '' ? {} : { system }),
    tools,
    messages,
  })
  assert.equal(status, 200, JSON.stringify(body))
  const requests = upstream.requests.slice(count)
  if (!isLearning) assert.equal(requests.length, 1, 'the model is asked once')
  messages.push({ role: 'assistant', content: (body as { content: unknown }).content })
  return requests.at(-1) as RecordedRequest
}

/** How many of its processes have begun with a file. */
const loadedIn = ({ folders }: TestServer): number =>
  processesIn(folders).filter(({ command }) => /--resume=\S+\.jsonl/.test(command)).length

/** The files of the processes that have read a past: none must be left. */
const filesOf = (server: TestServer) => ({
  private: readdirSync(join(server.folders.dataDir, 'servers'), { recursive: true }).filter((name) =>
    String(name).endsWith('.jsonl'),
  ),
  conversations: readdirSync(join(server.folders.configDir), { recursive: true }).filter((name) =>
    String(name).endsWith('.jsonl'),
  ),
})

test('a long conversation that another process takes over is the same to the model, byte for byte', async (t) => {
  const server = await startTestServer(t, { config: { maxProcesses: 1 } })
  const messages = [...pastOf('long', 248), { role: 'user', content: 'one' }]
  const first = await ask(server, messages)
  await ask(server, [{ role: 'user', content: 'something else' }])
  messages.push({ role: 'user', content: 'two' })
  assert.equal(loadedIn(server), 0)
  const second = await ask(server, messages)
  assertKept(first, second)
  if (process.platform === 'linux') assert.equal(loadedIn(server), 1)
  // The process that has read it goes on with it, and with others.
  messages.push({ role: 'user', content: 'three' })
  const third = await ask(server, messages)
  assertKept(second, third)
  // A call of the client's tools; its result comes to another process, with what is open handed over one by one.
  messages.push({ role: 'user', content: `four ${step({ tool: 'look_up', input: {} })}` })
  const fourth = await ask(server, messages)
  await ask(server, [{ role: 'user', content: 'something else' }])
  const calls = messages.at(-1)?.content as { type: string; id: string }[]
  const id = calls.find(({ type }) => type === 'tool_use')?.id
  messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'there' }] })
  const fifth = await ask(server, messages)
  assertKept(fourth, fifth)
  if (process.platform === 'linux') assert.equal(loadedIn(server), 1)
  const other = await ask(server, [{ role: 'user', content: 'something new' }])
  assert.doesNotMatch(other.raw, /long: question|Found it|Answer 3/)
  assert.deepEqual(filesOf(server), { private: [], conversations: [] })
})

for (const [change, declare] of [
  ['loading-refused', test],
  ['loading-ignored', extendedTest],
] as const) {
  declare(`${change}: the messages are handed over one by one, from then on always`, async (t) => {
    const server = await startUnnoticed(t, change)
    const messages = [...pastOf('refused', 256), { role: 'user', content: 'one' }]
    const request = await ask(server, messages, { isLearning: true })
    for (const words of ['refused: question 0 ', 'refused: question 31 ', 'Answer 30.', 'Be brief.'])
      assert.ok(request.raw.includes(words), `${words} did not reach the model`)
    assert.equal(loadedIn(server), 0)
    const { abilities, claude_warnings: warnings } = await readinessOf(server)
    assert.equal(abilities.read_long_conversations, 'not_available')
    assert.match(warnings[0]?.message ?? '', /a long conversation takes longer/)
    assert.deepEqual(filesOf(server), { private: [], conversations: [] })
  })
}

extendedTest('a long conversation without a system prompt is the same to the model, byte for byte', async (t) => {
  const server = await startTestServer(t, { config: { maxProcesses: 1 } })
  const messages = [...pastOf('promptless', 248), { role: 'user', content: 'one' }]
  const first = await ask(server, messages, { system: '' })
  await ask(server, [{ role: 'user', content: 'something else' }])
  messages.push({ role: 'user', content: 'two' })
  assertKept(first, await ask(server, messages, { system: '' }))
  assert.equal(loadedIn(server), 1)
})
