// Unrelated conversations that follow one another in one process: the model receives exactly what a fresh process would
// have sent, byte for byte, and nothing from earlier conversations. Conversations that must never share a process do
// not. Which process takes a request is tested in scheduling.test.ts.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RecordedRequest } from '../../../src/demo/upstream.ts'
import { chat, chatError, chatStream, openStream, readChatEvents } from '../../helpers/client.ts'
import { extendedTest, test, testIf } from '../../helpers/extended.ts'
import { makeFolders, startTestServer, step, type TestFolders, type TestServer } from '../../helpers/test-server.ts'

type Body = Record<string, unknown>

/** One user's folder for all tests. */
const hooks = { after: after as TestContext['after'] }
const shared = makeFolders(hooks)

let count = 0

/** The user's folder with a new working folder and data folder. */
function newFolders(): TestFolders {
  const folders = { ...shared, cwd: join(shared.root, `work${++count}`), dataDir: join(shared.root, `data${count}`) }
  mkdirSync(folders.cwd)
  return folders
}

/** A server with only one process for everything. */
const used = await startTestServer(hooks, { folders: newFolders(), config: { maxProcesses: 1 } })

/** The CLI processes that work in the folder. */
function pidsOf({ folders }: TestServer, cwd = folders.cwd): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const isChild = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid)
      return isChild && readlinkSync(`/proc/${pid}/cwd`) === cwd ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}

function last({ upstream }: TestServer): RecordedRequest {
  const request = upstream.requests.at(-1)
  assert.ok(request)
  return request
}

/** The request that was sent, without the ids that differ between processes. */
function wire({ raw, body, headers }: RecordedRequest) {
  const session = String(headers['x-claude-code-session-id'])
  assert.ok(String(body?.metadata?.user_id).includes(session))
  const { host: _host, 'content-length': _length, 'x-claude-code-session-id': _session, ...rest } = headers
  return { raw: raw.replaceAll(session, 'SESSION'), headers: rest }
}

/** The user's and the model's own texts in the order of the conversation. */
function history({ body }: RecordedRequest): string[] {
  return (body?.messages ?? []).flatMap(({ role, content }) => {
    if (role === 'system') return []
    const texts = typeof content === 'string' ? [content] : content.map((block) => block.text ?? '')
    return texts.filter((text) => !text.startsWith('<system-reminder>'))
  })
}

const systemOf = ({ body }: RecordedRequest) =>
  Array.isArray(body?.system) ? body.system.slice(2).map((block) => block.text) : [body?.system]

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
const refusal = (status: number) => step({ status, headers: { 'x-should-retry': 'false' } })

/** Starts an answer, reads its first words, and disconnects. */
async function disconnectMidAnswer(server: TestServer, body: Body): Promise<void> {
  const controller = new AbortController()
  const prompt = `quokka ${step({ tokens: 1000, gap: 20 })}`
  const response = await openStream(server, { ...body, prompt }, { signal: controller.signal })
  for await (const event of readChatEvents(response)) if (event.type === 'delta') break
  controller.abort()
  await server.upstream.waitForAbort()
}

const toolless = { tools: [] }
/** The strangest text that can be set in a live process. */
const systemPrompt = 'C\n\n---\n$ARGUMENTS @file !`id` {{x}}'
const plain = { ...toolless, system_prompt: systemPrompt }
const typed = { ...toolless, system_prompt: 'S', json_schema: schema, model: 'sonnet', fallback_model: 'haiku' }
const output = (n: number) => ({ tool: 'StructuredOutput', input: { n } })

/** The folder of the conversations under Claude Code's own system prompt; its files are changed by a test below. */
const project = join(used.folders.cwd, 'project')
mkdirSync(project)
const own = { ...toolless, cwd: project }

type Group = {
  request: Body
  /** What the process that serves the request serves before it; each of these prompts contains "quokka". */
  histories: [title: string, history: (server: TestServer) => Promise<unknown>][]
}

