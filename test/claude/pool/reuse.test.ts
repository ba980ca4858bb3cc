// Unrelated conversations that follow one another in one process: the model receives exactly what a fresh process would
// have sent, byte for byte, and nothing from earlier conversations. Conversations that must never share a process do
// not.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RecordedRequest } from '../../../src/demo/upstream.ts'
import { chat, chatError, chatStream, openStream, readChatEvents } from '../../helpers/client.ts'
import { makeFolders, startTestServer, step, type TestFolders, type TestServer } from '../../helpers/test-server.ts'

type Body = Record<string, unknown>

/**
 * One user's folder for all tests. The very first start of the CLI changes it, which counts as a change of settings.
 */
const hooks = { after: after as TestContext['after'] }
const shared = makeFolders(hooks)
const first = await startTestServer(hooks, { folders: shared })
await chat(first, { prompt: 'hi' })
await first.close(0)

let count = 0

/** The user's folder with a new working folder and data folder. */
function newFolders(): TestFolders {
  const folders = { ...shared, cwd: join(shared.root, `work${++count}`), dataDir: join(shared.root, `data${count}`) }
  mkdirSync(folders.cwd)
  return folders
}

/** A server with only one process for everything. */
const oneProcess = (t: Pick<TestContext, 'after'>, folders = newFolders()) =>
  startTestServer(t, { folders, config: { maxProcesses: 1 } })

/** The CLI processes that work in the server's folder. */
function pidsOf({ folders }: TestServer): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const isChild = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid)
      return isChild && readlinkSync(`/proc/${pid}/cwd`) === folders.cwd ? [Number(pid)] : []
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

type Case = {
  title: string
  /** What the process serves first; each of its prompts contains "quokka". */
  before: (server: TestServer) => Promise<unknown>
  request: Body
}

