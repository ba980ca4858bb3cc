// Every field of a chat request that configures Claude, followed through the real CLI to what the model's API receives
// or to what the CLI does. Also: none of a client's own text is in the arguments of a process.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { MessagesBody } from '../../src/demo/upstream.ts'
import { chat, chatError, post } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 3 } })
const { upstream, folders } = server

beforeEach(() => upstream.reset())

type Block = { type: string; text?: string; [field: string]: unknown }

const blocks = (content: unknown): Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : ((content ?? []) as Block[])

const textsOf = (content: unknown) => blocks(content).map((block) => block.text ?? '')

/** The body of the last request that reached the model's API, or of the one at `index`. */
function sent(index = -1): MessagesBody {
  const body = upstream.requests.at(index)?.body
  assert.ok(body, `there is no request ${index}`)
  return body
}

/** The system prompt without the two lines that the CLI prepends. */
const systemOf = (body: MessagesBody) => textsOf(body.system).slice(2)

/** What the CLI tells the model about its environment. */
const environmentOf = ({ messages }: MessagesBody) =>
  messages.flatMap(({ role, content }) => (role === 'system' ? textsOf(content) : [])).join('\n')

const toolNames = ({ tools }: MessagesBody) =>
  (tools ?? []).map((tool) => tool.name).filter((name) => name !== 'DeferredToolPlaceholder')

/** The results of the tools that the model called, as the model receives them. */
const toolResults = ({ messages }: MessagesBody) =>
  messages.flatMap(({ content }) => blocks(content).filter((block) => block.type === 'tool_result'))

const resultText = (body: MessagesBody) =>
  toolResults(body)
    .map((block) => textsOf(block.content).join(''))
    .join('\n')

/** The arguments of every CLI process of this server. */
function argumentsOfProcesses(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
      const isOurs = environment.includes(`HOME=${folders.home}`)
      return isOurs ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : []
    } catch {
      return []
    }
  })
}

/** Creates a folder below the test's, with these files. */
function makeFolder(name: string, files: Record<string, string> = {}): string {
  const folder = join(folders.root, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

const write = (path: string) => step({ tool: 'Write', input: { file_path: path, content: 'written' } })
const bash = (command: string) => step({ tool: 'Bash', input: { command, description: 'a command' } })

for (const [kind, model, expected, options] of [
  ['an alias, with tools', 'haiku', 'claude-haiku-5-5', {}],
  ['a full name, without tools', 'claude-sonnet-5-5', 'claude-sonnet-5-5', { tools: [] }],
  ['an alias, with a prompt of its own', 'haiku', 'claude-haiku-5-5', { tools: [], system_prompt: 'S' }],
] as const) {
  test(`model selects the model by ${kind}`, async () => {
    const reply = await chat(server, { prompt: 'hi', model, ...options })
    assert.equal(sent().model, expected)
    assert.equal(reply.model, expected)
  })
}

test('fallback_model answers when the model is overloaded', async () => {
  const options = { tools: [], system_prompt: 'S', model: 'claude-sonnet-5-5', fallback_model: 'claude-haiku-5-5' }
  const reply = await chat(server, { prompt: step({ status: 529, times: 3, text: 'from the other' }), ...options })
  assert.equal(reply.result, 'from the other')
  const models = upstream.requests.map(({ body }) => body?.model)
  assert.deepEqual(models, [...Array(3).fill('claude-sonnet-5-5'), 'claude-haiku-5-5'])
  await chat(server, { prompt: 'the next one', ...options })
  assert.equal(sent().model, 'claude-sonnet-5-5', 'an unrelated request starts with its own model again')
})

test('the reply names the model that answered', async () => {
  const prompt = step({ status: 404, times: 2 })
  const models = { model: 'claude-sonnet-5-5', fallback_model: 'claude-haiku-5-5' }
  const reply = await chat(server, { prompt, tools: [], system_prompt: 'S', ...models })
  assert.equal(sent().model, 'claude-haiku-5-5')
  assert.equal(reply.model, 'claude-haiku-5-5')
})

/** With tools each of these needs a process: there, only those that may differ are tested. */
const prompts: [string, Record<string, string>, alsoWithTools: boolean, (texts: string[]) => void][] = [
  [
    'system_prompt replaces the whole prompt',
    { system_prompt: 'Be a pirate.' },
    true,
    (texts) => assert.deepEqual(texts, ['Be a pirate.']),
  ],
  [
    'system_prompt and append_system_prompt are joined',
    { system_prompt: 'Be a pirate.', append_system_prompt: 'Say arr.' },
    false,
    (texts) => assert.deepEqual(texts, ['Be a pirate.\n\nSay arr.']),
  ],
  [
    'a system_prompt keeps its blank space',
    { system_prompt: ' \r\n Be a pirate.\n ' },
    false,
    (texts) => assert.deepEqual(texts, [' \r\n Be a pirate.\n ']),
  ],
  [
    "append_system_prompt adds to Claude Code's own prompt",
    { append_system_prompt: 'Say arr.' },
    true,
    (texts) => {
      assert.ok(texts.join('\n').endsWith('Say arr.'))
      assert.ok(texts.join('\n').length > 2000)
    },
  ],
  ["without either, the prompt is Claude Code's own", {}, true, (texts) => assert.ok(texts.join('\n').length > 2000)],
]

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', { tools: [] }],
] as const) {
  for (const [title, fields, alsoWithTools, check] of prompts) {
    if (kind === 'with tools' && !alsoWithTools) continue
    testIf(kind === 'without tools' || title.startsWith('append'))(`${title}, ${kind}`, async () => {
      await chat(server, { prompt: 'hi', ...fields, ...options })
      check(systemOf(sent()))
    })
  }
}

