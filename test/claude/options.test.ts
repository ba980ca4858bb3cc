// Every field of a chat request that configures Claude, followed through the real CLI to what the model's API receives
// or to what the CLI does. Also: none of a client's own text is in the arguments of a process.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { MessagesBody } from '../../src/demo/upstream.ts'
import { chat, chatError } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 10 } })
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

test('model selects the model by its full name or an alias', async () => {
  // With tools it is tested by the run with many options.
  const full = await chat(server, { prompt: 'hi', model: 'claude-sonnet-5-5', tools: [], system_prompt: 'S' })
  assert.deepEqual([sent().model, full.model], ['claude-sonnet-5-5', 'claude-sonnet-5-5'])
  const alias = await chat(server, { prompt: 'hi', model: 'haiku', tools: [], system_prompt: 'S' })
  assert.deepEqual([sent().model, alias.model], ['claude-haiku-5-5', 'claude-haiku-5-5'])
  assert.deepEqual(toolNames(sent()), [], 'with tools [] it has none')
})

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

/** Those with Claude Code's own prompt need a process each; the run with many options tests them too. */
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
    testIf(kind === 'without tools' && title.includes('system_prompt') && !title.startsWith('append'))(
      `${title}, ${kind}`,
      async () => {
        await chat(server, { prompt: 'hi', ...fields, ...options })
        check(systemOf(sent()))
      },
    )
  }
}

test('max_budget_usd ends a run that exceeds it, and the error has its session and cost; a system_prompt keeps its blank space', async () => {
  const fields = { tools: [], max_budget_usd: 0.000001, system_prompt: ' \r\n Be a pirate.\n ' }
  const { status, body } = await chatError(server, { prompt: 'hi', ...fields })
  assert.equal(status, 402)
  assert.equal(body.code, 'budget_exceeded')
  assert.match(String(body.session_id), /^[0-9a-f-]{36}$/)
  assert.ok(Number(body.cost_usd) > 0.000001)
  assert.match(body.error, /budget/i)
  assert.deepEqual(systemOf(sent()), [fields.system_prompt])
})

test('with tools ["Read"] the model has exactly this tool, effort reaches it, and max_turns stops a model that keeps calling it', async () => {
  const prompt = step({ tool: 'Read', input: { file_path: join(folders.cwd, 'none') }, repeat: true })
  const { status, body } = await chatError(server, { prompt, tools: ['Read'], effort: 'max', max_turns: 2 })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /turns/)
  assert.equal(upstream.requests.length, 2)
  assert.deepEqual(toolNames(sent()), ['Read'])
  assert.equal(sent().output_config?.effort, 'max')
})