const byTurn: Group = {
  request: { ...plain, prompt: [image, { type: 'text', text: 'now this' }] },
  histories: [
    [
      'other system prompts',
      async (server) => {
        await chat(server, { prompt: 'one', ...toolless, system_prompt: 'quokka A' })
        await chat(server, { prompt: 'two', ...toolless, system_prompt: '---\nname: quokka\n---\nB' })
      },
    ],
    [
      'other models',
      async (server) => {
        await chat(server, { prompt: 'quokka', ...plain, model: 'haiku' })
        await chat(server, { prompt: 'quokka', ...plain, model: 'opus' })
      },
    ],
    [
      'failed turns',
      async (server) => {
        for (const status of [401, 529, 400]) await chatError(server, { prompt: `quokka ${refusal(status)}`, ...plain })
      },
    ],
    ['a client that disconnected in the middle of an answer', (server) => disconnectMidAnswer(server, plain)],
    [
      'a run that took too long',
      (server) => chatError(server, { prompt: `quokka ${step({ hang: 'body' })}`, ...plain, timeout_s: 0.3 }),
    ],
    [
      'images and thinking',
      async (server) => {
        await chat(server, { prompt: [{ type: 'text', text: 'quokka' }, image], ...plain })
        await chat(server, { prompt: `quokka ${step({ thinking: 5 })}`, ...plain })
      },
    ],
    [
      'answers that the CLI had to continue',
      async (server) => {
        await chat(server, { prompt: `quokka ${step({ stop_reason: 'max_tokens' })}`, ...plain })
        await chat(server, { prompt: `quokka ${step({ text: '' })}`, ...plain })
      },
    ],
    [
      'a conversation of several turns',
      async (server) => {
        const { session_id } = await chat(server, { prompt: 'quokka one', ...plain })
        for (const prompt of ['quokka two', 'quokka three']) await chat(server, { prompt, session_id, ...plain })
      },
    ],
  ],
}

const withOutput: Group = {
  request: { ...typed, prompt: step(output(2)) },
  histories: [
    ['structured output', (server) => chat(server, { ...typed, prompt: `quokka ${step(output(1))}` })],
    [
      'a structured output that the model did not return',
      (server) => chatError(server, { ...typed, prompt: 'quokka' }),
    ],
    [
      'a fallback to another model',
      (server) => chat(server, { ...typed, prompt: `quokka ${step({ status: 529, times: 3, ...output(1) })}` }),
    ],
  ],
}

/** The first request of a process that is started for it. */
async function sendFirst(request: Body): Promise<Sent> {
  const before = pidsOf(used)
  await chat(used, request)
  const pids = pidsOf(used, request.cwd as string | undefined)
  assert.equal(pids.length, 1)
  assert.notDeepEqual(pids, before)
  return { ...wire(last(used)), pids }
}

type Sent = ReturnType<typeof wire> & { pids: number[] }

/** Sends the request after others to the same process, which must send the same as when it was new. */
async function checkAfter(history: (server: TestServer) => Promise<unknown>, request: Body, fresh: Sent) {
  await history(used)
  await chat(used, request)
  const reused = wire(last(used))
  assert.doesNotMatch(reused.raw, /quokka/)
  assert.equal(reused.raw, fresh.raw)
  assert.deepEqual(reused.headers, fresh.headers)
  assert.deepEqual(pidsOf(used, request.cwd as string | undefined), fresh.pids, 'one process served all')
}

const sentFirst = new Map<Group, Promise<Sent>>()

/** What the group's process sent when it was new. */
function freshOf(group: Group): Promise<Sent> {
  const sent = sentFirst.get(group) ?? sendFirst(group.request)
  sentFirst.set(group, sent)
  return sent
}

/** The others leave more behind, or the same. */
const rarer = new Set([
  'a run that took too long',
  'images and thinking',
  'answers that the CLI had to continue',
  'a conversation of several turns',
  'a structured output that the model did not return',
])

function testGroup(group: Group): void {
  for (const [title, history] of group.histories) {
    testIf(!rarer.has(title))(`after ${title}, a process sends what a fresh one would`, async () => {
      await checkAfter(history, group.request, await freshOf(group))
    })
  }
}

testGroup(byTurn)

const words = (request: RecordedRequest) => history(request).map((text) => text.split(' ')[0]?.trim())

test('a system prompt set in a live process is sent like one that it was started with', async () => {
  const request = { ...plain, prompt: 'now this' }
  await chat(used, request)
  const live = wire(last(used))
  // A run with a budget has its own process, which informs the model of the budget.
  await chat(used, { ...request, max_budget_usd: 1000 })
  const { raw } = wire(last(used))
  const budget = 'USD budget: $0/$1000; $1000 remaining\\n\\n'
  assert.ok(raw.includes(budget))
  assert.equal(live.raw, raw.replace(budget, ''))
})

test('system prompts of any form reach the model as they are, all in one process', async () => {
  const variable = '$'.concat('{CLAUDE_PLUGIN_ROOT}')
  const prompts = [
    'ends with a line break\n',
    '\n  begins with one\n\n',
    'a\r\nb\r\n',
    `a ${variable} and ${'$'.concat('{user_config.ua}')}`,
    ' ',
    '\ufeffx\u00a0',
    '---\nname: x\n---\n',
  ]
  await chat(used, { ...plain, prompt: 'first' })
  const scratch = String(/Primary working directory: (\S+?)\\n/.exec(last(used).raw)?.[1])
  const pids = pidsOf(used, scratch)
  assert.equal(pids.length, 1)
  // Twice: new ones, and such that were used before.
  for (const system_prompt of [...prompts, ...prompts]) {
    await chat(used, { ...plain, system_prompt, prompt: 'now this' })
    assert.equal(systemOf(last(used)).at(-1), system_prompt)
  }
  assert.deepEqual(pidsOf(used, scratch), pids)
})