test('max_budget_usd ends a run that exceeds it, and the error has its session and cost', async () => {
  const { status, body } = await chatError(server, { prompt: 'hi', tools: [], max_budget_usd: 0.000001 })
  assert.equal(status, 402)
  assert.equal(body.code, 'budget_exceeded')
  assert.match(String(body.session_id), /^[0-9a-f-]{36}$/)
  assert.ok(Number(body.cost_usd) > 0.000001)
  assert.match(body.error, /budget/i)
})

test('max_turns stops a model that keeps calling a tool', async () => {
  const prompt = step({ tool: 'Bash', input: { command: 'ls', description: 'look' }, repeat: true })
  const { status, body } = await chatError(server, { prompt, max_turns: 2 })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /turns/)
  assert.equal(upstream.requests.length, 2)
})

for (const mode of ['default', 'plan', 'dontAsk']) {
  testIf(mode === 'dontAsk')(`permission_mode ${mode} denies a Write and reports it`, async () => {
    const path = join(folders.cwd, `${mode}.txt`)
    const reply = await chat(server, { prompt: write(path), permission_mode: mode })
    assert.deepEqual(
      reply.permission_denials.map((denial) => [denial.tool_name, denial.tool_input]),
      [['Write', { file_path: path, content: 'written' }]],
    )
    assert.equal(existsSync(path), false)
    assert.equal(toolResults(sent())[0]?.is_error, true)
  })
}

test('permission_mode acceptEdits allows a Write in the folder but not elsewhere', async () => {
  const inside = join(folders.cwd, 'accepted.txt')
  const outside = join(folders.root, 'outside.txt')
  const reply = await chat(server, { prompt: write(inside) + write(outside), permission_mode: 'acceptEdits' })
  assert.equal(readFileSync(inside, 'utf8'), 'written')
  assert.equal(existsSync(outside), false)
  assert.deepEqual(
    reply.permission_denials.map((denial) => denial.tool_input.file_path),
    [outside],
  )
})

test('allowed_tools allows a command that would otherwise be denied, and no other', async () => {
  const allowed = join(folders.cwd, 'touched')
  const other = join(folders.cwd, 'removed-not')
  writeFileSync(other, '')
  const options = { permission_mode: 'dontAsk', allowed_tools: ['Bash(touch *)'] }
  const reply = await chat(server, { prompt: bash(`touch ${allowed}`) + bash(`rm ${other}`), ...options })
  assert.ok(existsSync(allowed))
  assert.ok(existsSync(other))
  assert.deepEqual(
    reply.permission_denials.map((denial) => denial.tool_input.command),
    [`rm ${other}`],
  )
})

test('disallowed_tools removes a tool from the model', async () => {
  await chat(server, { prompt: 'hi', disallowed_tools: ['Bash', 'Write'] })
  assert.ok(toolNames(sent()).includes('Read'))
  assert.ok(!toolNames(sent()).includes('Bash') && !toolNames(sent()).includes('Write'))
})

test('disallowed_tools with a pattern denies what would otherwise be allowed', async () => {
  const options = { allowed_tools: ['Bash'], disallowed_tools: ['Bash(touch *)'] }
  const path = join(folders.cwd, 'never-touched')
  const reply = await chat(server, { prompt: bash(`touch ${path}`), ...options })
  assert.equal(existsSync(path), false)
  assert.equal(reply.permission_denials.length, 1)
})

for (const tools of [[], ['Read']]) {
  test(`with tools ${JSON.stringify(tools)} the model has exactly these tools`, async () => {
    await chat(server, { prompt: 'hi', tools })
    assert.deepEqual(toolNames(sent()), tools)
  })
}

