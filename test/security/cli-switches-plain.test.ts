// The full set of switches as the server really uses it: plain models on the OpenAI and Anthropic surfaces, with the user's home, its
// settings and the server's default folder as bad as can be; then the same processes with the hostile folder as their own. Every
// prompt is text to the model, and nothing is read, run or written.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { ownIdentity, ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { noOptions, noPlainOptions } from '../../src/core/agent.ts'
import { type MessagesBody, startUpstream } from '../../src/demo/upstream.ts'
import { createCliPool } from '../helpers/cli-pool.ts'
import { type Answer, post } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { testClaude } from '../helpers/test-claude.ts'
import { makeFolders, startTestServer, step, type TestFolders } from '../helpers/test-server.ts'
import { columns } from './cli-switches-table.ts'
import { canariesIn, type HostileFolder, makeHostileFolder } from './hostile-folder.ts'

const hooks = { after: after as TestContext['after'] }

// The worst case: the user trusts the folder and allows every command.
async function makeScene() {
  const folders = makeFolders(hooks)
  const [upstream, astray] = await Promise.all([startUpstream(), startUpstream()])
  const folder = makeHostileFolder(folders, astray.url)
  folder.allowBash()
  folder.trust()
  folder.setDefaultMode('acceptEdits')
  const filesOf = (path: string) => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
  const filesBefore = filesOf(folder.cwd)
  /** No attack has had any effect so far. */
  const assertUntouched = () => {
    assert.deepEqual(canariesIn(upstream.requests.map(({ raw }) => raw).join('\n')), [])
    assert.deepEqual([...folder.marks(), ...folder.heapDumps()], [])
    assert.equal(folder.hasOriginalSettings(), true)
    assert.deepEqual(filesOf(folder.cwd), filesBefore)
    assert.equal(astray.requests.length, 0)
  }
  return { folders, folder, upstream, astray, assertUntouched }
}

/** Runs in place of the CLI and records how each of its processes is started, and in which folder. */
function makeStartRecorder({ root }: TestFolders): { path: string; starts: () => string[] } {
  const folder = join(root, 'starts')
  const path = join(root, 'claude')
  mkdirSync(folder)
  const looks = `pwd; echo "files: $(ls -A)"; echo "attachments: $CLAUDE_CODE_DISABLE_ATTACHMENTS"; printf '%s\\n' "$@"`
  writeFileSync(path, `#!/bin/sh\n{ ${looks}; } > '${folder}'/$$\nexec '${testClaude}' "$@"\n`)
  chmodSync(path, 0o755)
  return { path, starts: () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')) }
}

const scene = await makeScene()
const { folder, upstream, assertUntouched } = scene
const recorder = makeStartRecorder(scene.folders)
const server = await startTestServer(hooks, { ...scene, config: { claudeBin: recorder.path } })
after(() => Promise.all([scene.upstream.close(), scene.astray.close()]))

type Prompts = readonly (readonly [what: string, prompt: string])[]

const promptsFor = ({ files, mark }: HostileFolder): Prompts => [
  ['a mention of a file elsewhere', `see @${files.outside}`],
  ['a mention of the private key', '@~/.ssh/id_rsa'],
  ['a mention of a file by its name', '@inside.txt'],
  ['a mention of a file of the folder', `@${files.inside} and @"${files.inside}"`],
  ['/config theme=light', '/config theme=light'],
  ['/heapdump', '/heapdump'],
  ["the repository's command", '/hostile-command x'],
  ["the repository's skill", '/hostile-skill'],
  ["the plugin's agent", '@agent-hostile-plugin:plugin-agent go'],
  ['!id', '!id'],
  ['a shell command as command files may contain it', `!\`touch ${mark('shell')}\` $ARGUMENTS`],
  ['--version', '--version'],
]

const prompts = promptsFor(folder)

/** A command behind one of these is not a command, unless somebody trims it. */
const blanks = {
  'a line break': '\n',
  'a tab': '\t',
  'two spaces': '  ',
  'a no-break space': '\u00a0',
  'a zero-width space': '\u200b',
  'a byte order mark': '\ufeff',
}

const disguised: Prompts = Object.entries(blanks).flatMap(([what, blank]) => [
  [`${what} and a command`, `${blank}/config theme=light`],
  [`${what} and a mention`, `${blank}@inside.txt`],
])

type Message = { role: 'user' | 'assistant'; content: string | { type: 'text'; text: string }[] }
type Conversation = { system?: string; messages: Message[]; tools?: string[] }
type Surface = { name: string; ask(fields: Conversation): Promise<Answer> }

const schema = { type: 'object', properties: {} }

const surfaces: readonly Surface[] = [
  {
    name: 'openai',
    ask: ({ system, messages, tools }) =>
      post(server, '/v1/chat/completions', {
        model: 'sonnet',
        messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messages],
        ...(tools && { tools: tools.map((name) => ({ type: 'function', function: { name, parameters: schema } })) }),
      }),
  },
  {
    name: 'ollama',
    ask: ({ system, messages, tools }) =>
      post(server, '/api/chat', {
        model: 'sonnet',
        stream: false,
        messages: [
          ...(system === undefined ? [] : [{ role: 'system', content: system }]),
          // Its messages have no blocks.
          ...messages.flatMap(({ role, content }) => textsOf(content).map((text) => ({ role, content: text }))),
        ],
        ...(tools && { tools: tools.map((name) => ({ type: 'function', function: { name, parameters: schema } })) }),
      }),
  },
  {
    name: 'anthropic',
    ask: ({ tools, ...fields }) =>
      post(server, '/v1/messages', {
        model: 'sonnet',
        max_tokens: 500,
        ...fields,
        ...(tools && { tools: tools.map((name) => ({ name, input_schema: schema })) }),
      }),
  },
]

