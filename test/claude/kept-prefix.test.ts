// What a request to the model repeats of the one before, byte for byte, whichever process serves it: the model's API reads that from its
// prompt cache, at a tenth of the price. With the real CLI, read at the scripted model.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { type RecordedRequest, startUpstream } from '../../src/demo/upstream.ts'
import { post } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { assertKept, unitsOf } from '../helpers/kept-prefix.ts'
import { makeFolders, startTestServer, step, type TestServer } from '../helpers/test-server.ts'

type Body = Record<string, unknown>
type Answered = { text: string; body: Record<string, unknown> }

/** A conversation on one surface, as its clients keep it. */
type Surface = {
  name: string
  path: string
  /** The body of the request for the next turn, after `turns` of prompt and answer. */
  body(past: { prompt: string; answer: Answered }[], prompt: string): Body
}

const system = 'Be brief.'
const tool = { name: 'look_up', description: 'Looks up.', parameters: { type: 'object', properties: {} } }

const texts = (past: { prompt: string; answer: Answered }[]) =>
  past.flatMap(({ prompt, answer }) => [
    { role: 'user', content: prompt },
    { role: 'assistant', content: answer.text },
  ])

const surfaces: Surface[] = [
  {
    name: 'chat completions',
    path: '/v1/chat/completions',
    body: (past, prompt) => ({
      model: 'sonnet',
      messages: [{ role: 'system', content: system }, ...texts(past), { role: 'user', content: prompt }],
    }),
  },
  {
    name: 'messages',
    path: '/v1/messages',
    body: (past, prompt) => ({
      model: 'sonnet',
      max_tokens: 1000,
      system,
      messages: [...texts(past), { role: 'user', content: prompt }],
    }),
  },
  {
    name: 'responses',
    path: '/v1/responses',
    body: (past, prompt) => ({
      model: 'sonnet',
      instructions: system,
      store: false,
      input: [...texts(past), { role: 'user', content: prompt }],
    }),
  },
  {
    name: 'messages with tools',
    path: '/v1/messages',
    body: (past, prompt) => ({
      model: 'sonnet',
      max_tokens: 1000,
      system,
      tools: [{ name: tool.name, description: tool.description, input_schema: tool.parameters }],
      messages: [...texts(past), { role: 'user', content: prompt }],
    }),
  },
  {
    name: 'chat completions of an agent',
    path: '/v1/chat/completions',
    body: (past, prompt) => ({
      model: 'agent/sonnet',
      messages: [...texts(past), { role: 'user', content: prompt }],
    }),
  },
  {
    name: 'native without tools',
    path: '/v1/chat',
    body: (past, prompt) => ({ prompt, model: 'sonnet', tools: [], ...sessionOf(past) }),
  },
  {
    name: 'native with a prompt of its own',
    path: '/v1/chat',
    body: (past, prompt) => ({ prompt, model: 'sonnet', tools: [], system_prompt: system, ...sessionOf(past) }),
  },
  {
    name: 'native agent',
    path: '/v1/chat',
    body: (past, prompt) => ({ prompt, model: 'sonnet', ...sessionOf(past) }),
  },
]

const sessionOf = (past: { answer: Answered }[]) =>
  past.length === 0 ? {} : { session_id: past.at(-1)?.answer.body.session_id }

type Texts = { text?: string }[]
type Reply = {
  result?: string
  choices?: [{ message: { content: string } }]
  content?: Texts
  output?: { content?: Texts }[]
}

function textOf({ result, choices, content, output }: Reply): string {
  const blocks = content ?? output?.at(-1)?.content ?? []
  return result ?? choices?.[0].message.content ?? blocks.map(({ text = '' }) => text).join('')
}

/** One conversation: asks, and remembers. */
class Conversation {
  readonly #surface: Surface
  readonly past: { prompt: string; answer: Answered }[] = []
  readonly requests: RecordedRequest[] = []

  constructor(surface: Surface) {
    this.#surface = surface
  }