test('cwd is the folder in which Claude works', async () => {
  const cwd = makeFolder('elsewhere', { 'here.txt': '' })
  await chat(server, { prompt: bash('pwd; ls'), cwd })
  assert.match(environmentOf(sent()), new RegExp(`working directory: ${cwd}\n`))
  assert.match(resultText(sent()), new RegExp(`${cwd}\nhere.txt`))
})

test('add_dirs makes another folder readable', async () => {
  const extra = makeFolder('extra', { 'note.txt': 'the word is xylophone' })
  const prompt = step({ tool: 'Read', input: { file_path: join(extra, 'note.txt') } })
  const without = await chat(server, { prompt })
  assert.equal(without.permission_denials.length, 1)
  assert.doesNotMatch(JSON.stringify(sent().messages), /xylophone/)
  const reply = await chat(server, { prompt, add_dirs: [extra] })
  assert.deepEqual(reply.permission_denials, [])
  assert.match(resultText(sent()), /xylophone/)
})

test('effort reaches the model', async () => {
  await chat(server, { prompt: 'hi', tools: [], effort: 'max' })
  assert.equal(sent().output_config?.effort, 'max')
})

const schema = {
  type: 'object',
  properties: { city: { type: 'string', description: 'schema-secret' } },
  required: ['city'],
  additionalProperties: false,
}

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', { tools: [] }],
] as const) {
  testIf(kind === 'without tools')(`json_schema returns a validated object, ${kind}`, async () => {
    const prompt = step({ tool: 'StructuredOutput', input: { city: 'Berlin' } })
    const reply = await chat(server, { prompt, json_schema: schema, ...options })
    assert.deepEqual(reply.structured_output, { city: 'Berlin' })
    assert.deepEqual(JSON.parse(reply.result), { city: 'Berlin' })
    const offered = sent().tools?.find((tool) => tool.name === 'StructuredOutput')
    assert.deepEqual(offered?.input_schema, schema)
    assert.equal(upstream.requests.length, 1)
  })
}

test('json_schema rejects objects that do not match until the model returns one that does', async () => {
  const call = (input: Record<string, unknown>) => step({ tool: 'StructuredOutput', input })
  const reply = await chat(server, {
    prompt: call({ city: 5 }) + call({ city: 'Rome' }),
    tools: [],
    json_schema: schema,
  })
  assert.deepEqual(reply.structured_output, { city: 'Rome' })
  assert.equal(upstream.requests.length, 2)
})

test('a json_schema that the model never satisfies is an error, not an answer', async () => {
  const { status, body } = await chatError(server, { prompt: 'only words', tools: [], json_schema: schema })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /json_schema/)
})

const echoServer = {
  command: process.execPath,
  args: [fileURLToPath(new URL('../fixtures/mcp-echo.mjs', import.meta.url)), '--mcp-secret'],
  env: { ECHO_SUFFIX: '!' },
}
const callEcho = step({ tool: 'mcp__echo__echo', input: { text: 'hello' } })

test('mcp_servers gives the model a tool, which works if it is allowed', async () => {
  const options = { tools: [], mcp_servers: { echo: echoServer }, allowed_tools: ['mcp__echo'] }
  const reply = await chat(server, { prompt: callEcho, ...options })
  assert.deepEqual(toolNames(sent(0)), ['mcp__echo__echo'])
  assert.equal(resultText(sent()), 'echo: hello!')
  assert.deepEqual(reply.permission_denials, [])
})

test('a tool of mcp_servers is denied if it is not allowed', async () => {
  const reply = await chat(server, { prompt: callEcho, tools: [], mcp_servers: { echo: echoServer } })
  assert.deepEqual(
    reply.permission_denials.map((denial) => denial.tool_name),
    ['mcp__echo__echo'],
  )
  assert.doesNotMatch(resultText(sent()), /echo: hello/)
})

test('agents are offered to the model and work with their own prompt', async () => {
  const agents = {
    sage: { description: 'knows all about owls', prompt: 'You are the owl sage.', model: 'haiku', tools: ['Read'] },
  }
  const input = { description: 'ask', prompt: 'what do owls eat', subagent_type: 'sage', run_in_background: false }
  const prompt = step({ tool: 'Agent', input })
  await chat(server, { prompt, agents, allowed_tools: ['Agent'] })
  assert.match(environmentOf(sent(0)), /- sage: knows all about owls/)
  const own = upstream.requests.find(({ raw }) => raw.includes('You are the owl sage.'))?.body
  assert.equal(own?.model, 'claude-haiku-5-5')
  assert.deepEqual(own && toolNames(own), ['Read'])
  assert.match(JSON.stringify(own?.messages), /what do owls eat/)
})