/** The body of the one request to the model that the call has caused. */
async function sentBy(asking: Promise<Answer>): Promise<MessagesBody> {
  const before = upstream.requests.length
  const { status, body } = await asking
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(upstream.requests.length, before + 1, 'one request')
  const sent = upstream.requests.at(-1)?.body
  assert.ok(sent)
  return sent
}

const textsOf = (content: unknown) =>
  typeof content === 'string' ? [content] : ((content ?? []) as { text?: string }[]).map(({ text }) => text)

/** The texts of each message in this role. */
const textsIn = ({ messages }: MessagesBody, role: string) =>
  messages.filter((message) => message.role === role).map(({ content }) => textsOf(content))

const user = (content: Message['content']): Message => ({ role: 'user', content })
const blocks = (...texts: string[]) => texts.map((text) => ({ type: 'text' as const, text }))

type Position = {
  name: string
  put(prompt: string): Conversation
  find(sent: MessagesBody): unknown
  wanted(prompt: string): unknown
}

const asPrompt: Position = {
  name: 'the prompt',
  put: (prompt) => ({ messages: [user(prompt)] }),
  find: (sent) => textsIn(sent, 'user'),
  wanted: (prompt) => [[prompt]],
}

const positions: readonly Position[] = [
  asPrompt,
  {
    name: 'the last of several blocks',
    put: (prompt) => ({ messages: [user(blocks('first', prompt))] }),
    find: (sent) => textsIn(sent, 'user'),
    wanted: (prompt) => [['first', prompt]],
  },
  {
    name: 'an earlier prompt',
    put: (prompt) => ({ messages: [user(prompt), { role: 'assistant', content: 'yes' }, user('go on')] }),
    find: (sent) => textsIn(sent, 'user'),
    wanted: (prompt) => [[prompt], ['go on']],
  },
  {
    name: 'an earlier answer',
    put: (prompt) => ({ messages: [user('say it'), { role: 'assistant', content: prompt }, user('go on')] }),
    find: (sent) => textsIn(sent, 'assistant'),
    wanted: (prompt) => [[prompt]],
  },
  {
    name: 'the system prompt',
    put: (system) => ({ system, messages: [user('hello')] }),
    find: ({ system }) => textsOf(system).slice(2),
    wanted: (prompt) => [prompt],
  },
]

async function checkText(surface: Surface, position: Position, prompt: string): Promise<void> {
  assert.deepEqual(position.find(await sentBy(surface.ask(position.put(prompt)))), position.wanted(prompt))
  assertUntouched()
}

/** The surfaces in turn. */
const surfaceAt = (index: number) => surfaces[index % surfaces.length] as Surface

for (const [row, position] of positions.entries()) {
  for (const [index, [what, prompt]] of prompts.entries()) {
    const surface = surfaceAt(row + index)
    testIf(position === asPrompt)(`F25 ${surface.name}: ${what} as ${position.name} is text`, () =>
      checkText(surface, position, prompt),
    )
  }
}

for (const [index, [what, prompt]] of disguised.entries()) {
  const surface = surfaceAt(index)
  extendedTest(`F25 ${surface.name}: ${what} as the prompt is text`, () => checkText(surface, asPrompt, prompt))
}