  /** The next turn. `past`: as if the client had changed what came before. */
  async ask(server: TestServer, prompt: string): Promise<RecordedRequest> {
    const count = server.upstream.requests.length
    const { status, body } = await post(server, this.#surface.path, this.#surface.body(this.past, prompt))
    assert.equal(status, 200, JSON.stringify(body))
    this.past.push({ prompt, answer: { text: textOf(body), body } })
    const own = server.upstream.requests
      .slice(count)
      .filter(({ raw }) => raw.includes(JSON.stringify(prompt).slice(1, -1)))
    assert.equal(own.length, 1)
    const [request] = own
    assert.ok(request)
    this.requests.push(request)
    return request
  }

  /** Checks the latest request against the one before. */
  check(): void {
    const [previous, next] = this.requests.slice(-2)
    assert.ok(previous && next)
    assertKept(previous, next)
  }
}

const hooks = { after: after as TestContext['after'] }
const upstream = await startUpstream()
after(() => upstream.close())

/** With an instruction file, which agents read. */
function foldersWithInstructions(t: Pick<TestContext, 'after'>) {
  const folders = makeFolders(t)
  writeFileSync(join(folders.cwd, 'CLAUDE.md'), 'Answer like a sailor.')
  return folders
}

const roomy = await startTestServer(hooks, {
  upstream,
  folders: foldersWithInstructions(hooks),
  config: { maxProcesses: 4 },
})
const tight = await startTestServer(hooks, {
  upstream,
  folders: foldersWithInstructions(hooks),
  config: { maxProcesses: 1 },
})

const isPromise = ({ name }: Surface) =>
  ['chat completions', 'messages with tools', 'native without tools', 'native agent'].includes(name)

for (const surface of surfaces) {
  testIf(isPromise(surface))(`${surface.name}: the next turn, in the process that holds the conversation`, async () => {
    const conversation = new Conversation(surface)
    for (const prompt of ['first', 'second', 'third']) await conversation.ask(roomy, `${surface.name} warm ${prompt}`)
    for (const [index, next] of conversation.requests.entries()) {
      const previous = conversation.requests[index - 1]
      if (previous) assertKept(previous, next)
    }
  })

  testIf(isPromise(surface))(`${surface.name}: after its process was given to another conversation`, async () => {
    const conversation = new Conversation(surface)
    const other = new Conversation(surface)
    for (const prompt of ['first', 'second', 'third']) {
      await conversation.ask(tight, `${surface.name} taken ${prompt}`)
      await other.ask(tight, `${surface.name} other ${prompt}`)
      if (prompt !== 'first') for (const each of [conversation, other]) each.check()
    }
  })

  testIf(isPromise(surface))(`${surface.name}: after a restart of the server`, async (t) => {
    const folders = foldersWithInstructions(t)
    const conversation = new Conversation(surface)
    for (const prompt of ['first', 'second', 'third']) {
      const server = await startTestServer(t, { upstream, folders })
      await conversation.ask(server, `${surface.name} restart ${prompt}`)
      await server.close(0)
      if (prompt !== 'first') conversation.check()
    }
  })
}

test('the result of a tool keeps what came before, also after a restart', async (t) => {
  const folders = makeFolders(t)
  const tools = [{ name: tool.name, description: tool.description, input_schema: tool.parameters }]
  const prompt = `look it up ${step({ tool: tool.name, input: {} })}`
  const ask = async (messages: unknown[]) => {
    const server = await startTestServer(t, { upstream, folders })
    const count = upstream.requests.length
    const { status, body } = await post(server, '/v1/messages', {
      model: 'sonnet',
      max_tokens: 1000,
      system,
      tools,
      messages,
    })
    assert.equal(status, 200, JSON.stringify(body))
    await server.close(0)
    const requests = upstream.requests.slice(count).filter(({ raw }) => raw.includes('look it up'))
    assert.equal(requests.length, 1)
    return { content: body.content as { type: string; id?: string }[], request: requests[0] as RecordedRequest }
  }
  const first = await ask([{ role: 'user', content: prompt }])
  const call = first.content.find(({ type }) => type === 'tool_use')
  const result = { type: 'tool_result', tool_use_id: call?.id, content: 'found' }
  const messages = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: first.content },
    { role: 'user', content: [result] },
  ]
  const second = await ask(messages)
  assertKept(first.request, second.request)
  const third = await ask([
    ...messages,
    { role: 'assistant', content: second.content },
    { role: 'user', content: 'more' },
  ])
  assertKept(second.request, third.request)
})

test('thinking that the client does not send back stays in a conversation whose process was given to another', async () => {
  const [surface] = surfaces
  assert.ok(surface)
  const conversation = new Conversation(surface)
  const other = new Conversation(surface)
  const thought = step({ thinking: 2, text: 'An answer.' })
  for (const prompt of ['first', 'second', 'third']) {
    const request = await conversation.ask(tight, `thinking ${prompt} ${thought}`)
    await other.ask(tight, `between ${prompt}`)
    if (prompt === 'first') continue
    assert.match(request.raw, /"type":"thinking","thinking"/)
    conversation.check()
  }
})

test('an edited last turn keeps what comes before it', async () => {
  const [surface] = surfaces
  assert.ok(surface)
  const conversation = new Conversation(surface)
  for (const prompt of ['first', 'second']) await conversation.ask(roomy, `edited ${prompt}`)
  conversation.past.pop()
  await conversation.ask(roomy, 'edited otherwise')
  const [first, second, edited] = conversation.requests
  assert.ok(first && second && edited)
  assertKept(first, edited)
  assert.deepEqual(unitsOf(edited).slice(0, -1), unitsOf(second).slice(0, -1))
})

test('unrelated conversations share their system prompt and tools', async () => {
  const surface = surfaces.find(({ name }) => name === 'messages with tools')
  assert.ok(surface)
  const one = await new Conversation(surface).ask(roomy, 'unrelated one')
  const other = await new Conversation(surface).ask(roomy, 'unrelated other')
  assertKept(one, other, 0)
})