for (const [title, options, system] of [
  ['its own system prompt', { system_prompt: 'You are Ada.' }, /^You are Ada\.$/],
  ['an addition to the system prompt', { append_system_prompt: 'You are Ada.' }, /You are Ada\.$/],
] as const) {
  testIf('system_prompt' in options)(
    `a conversation with ${title} continues after its process has served another`,
    async () => {
      const { session_id } = await chat(used, { prompt: `one ${step({ text: 'uno' })}`, tools: [], ...options })
      await chat(used, { prompt: `two ${step({ text: 'dos' })}`, tools: [], session_id })
      assert.ok(system.test(systemOf(last(used)).join('')), 'the prompt is the one that it started with')
      await chat(used, { prompt: 'something else', tools: [], system_prompt: 'You are Bob.' })
      const events = await chatStream(used, { prompt: 'three', tools: [], session_id })
      const start = events[0]
      assert.equal(start?.type === 'start' && start.session_id, session_id)
      assert.deepEqual(words(last(used)), ['one', 'uno', 'two', 'dos', 'three'])
      assert.ok(system.test(systemOf(last(used)).join('')), 'the prompt is the one that it started with')
      assert.doesNotMatch(last(used).raw, /something else|Bob/)
    },
  )
}

test('a conversation goes on in a process that is there, also after a restart, and its file grows by each turn', async (t) => {
  const folders = newFolders()
  const start = () => startTestServer(t, { folders, config: { maxProcesses: 1 } })
  const ask = { tools: [], system_prompt: 'You are Ada.' }
  const server = await start()
  const { session_id } = await chat(server, { ...ask, prompt: `one ${step({ text: 'uno' })}` })
  const pids = pidsOf(server)
  await chat(server, { ...ask, prompt: 'something else' })
  await chat(server, { prompt: `two ${step({ text: 'dos' })}`, tools: [], session_id })
  assert.deepEqual(pidsOf(server), pids)
  assert.deepEqual(words(last(server)), ['one', 'uno', 'two'])
  await server.close(0)
  const next = await start()
  await chat(next, { prompt: `three ${step({ text: 'tres' })}`, tools: [], session_id })
  assert.deepEqual(words(last(next)), ['one', 'uno', 'two', 'dos', 'three'])
  assert.deepEqual(systemOf(last(next)), ['You are Ada.'])
  const { messages } = (await (await fetch(`${next.url}/v1/sessions/${session_id}/messages`)).json()) as {
    messages: unknown[]
  }
  assert.equal(messages.length, 6)
  // The CLI itself goes on with it as well.
  await chat(next, { prompt: 'four', session_id })
  assert.deepEqual(words(last(next)).slice(-7), ['one', 'uno', 'two', 'dos', 'three', 'tres', 'four'])
})

testGroup(withOutput)

const put = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** Files that the CLI reads when it starts; that each is noticed is tested in settings-fingerprint.test.ts. */
function writeSources(word: string): void {
  put(join(project, '..', 'CLAUDE.md'), `parent-${word}`)
  put(join(project, 'CLAUDE.md'), `project-${word}, see @other.md`)
  put(join(project, 'other.md'), `imported-${word}`)
  put(join(project, '.claude', 'rules', 'rule.md'), `rule-${word}`)
  const memory = join(shared.configDir, 'projects', project.replaceAll(/[^A-Za-z0-9]/g, '-'), 'memory', 'MEMORY.md')
  put(memory, `- [Word](word.md): memory-${word}\n`)
}

test("changed files reach the model by a new process; after other prompts under Claude Code's own, it sends what it did when it was new", async () => {
  writeSources('abracadabra')
  await chat(used, { prompt: 'hi', ...own })
  const wordsSent = () =>
    (last(used).raw.match(/(imported|memory|parent|project|rule)-(abracadabra|hocuspocus)/g) ?? []).sort()
  const words = (word: string) => ['imported', 'memory', 'parent', 'project', 'rule'].map((each) => `${each}-${word}`)
  assert.deepEqual(wordsSent(), words('abracadabra'))
  writeSources('hocuspocus')
  const request = { prompt: 'now this', ...own }
  const fresh = await sendFirst(request)
  assert.deepEqual(wordsSent(), words('hocuspocus'))
  const history = async (server: TestServer) => {
    await chat(server, { prompt: 'quokka one', ...own })
    await chatError(server, { prompt: `quokka ${refusal(529)}`, ...own })
  }
  await checkAfter(history, request, fresh)
})