/** A prompt that makes the model call these tools, one after the other as long as it may, whether they are offered or not. */
const calling = ({ files, mark }: HostileFolder) => {
  const calls = [
    { name: 'Read', input: { file_path: files.sshKey } },
    { name: 'Read', input: { file_path: files.inside } },
    { name: 'Bash', input: { command: `touch ${mark('bash')}`, description: 'a command' } },
    { name: 'Write', input: { file_path: mark('write'), content: 'x' } },
  ]
  return calls.map((call) => step({ tools: [call], force_tool: true })).join(' ')
}

for (const surface of surfaces) {
  testIf(surface.name === 'anthropic')(
    `F25 ${surface.name}: a model that calls Claude Code's tools gets none; the calls are for the client`,
    async () => {
      const { status, body } = await surface.ask({ messages: [user(calling(folder))] })
      assert.equal(status, 200)
      // Ollama's answers have no such reason.
      assert.match(
        JSON.stringify(body),
        /"(stop_reason|finish_reason)":"tool_(use|calls)"|"message":{.*"tool_calls":\[{/,
      )
      assert.deepEqual(upstream.requests.at(-1)?.body?.tools, [])
      assertUntouched()
    },
  )

  testIf(surface.name === 'anthropic')(
    `F25 ${surface.name}: a client's tools named like Claude Code's are left to the client`,
    async () => {
      const asking = surface.ask({ messages: [user(calling(folder))], tools: ['Read', 'Bash', 'Write'] })
      assert.equal((await sentBy(asking)).tools?.length, 3)
      assert.match(JSON.stringify((await asking).body), /"name":"Read".*id_rsa/)
      assertUntouched()
    },
  )
}

test('F25 each process of plain models was started with the full set of switches, in an empty folder elsewhere', () => {
  const starts = recorder.starts().filter((start) => start.includes('--input-format'))
  assert.ok(starts.length > 0)
  const line = [...(columns.find(({ name }) => name === 'HARD')?.arguments ?? []), '--setting-sources=']
  for (const start of starts) {
    const [cwd = '', ...lines] = start.split('\n')
    assert.deepEqual(
      line.filter((argument) => !lines.includes(argument)),
      [],
    )
    assert.deepEqual(lines.slice(0, 2), ['files: ', 'attachments: 1'])
    assert.ok(!cwd.startsWith(scene.folders.root), cwd)
  }
})

// The empty folder is the last defence, not the only one.
const inside = await makeScene()
const registry = new ProcessRegistry(inside.folders.dataDir, await ownIdentity())
const pool = createCliPool({
  folders: inside.folders,
  registry,
  upstreamUrl: inside.upstream.url,
  limits: { maxProcesses: 1 },
  scratchDir: inside.folders.cwd,
})
after(async () => {
  await pool.close(2000)
  await Promise.all([registry.close(), inside.upstream.close(), inside.astray.close()])
})

/** The outcome of a run of the plain model with this prompt. */
async function runInside(text: string): Promise<string | undefined> {
  const request = {
    runId: 'run_inside',
    prompt: [{ type: 'text' as const, text }],
    session: { kind: 'history' as const, messages: [] },
    options: { ...noOptions, systemPrompt: 'You are A.' },
    streaming: true,
    plain: noPlainOptions,
    approvals: false,
    isAuxiliary: false,
  }
  let outcome: string | undefined
  for await (const event of pool.run(request, new AbortController().signal)) {
    if (event.type === 'run-end') outcome = event.outcome
  }
  return outcome
}

for (const [what, prompt] of promptsFor(inside.folder)) {
  extendedTest(`F25 in the hostile folder itself: ${what} is text`, async () => {
    const before = inside.upstream.requests.length
    assert.equal(await runInside(prompt), 'succeeded')
    const requests = inside.upstream.requests.slice(before)
    assert.deepEqual(
      requests.map(({ body }) => body && textsIn(body, 'user')),
      [[[prompt]]],
    )
    inside.assertUntouched()
  })
}

test("F25 in the hostile folder itself: a model that calls Claude Code's tools gets none", async () => {
  assert.equal(await runInside(calling(inside.folder)), 'succeeded')
  const { body, raw } = inside.upstream.requests.at(-1) ?? { raw: '' }
  assert.ok(raw.includes(inside.folders.cwd), 'it did not work in that folder')
  assert.deepEqual(body?.tools, [])
  inside.assertUntouched()
})