const cases: Case[] = [
  {
    title: "other prompts under Claude Code's own system prompt",
    before: async (server) => {
      await chat(server, { prompt: 'quokka one', tools: [] })
      await chat(server, { prompt: 'quokka two', tools: [] })
    },
    request: { prompt: 'now this', tools: [] },
  },
  {
    title: 'other system prompts',
    before: async (server) => {
      await chat(server, { prompt: 'one', tools: [], system_prompt: 'quokka A' })
      await chat(server, { prompt: 'two', tools: [], system_prompt: '---\nname: quokka\n---\nB' })
    },
    request: { prompt: 'now this', tools: [], system_prompt: 'C\n\n---\n$ARGUMENTS @file !`id` {{x}}' },
  },
  {
    title: 'other models',
    before: async (server) => {
      await chat(server, { prompt: 'quokka', tools: [], system_prompt: 'S', model: 'haiku' })
      await chat(server, { prompt: 'quokka', tools: [], system_prompt: 'S', model: 'opus' })
    },
    request: { prompt: 'now this', tools: [], system_prompt: 'S', model: 'sonnet' },
  },
  {
    title: 'a model requested by name, if none is now',
    before: (server) => chat(server, { prompt: 'quokka', tools: [], system_prompt: 'S', model: 'haiku' }),
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
  {
    title: 'failed turns',
    before: async (server) => {
      for (const status of [401, 529, 400])
        await chatError(server, { prompt: `quokka ${refusal(status)}`, tools: [], system_prompt: 'S' })
    },
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
  {
    title: "failed turns under Claude Code's own system prompt",
    before: (server) => chatError(server, { prompt: `quokka ${refusal(529)}`, tools: [] }),
    request: { prompt: 'now this', tools: [] },
  },
  {
    title: 'a fallback to another model',
    before: (server) =>
      chat(server, {
        prompt: `quokka ${step({ status: 529, times: 3 })}`,
        tools: [],
        system_prompt: 'S',
        model: 'sonnet',
        fallback_model: 'haiku',
      }),
    request: { prompt: 'now this', tools: [], system_prompt: 'S', model: 'sonnet', fallback_model: 'haiku' },
  },
  {
    title: 'a client that disconnected in the middle of an answer',
    before: (server) => disconnectMidAnswer(server, { tools: [], system_prompt: 'S' }),
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
  {
    title: 'a run that took too long',
    before: (server) =>
      chatError(server, { prompt: `quokka ${step({ hang: 'body' })}`, tools: [], system_prompt: 'S', timeout_s: 0.3 }),
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
  {
    title: 'structured output',
    before: (server) => {
      const prompt = `quokka ${step({ tool: 'StructuredOutput', input: { n: 1 } })}`
      return chat(server, { prompt, tools: [], system_prompt: 'S', json_schema: schema })
    },
    request: {
      prompt: step({ tool: 'StructuredOutput', input: { n: 2 } }),
      tools: [],
      system_prompt: 'S',
      json_schema: schema,
    },
  },
  {
    title: 'a structured output that the model did not return',
    before: (server) => chatError(server, { prompt: 'quokka', tools: [], system_prompt: 'S', json_schema: schema }),
    request: {
      prompt: step({ tool: 'StructuredOutput', input: { n: 2 } }),
      tools: [],
      system_prompt: 'S',
      json_schema: schema,
    },
  },
  {
    title: 'images and thinking',
    before: async (server) => {
      await chat(server, { prompt: [{ type: 'text', text: 'quokka' }, image], tools: [], system_prompt: 'S' })
      await chat(server, { prompt: `quokka ${step({ thinking: 5 })}`, tools: [], system_prompt: 'S' })
    },
    request: { prompt: [image, { type: 'text', text: 'now this' }], tools: [], system_prompt: 'S' },
  },
  {
    title: 'an answer that the CLI had to continue',
    before: async (server) => {
      await chat(server, { prompt: `quokka ${step({ stop_reason: 'max_tokens' })}`, tools: [], system_prompt: 'S' })
      await chat(server, { prompt: `quokka ${step({ text: '' })}`, tools: [], system_prompt: 'S' })
    },
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
  {
    title: 'a conversation of several turns',
    before: async (server) => {
      const options = { tools: [], system_prompt: 'S' }
      const { session_id } = await chat(server, { prompt: 'quokka one', ...options })
      for (const prompt of ['quokka two', 'quokka three']) await chat(server, { prompt, session_id, ...options })
    },
    request: { prompt: 'now this', tools: [], system_prompt: 'S' },
  },
]

const used = await oneProcess(hooks)

/** The request of a process that was started only for it, or that got its prompt when it was started. */
async function sendFresh(t: TestContext, request: Body) {
  const folders = { ...used.folders, dataDir: newFolders().dataDir }
  const server = await oneProcess(t, folders)
  await chat(server, request)
  const fresh = wire(last(server))
  await server.close(0)
  return fresh
}

for (const { title, before, request } of cases) {
  test(`after ${title}, a process sends what a fresh one would`, async (t) => {
    await before(used)
    const pids = pidsOf(used)
    assert.equal(pids.length, 1)
    await chat(used, request)
    assert.deepEqual(pidsOf(used), pids, 'one process served all')
    const reused = wire(last(used))
    assert.doesNotMatch(reused.raw, /quokka/)
    const fresh = await sendFresh(t, request)
    assert.equal(reused.raw, fresh.raw)
    assert.deepEqual(reused.headers, fresh.headers)
  })
}

test('a system prompt set in a live process is sent like one that it was started with', async (t) => {
  const request = { prompt: 'now this', tools: [], system_prompt: 'C\n\n---\n$ARGUMENTS @file !`id` {{x}}' }
  await chat(used, { ...request, prompt: 'before', system_prompt: 'B' })
  await chat(used, request)
  // A run with a budget has its own process, which informs the model of the budget.
  const fresh = await sendFresh(t, { ...request, max_budget_usd: 1000 })
  const budget = 'USD budget: $0/$1000; $1000 remaining\\n\\n'
  assert.ok(fresh.raw.includes(budget))
  assert.equal(wire(last(used)).raw, fresh.raw.replace(budget, ''))
})

test('after other prompts in a folder with a CLAUDE.md, a process sends what a fresh one would', async (t) => {
  const folders = newFolders()
  writeFileSync(join(folders.cwd, 'CLAUDE.md'), 'The magic word is abracadabra.\n')
  const server = await oneProcess(t, folders)
  await chat(server, { prompt: 'quokka', tools: [] })
  const pids = pidsOf(server)
  await chat(server, { prompt: 'now this', tools: [] })
  assert.deepEqual(pidsOf(server), pids)
  const reused = wire(last(server))
  await server.close(0)
  const other = await oneProcess(t, folders)
  await chat(other, { prompt: 'now this', tools: [] })
  assert.match(reused.raw, /abracadabra/)
  assert.equal(reused.raw, wire(last(other)).raw)
})

test('twenty conversations, and three that continue, each keep their own history', async (t) => {
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

for (const [title, options, system] of [
  ['its own system prompt', { system_prompt: 'You are Ada.' }, /^You are Ada\.$/],
  ['an addition to the system prompt', { append_system_prompt: 'You are Ada.' }, /You are Ada\.$/],
] as const) {
  test(`a conversation with ${title} continues after its process has served another`, async (t) => {
    const server = await oneProcess(t)
    const { session_id } = await chat(server, { prompt: `one ${step({ text: 'uno' })}`, tools: [], ...options })
    await chat(server, { prompt: `two ${step({ text: 'dos' })}`, tools: [], session_id })
    assert.ok(system.test(systemOf(last(server)).join('')), 'the prompt is the one that it started with')
    await chat(server, { prompt: 'something else', tools: [], system_prompt: 'You are Bob.' })
    const events = await chatStream(server, { prompt: 'three', tools: [], session_id })
    const start = events[0]
    assert.equal(start?.type === 'start' && start.session_id, session_id)
    assert.deepEqual(
      history(last(server)).map((text) => text.split(' ')[0]?.trim()),
      ['one', 'uno', 'two', 'dos', 'three'],
    )
    assert.ok(system.test(systemOf(last(server)).join('')), 'the prompt is the one that it started with')
    assert.doesNotMatch(last(server).raw, /something else|Bob/)
  })
}

test('conversations with tools never share a process', async (t) => {
  const server = await startTestServer(t, { folders: newFolders() })
  await chat(server, { prompt: 'quokka' })
  const first = pidsOf(server)
  await chat(server, { prompt: 'another' })
  const both = pidsOf(server)
  assert.equal(both.length, 2)
  assert.ok(first.every((pid) => both.includes(pid)))
  assert.doesNotMatch(last(server).raw, /quokka/)
})

test('the process of a conversation with tools is ended to make room, not given to another conversation', async (t) => {
  const server = await oneProcess(t)
  await chat(server, { prompt: 'quokka' })
  const first = pidsOf(server)
  await chat(server, { prompt: 'another' })
  const second = pidsOf(server)
  assert.equal(second.length, 1)
  assert.notDeepEqual(second, first)
})

const put = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** Files that the CLI reads when it starts; `change` adds the word that only a new process knows. */
const sources: { title: string; prepare?: (cwd: string) => void; change: (cwd: string) => void }[] = [
  {
    title: 'a CLAUDE.md appears',
    change: (cwd) => put(join(cwd, 'CLAUDE.md'), 'abracadabra'),
  },
  {
    title: 'a CLAUDE.md appears in a parent folder',
    change: (cwd) => put(join(cwd, '..', 'CLAUDE.md'), 'abracadabra'),
  },
  {
    title: 'a file that the CLAUDE.md imports is changed',
    prepare: (cwd) => {
      put(join(cwd, 'CLAUDE.md'), 'see @other.md')
      put(join(cwd, 'other.md'), 'nothing')
    },
    change: (cwd) => put(join(cwd, 'other.md'), 'abracadabra'),
  },
  {
    title: 'a rule is changed in place',
    prepare: (cwd) => put(join(cwd, '.claude', 'rules', 'rule.md'), 'nothing'),
    change: (cwd) => put(join(cwd, '.claude', 'rules', 'rule.md'), 'abracadabra'),
  },
  {
    title: 'the memory of the folder is changed',
    change: (cwd) => {
      const project = join(shared.configDir, 'projects', cwd.replaceAll(/[^A-Za-z0-9]/g, '-'))
      put(join(project, 'memory', 'MEMORY.md'), '- [Word](word.md): abracadabra\n')
    },
  },
]

for (const { title, prepare, change } of sources) {
  test(`a process that has served others is not reused after ${title}`, async (t) => {
    const folders = newFolders()
    const cwd = join(folders.cwd, 'project')
    mkdirSync(cwd)
    prepare?.(cwd)
    const server = await oneProcess(t, { ...folders, cwd })
    await chat(server, { prompt: 'hi', tools: [] })
    assert.doesNotMatch(last(server).raw, /abracadabra/)
    change(cwd)
    await chat(server, { prompt: 'hi', tools: [] })
    assert.ok(last(server).raw.includes('abracadabra'), 'the change reaches the model')
  })
}

/** The ids of the conversations that the live processes were started for. */
const startedFor = (server: TestServer) =>
  pidsOf(server).map((pid) => /--session-id=([0-9a-f-]+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1])

/** Waits until everything that is started before the first request is ready. */
async function untilWarm(server: TestServer): Promise<number> {
  for (const end = Date.now() + 10_000; Date.now() < end; await delay(20)) {
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
  await chat(server, { prompt: 'hi' })
  for (const end = Date.now() + 10_000; Date.now() < end; await delay(20)) {
    const { processes } = (await (await fetch(`${server.url}/v1/health`)).json()) as { processes: { spare: number } }
    if (processes.spare === 2) return
  }
  assert.fail('there is no spare for conversations with tools')
}

test('a conversation with tools starts in a spare if there was one like it before', async (t) => {
  const server = await startTestServer(t, { folders: newFolders(), config: { warm: 1, maxProcesses: 5 } })
  await askOnce(server)
  const ids = startedFor(server)
  const { session_id } = await chat(server, { prompt: 'hi' })
  assert.ok(ids.includes(session_id))
})

test('before the first request there is one spare, and no hook in the settings of the folder has run', async (t) => {
  const folders = newFolders()
  const marker = join(folders.root, 'the hook ran')
  mkdirSync(join(folders.cwd, '.claude'))
  const hook = { hooks: [{ type: 'command', command: `touch '${marker}'` }] }
  writeFileSync(join(folders.cwd, '.claude', 'settings.json'), JSON.stringify({ hooks: { SessionStart: [hook] } }))
  const server = await startTestServer(t, { folders, config: { warm: 1, maxProcesses: 5 } })
  assert.equal(await untilWarm(server), 1)
  assert.equal(existsSync(marker), false)
  // A request behaves like `claude -p`.
  await chat(server, { prompt: 'hi' })
  assert.equal(existsSync(marker), true)
})

test('a spare that has read an old CLAUDE.md is not used', async (t) => {
  const folders = newFolders()
  const memory = join(folders.cwd, 'CLAUDE.md')
  writeFileSync(memory, 'The magic word is abracadabra.\n')
  const server = await startTestServer(t, { folders, config: { warm: 1, maxProcesses: 4 } })
  await askOnce(server)
  const spares = pidsOf(server)
  writeFileSync(memory, 'The magic word is now hocuspocus.\n')
  await chat(server, { prompt: 'hi' })
  assert.match(last(server).raw, /hocuspocus/)
  assert.doesNotMatch(last(server).raw, /abracadabra/)
  assert.ok(pidsOf(server).some((pid) => !spares.includes(pid)))
})