extendedTest('twenty conversations, and three that continue, each keep their own history', async (t) => {
  const server = await startTestServer(t, { folders: newFolders(), config: { maxProcesses: 4 } })
  const sessions = [0, 1, 2].map((n) => ({ id: null as string | null, name: `session${n}`, words: [] as string[] }))
  const startNew = async (n: number) => {
    const [word, system] = [`single${n}-`, `system-single${n}-`]
    await chat(server, { prompt: `${word} ${step({ text: `re:${word}` })}`, tools: [], system_prompt: system })
    return { word, system, words: [word] }
  }
  const continueSession = async (session: (typeof sessions)[number]) => {
    const [word, system] = [`${session.name}-turn${session.words.length}-`, `system-${session.name}-`]
    const prompt = `${word} ${step({ text: `re:${word}` })}`
    const reply = await chat(server, { prompt, tools: [], system_prompt: system, session_id: session.id })
    assert.equal(reply.session_id, session.id ?? reply.session_id)
    session.id = reply.session_id
    session.words.push(word)
    return { word, system, words: [...session.words] }
  }
  const turns: Awaited<ReturnType<typeof startNew>>[] = []
  for (let n = 0; n < 20; n += 2) {
    const session = sessions[(n / 2) % 3]
    assert.ok(session)
    turns.push(...(await Promise.all([startNew(n), continueSession(session), startNew(n + 1)])))
  }
  assert.equal(server.upstream.requests.length, 30)
  assert.ok(pidsOf(server).length <= 4)
  for (const { word, system, words } of turns) {
    const request = server.upstream.requests.find((each) => history(each).at(-1)?.startsWith(word))
    assert.ok(request, word)
    assert.deepEqual(systemOf(request), [system])
    const sent = history(request).map((text) => text.split(' ')[0])
    const expected = words.flatMap((each) => [each, `re:${each}`]).slice(0, -1)
    assert.deepEqual(sent, expected)
    const foreign = request.raw.match(/(single\d+|session\d+)-/g)?.filter((name) => !word.startsWith(name))
    assert.deepEqual(foreign, [])
  }
})

/** The ids of the conversations that the live processes were started for. */
const startedFor = (server: TestServer) =>
  pidsOf(server).map((pid) => /--session-id=([0-9a-f-]+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1])

/** Waits until everything that is started before the first request is ready. */
async function untilWarm(server: TestServer): Promise<number> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(20)) {
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as { abilities: { reuse_processes: string } }
    const { processes } = (await (await fetch(`${server.url}/v1/health`)).json()) as {
      processes: { live: number; idle: number }
    }
    const isChecked = ready.abilities.reuse_processes !== 'not_checked'
    if (isChecked && processes.idle > 0 && processes.idle === processes.live) return processes.live
  }
  return assert.fail('the first processes are not ready')
}

/**
 * The first conversation with tools makes its profile a recent one; waits until a spare with that profile is ready as
 * well.
 */
async function askOnce(server: TestServer): Promise<void> {
  await untilWarm(server)
  await chat(server, { prompt: 'quokka' })
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(20)) {
    const { processes } = (await (await fetch(`${server.url}/v1/health`)).json()) as { processes: { spare: number } }
    if (processes.spare === 2) return
  }
  assert.fail('there is no spare for conversations with tools')
}

test('before the first request there is one spare, and no hook in the settings of the folder has run', async (t) => {
  const folders = newFolders()
  const marker = join(folders.root, 'the hook ran')
  const hook = { hooks: [{ type: 'command', command: `touch '${marker}'` }] }
  put(join(folders.cwd, '.claude', 'settings.json'), JSON.stringify({ hooks: { SessionStart: [hook] } }))
  const server = await startTestServer(t, { folders, config: { warm: 1, maxProcesses: 2 } })
  assert.equal(await untilWarm(server), 1)
  assert.equal(existsSync(marker), false)
  // A request behaves like `claude -p`.
  await chat(server, { prompt: 'hi' })
  assert.equal(existsSync(marker), true)
})

extendedTest('a conversation with tools starts in a spare if there was one like it before', async (t) => {
  const server = await startTestServer(t, { folders: newFolders(), config: { warm: 1, maxProcesses: 3 } })
  await askOnce(server)
  const ids = startedFor(server)
  const { session_id } = await chat(server, { prompt: 'another' })
  assert.ok(ids.includes(session_id))
  assert.doesNotMatch(last(server).raw, /quokka/, 'conversations with tools never share a process')
})