for (const mode of ['default', 'plan']) {
  extendedTest(`permission_mode ${mode} denies a Write and reports it`, async () => {
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

/** A CLAUDE.md and the settings of a folder, with signs of each in a request. */
const settings = JSON.stringify({ model: 'claude-haiku-5-5' })
const memory = 'The magic word is abracadabra.\n'
const applied = (body: MessagesBody) => [
  JSON.stringify(body).includes('abracadabra'),
  body.model === 'claude-haiku-5-5',
]

function writeSettings(cwd: string): void {
  writeFileSync(join(cwd, 'CLAUDE.md'), memory)
  mkdirSync(join(cwd, '.claude'))
  writeFileSync(join(cwd, '.claude', 'settings.json'), settings)
}

for (const sources of [['user'], []]) {
  testIf(sources.length > 0)(
    `permission_mode acceptEdits allows a Write in the folder but not elsewhere; setting_sources ${JSON.stringify(sources)} leave out its files`,
    async () => {
      const cwd = makeFolder(`with-settings-${sources.length}`)
      writeSettings(cwd)
      const [inside, outside] = [join(cwd, 'accepted.txt'), join(folders.root, 'outside.txt')]
      const options = { cwd, permission_mode: 'acceptEdits', setting_sources: sources }
      const reply = await chat(server, { prompt: write(inside) + write(outside), ...options })
      assert.equal(readFileSync(inside, 'utf8'), 'written')
      assert.equal(existsSync(outside), false)
      assert.deepEqual(
        reply.permission_denials.map((denial) => denial.tool_input.file_path),
        [outside],
      )
      assert.deepEqual(applied(sent(0)), [false, false])
    },
  )
}

const echoServer = {
  command: process.execPath,
  args: [fileURLToPath(new URL('../fixtures/mcp-echo.mjs', import.meta.url)), '--mcp-secret'],
  env: { ECHO_SUFFIX: '!' },
}
const callEcho = (name: string) => step({ tool: `mcp__${name}__echo`, input: { text: 'hello' } })

/** One run with all options that do not affect each other; the tests after it look at what came of it. */
async function runWithManyOptions() {
  const cwd = makeFolder('elsewhere', { 'here.txt': '' })
  const extra = makeFolder('extra', { 'note.txt': 'the word is xylophone' })
  const [allowed, unlisted, excluded, unwritten] = ['touched', 'unlisted', 'excluded', 'unwritten'].map((name) =>
    join(cwd, name),
  ) as [string, string, string, string]
  const sage = { description: 'knows all about owls', prompt: 'You are the owl sage.', model: 'haiku', tools: ['Read'] }
  const question = { description: 'ask', prompt: 'what do owls eat', subagent_type: 'sage', run_in_background: false }
  const calls = [
    bash('pwd; ls'),
    bash(`touch ${allowed}`),
    bash(`mkdir ${unlisted}`),
    bash(`touch ${excluded}`),
    write(unwritten),
    step({ tool: 'Read', input: { file_path: join(extra, 'note.txt') } }),
    step({ tool: 'Agent', input: question }),
  ]
  const reply = await chat(server, {
    prompt: `prompt-secret ${calls.join('')}`,
    model: 'haiku',
    append_system_prompt: 'Say arr. append-secret',
    permission_mode: 'dontAsk',
    allowed_tools: ['Bash(touch *)', 'Agent'],
    disallowed_tools: ['Edit', `Bash(touch ${excluded})`],
    cwd,
    add_dirs: [extra],
    mcp_servers: { echo: { ...echoServer, env: { ECHO_SUFFIX: 'env-secret' } } },
    agents: { sage, other: { description: 'description-secret', prompt: 'agent-secret' } },
    metadata: { note: 'metadata-secret' },
  })
  const requests = upstream.requests.map(({ body }) => body).filter((body) => body !== null)
  const own = requests.filter((body) => JSON.stringify(body.messages).includes('prompt-secret'))
  const [first, last] = [own.at(0), own.at(-1)]
  assert.ok(first && last)
  const delegated = requests.find((body) => JSON.stringify(body.system).includes('You are the owl sage.'))
  const files = [allowed, unlisted, excluded, unwritten].map((file) => existsSync(file))
  return { reply, first, last, delegated, cwd, allowed, unlisted, excluded, unwritten, files, requests }
}

let running: ReturnType<typeof runWithManyOptions> | null = null
function manyOptions() {
  running ??= runWithManyOptions()
  return running
}

test('the arguments of a process contain no text of a client, with tools', async () => {
  await manyOptions()
  checkArguments()
})

test('permission_mode dontAsk denies what is not allowed and reports it', async () => {
  const { reply, unlisted, excluded, unwritten, files } = await manyOptions()
  assert.deepEqual(
    reply.permission_denials.map(({ tool_name, tool_input }) => [
      tool_name,
      tool_input.command ?? tool_input.file_path,
    ]),
    [
      ['Bash', `mkdir ${unlisted}`],
      ['Bash', `touch ${excluded}`],
      ['Write', unwritten],
    ],
  )
  assert.deepEqual(files.slice(1), [false, false, false])
})

test('allowed_tools allows a command that would otherwise be denied; disallowed_tools with a pattern denies one that would be allowed', async () => {
  const { files, reply, excluded } = await manyOptions()
  assert.deepEqual(files, [true, false, false, false])
  assert.ok(reply.permission_denials.some(({ tool_input }) => tool_input.command === `touch ${excluded}`))
})

test('disallowed_tools removes a tool from the model', async () => {
  const { first } = await manyOptions()
  assert.ok(toolNames(first).includes('Read') && toolNames(first).includes('Bash'))
  assert.ok(!toolNames(first).includes('Edit'))
})

test('cwd is the folder in which Claude works', async () => {
  const { first, last, cwd } = await manyOptions()
  assert.match(environmentOf(first), new RegExp(`working directory: ${cwd}\n`))
  assert.match(resultText(last), new RegExp(`${cwd}\nhere.txt`))
})

test('agents are offered to the model and work with their own prompt', async () => {
  const { first, delegated } = await manyOptions()
  assert.match(environmentOf(first), /- sage: knows all about owls/)
  assert.equal(delegated?.model, 'claude-haiku-5-5')
  assert.deepEqual(delegated && toolNames(delegated), ['Read'])
  assert.match(JSON.stringify(delegated?.messages), /what do owls eat/)
})

test('model and append_system_prompt apply to an agent too', async () => {
  const { reply, first } = await manyOptions()
  assert.deepEqual([first.model, reply.model], ['claude-haiku-5-5', 'claude-haiku-5-5'])
  const prompt = systemOf(first).join('\n')
  assert.ok(prompt.endsWith('Say arr. append-secret'))
  assert.ok(prompt.length > 2000)
})

test('metadata is accepted and does not reach the model', async () => {
  const { requests } = await manyOptions()
  assert.doesNotMatch(JSON.stringify(requests), /metadata-secret/)
})

test('add_dirs makes another folder readable; null means the same as an omitted field; all sources of settings apply by default', async (t) => {
  const { last } = await manyOptions()
  assert.match(resultText(last), /xylophone/)
  writeSettings(folders.cwd)
  t.after(() => {
    for (const name of ['CLAUDE.md', '.claude']) rmSync(join(folders.cwd, name), { recursive: true })
  })
  const fields = [
    'session_id', 'fork', 'model', 'fallback_model', 'system_prompt', 'append_system_prompt', 'max_budget_usd', 'max_turns',
    'permission_mode', 'allowed_tools', 'disallowed_tools', 'tools', 'cwd', 'add_dirs', 'effort', 'json_schema', 'mcp_servers',
    'agents', 'setting_sources', 'timeout_s', 'approvals', 'background', 'commands', 'metadata',
  ] // biome-ignore format: a list reads better in lines than in a column
  const reply = await chat(server, {
    prompt: step({ tool: 'Read', input: { file_path: join(folders.root, 'extra', 'note.txt') } }),
    ...Object.fromEntries(fields.map((name) => [name, null])),
  })
  assert.equal(reply.permission_denials.length, 1)
  assert.doesNotMatch(JSON.stringify(sent().messages), /xylophone/)
  assert.deepEqual(applied(sent()), [true, true])
  assert.ok(systemOf(sent()).join('\n').length > 2000, "the prompt is Claude Code's own")
  for (const name of ['Bash', 'Edit', 'Read', 'Write']) assert.ok(toolNames(sent()).includes(name), name)
})

const schema = {
  type: 'object',
  properties: { city: { type: 'string', description: 'schema-secret' } },
  required: ['city'],
  additionalProperties: false,
}

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')

for (const [kind, options, ending] of [
  // If the CLI stores the images of a conversation on disk, it adds a note with their location.
  ['with tools', {}, '\n'],
  ['without tools', { tools: [], system_prompt: 'S' }, ''],
] as const) {
  extendedTest(`a prompt of blocks arrives in order and byte for byte, ${kind}`, async () => {
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

/** The processes were given a text of the client, but none has it in its arguments. */
function checkArguments(): void {
  const claude = argumentsOfProcesses().filter((line) => !line.includes('mcp-echo.mjs'))
  assert.ok(claude.length > 0)
  for (const line of claude) assert.doesNotMatch(line, /secret/)
}

const secretFields = {
  json_schema: schema,
  mcp_servers: { echo: echoServer, other: { ...echoServer, env: { ECHO_SUFFIX: 'env-secret' } } },
  allowed_tools: ['mcp__echo'],
  agents: { sage: { description: 'description-secret', prompt: 'agent-secret' } },
  metadata: { note: 'metadata-secret' },
}
const call = (input: Record<string, unknown>) => step({ tool: 'StructuredOutput', input })
const prompt = `prompt-secret ${call({ city: 'Rome' })}`

test('json_schema returns a validated object; mcp_servers gives the model tools, which work if they are allowed', async () => {
  const options = { ...secretFields, tools: [], append_system_prompt: 'append-secret' }
  const reply = await chat(server, { ...options, prompt: `${callEcho('echo')}${callEcho('other')}${prompt}` })
  assert.deepEqual(reply.structured_output, { city: 'Rome' })
  assert.deepEqual(JSON.parse(reply.result), { city: 'Rome' })
  const offered = sent(0).tools?.find((tool) => tool.name === 'StructuredOutput')
  assert.deepEqual(offered?.input_schema, schema)
  assert.equal(upstream.requests.length, 3)
  const others = toolNames(sent(0)).filter((name) => name !== 'StructuredOutput')
  assert.deepEqual(others, ['mcp__echo__echo', 'mcp__other__echo'])
  assert.match(resultText(sent()), /echo: hello!/)
  assert.doesNotMatch(resultText(sent()), /env-secret/)
  assert.deepEqual(
    reply.permission_denials.map((denial) => denial.tool_name),
    ['mcp__other__echo'],
  )
  const more = { ...options, session_id: reply.session_id }

  // Objects that do not match are rejected until the model returns one that does.
  const before = upstream.requests.length
  const second = await chat(server, { ...more, prompt: `prompt-secret ${call({ city: 5 })}${call({ city: 'Oslo' })}` })
  assert.deepEqual(second.structured_output, { city: 'Oslo' })
  assert.equal(upstream.requests.length, before + 2)

  // One that never does is an error, not an answer.
  const { status, body } = await chatError(server, { ...more, prompt: 'only words' })
  assert.deepEqual([status, body.code], [502, 'claude_failed'])
  assert.match(body.error, /requested JSON Schema/)
  checkArguments()
})

extendedTest('json_schema and mcp_servers apply to a conversation that continues in another process', async () => {
  const options = { ...secretFields, tools: [], append_system_prompt: 'append-secret' }
  const { session_id } = await chat(server, { ...options, prompt: `${callEcho('echo')}${prompt}` })
  // It is another one because of the effort.
  const reply = await chat(server, { ...options, session_id, prompt, effort: 'low' })
  assert.deepEqual(reply.structured_output, { city: 'Rome' })
  checkArguments()
})

extendedTest('json_schema returns a validated object, with all tools', async () => {
  const reply = await chat(server, { prompt: call({ city: 'Berlin' }), json_schema: schema })
  assert.deepEqual(reply.structured_output, { city: 'Berlin' })
  assert.deepEqual(JSON.parse(reply.result), { city: 'Berlin' })
  assert.equal(upstream.requests.length, 1)
})

for (const [kind, fields] of [
  ['without tools', { tools: [], system_prompt: 'system-secret', append_system_prompt: 'append-secret' }],
  ['with a prompt of its own, continued', { system_prompt: 'system-secret' }],
] as const) {
  extendedTest(`the arguments of a process contain no text of a client, ${kind}`, async () => {
    const { session_id } = await chat(server, { ...secretFields, ...fields, prompt })
    if (!('tools' in fields)) await chat(server, { ...secretFields, ...fields, prompt, session_id, effort: 'low' })
    checkArguments()
  })
}