test('setting_sources determine whether the CLAUDE.md of the folder is read', async () => {
  const cwd = makeFolder('with-memory', { 'CLAUDE.md': 'The magic word is abracadabra.\n' })
  const isMemoryRead = async (fields: Record<string, unknown>) => {
    await chat(server, { prompt: 'hi', tools: [], cwd, ...fields })
    return JSON.stringify(sent()).includes('abracadabra')
  }
  assert.equal(await isMemoryRead({}), true, 'all sources by default')
  assert.equal(await isMemoryRead({ setting_sources: ['user'] }), false)
  assert.equal(await isMemoryRead({ setting_sources: [] }), false)
})

test('setting_sources determine whether the settings of the folder apply', async () => {
  const cwd = makeFolder('with-settings')
  mkdirSync(join(cwd, '.claude'))
  writeFileSync(join(cwd, '.claude', 'settings.json'), JSON.stringify({ model: 'claude-haiku-5-5' }))
  await chat(server, { prompt: 'hi', tools: [], cwd })
  assert.equal(sent().model, 'claude-haiku-5-5')
  await chat(server, { prompt: 'hi', tools: [], cwd, setting_sources: [] })
  assert.notEqual(sent().model, 'claude-haiku-5-5')
})

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')

for (const [kind, options, ending] of [
  // If the CLI stores the images of a conversation on disk, it adds a note with their location.
  ['with tools', {}, '\n'],
  ['without tools', { tools: [] }, ''],
] as const) {
  testIf(kind === 'without tools')(`a prompt of blocks arrives in order and byte for byte, ${kind}`, async () => {
    const prompt = [
      { type: 'text', text: 'first' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      { type: 'text', text: 'second' },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 'A title' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' }, context: 'A context' },
    ]
    await chat(server, { prompt: [...prompt, { type: 'text', text: 'third' }], ...options })
    const message = sent().messages.find(({ role }) => role === 'user')
    const isAdded = ({ text = '' }: Block) => /^(<system-reminder>|\[Image: source: )/.test(text)
    const own = blocks(message?.content).filter((block) => !isAdded(block))
    const arrived = own.map(({ cache_control: _, ...block }) => block)
    assert.deepEqual(arrived, [...prompt, { type: 'text', text: `third${ending}` }])
  })
}

test('timeout_s above the server limit is rejected', async () => {
  const { status, body } = await chatError(server, { prompt: 'hi', timeout_s: 3601 })
  assert.equal(status, 400)
  assert.match(body.error, /timeout_s/)
  assert.equal(upstream.requests.length, 0)
})

test('metadata is accepted and does not reach the model', async () => {
  await chat(server, { prompt: 'hi', tools: [], metadata: { ticket: 'metadata-secret' } })
  assert.doesNotMatch(upstream.requests.at(-1)?.raw ?? '', /metadata-secret/)
})

test('null means the same as an omitted field', async () => {
  const fields = [
    'session_id', 'fork', 'model', 'fallback_model', 'system_prompt', 'append_system_prompt', 'max_budget_usd', 'max_turns',
    'permission_mode', 'allowed_tools', 'disallowed_tools', 'tools', 'cwd', 'add_dirs', 'effort', 'json_schema', 'mcp_servers',
    'agents', 'setting_sources', 'timeout_s', 'approvals', 'background', 'commands', 'metadata',
  ] // biome-ignore format: a list reads better in lines than in a column
  const { status, body } = await post(server, '/v1/chat', {
    prompt: 'hi',
    ...Object.fromEntries(fields.map((name) => [name, null])),
  })
  assert.equal(status, 200, JSON.stringify(body))
})

for (const [kind, fields] of [
  ['with tools', { append_system_prompt: 'append-secret' }],
  ['without tools', { tools: [], system_prompt: 'system-secret', append_system_prompt: 'append-secret' }],
  ['without tools, continued', { tools: [], append_system_prompt: 'append-secret', isContinued: true }],
  ['with a prompt of its own, continued', { system_prompt: 'system-secret', isContinued: true }],
] as const) {
  testIf(kind === 'with tools' || kind === 'without tools, continued')(
    `the arguments of a process contain no text of a client, ${kind}`,
    async () => {
      const { isContinued = false, ...options } = { isContinued: false, ...fields }
      const body = {
        prompt: `prompt-secret ${step({ tool: 'StructuredOutput', input: { city: 'Rome' } })}`,
        json_schema: schema,
        mcp_servers: { echo: { ...echoServer, env: { ECHO_SUFFIX: 'env-secret' } } },
        agents: { sage: { description: 'description-secret', prompt: 'agent-secret' } },
        metadata: { note: 'metadata-secret' },
        ...options,
      }
      const first = await chat(server, body)
      if (isContinued) await chat(server, { ...body, session_id: first.session_id, effort: 'low' })
      const claude = argumentsOfProcesses().filter((line) => !line.includes('mcp-echo.mjs'))
      assert.ok(claude.length > 0)
      for (const line of claude) assert.doesNotMatch(line, /secret/)
    },
  )
}
