// What the model can do with Claude Code's tools: nothing if it answers alone, and only within its folder if it may read or edit. The
// model calls tools whether they are offered or not. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import type { Config } from '../../src/config/options.ts'
import { startUpstream } from '../../src/demo/upstream.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step, type TestFolders } from '../helpers/test-server.ts'
import { openScene } from './harness.ts'

type Use = { name: string; input: Record<string, unknown> }

const config: Partial<Config> = {}
const canary = 'canary-of-a-folder-4e1a'
const within = 'the text of a file within'

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function prepare({ root, home, cwd }: TestFolders): void {
  config.cwdRoots = [cwd]
  write(join(home, '.ssh', 'id_rsa'), canary)
  write(join(root, 'outside', 'file.txt'), canary)
  write(`${cwd}er/file.txt`, canary)
  write(join(cwd, 'inside.txt'), within)
  write(join(cwd, '.git', 'config'), '[core]\n')
  write(join(cwd, '.git', 'hooks', 'old'), '')
  symlinkSync(join(root, 'outside', 'file.txt'), join(cwd, 'link.txt'))
  symlinkSync(join(root, 'outside'), join(cwd, 'link'))
}

const scene = await openScene({ config, prepare })
const { root, home, cwd } = scene.folders
/** A server elsewhere that nobody may call. */
const elsewhere = await startUpstream()
after(() => elsewhere.close())

const mark = join(root, 'mark')
const outside = join(root, 'outside')

/** The tool results that the model got in its last request, in the order of its calls, oldest first. */
function results(): { isError: boolean; text: string }[] {
  const blocks = (scene.upstream.requests.at(-1)?.body?.messages ?? []).flatMap(({ content }) =>
    typeof content === 'string' ? [] : content,
  )
  const calls = blocks.filter(({ type }) => type === 'tool_use')
  const found = blocks.filter(({ type }) => type === 'tool_result')
  assert.equal(found.length, calls.length)
  return calls.map(({ id }) => {
    const result = found.find(({ tool_use_id }) => tool_use_id === id)
    assert.ok(result)
    return { isError: result.is_error === true, text: JSON.stringify(result.content) }
  })
}

const filesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

/** The model calls the tools once, offered or not. */
const using = (...uses: Use[]) => `use it ${step({ tools: uses, force_tool: true })}`

const attempts: Use[] = [
  { name: 'Bash', input: { command: `touch ${mark}`, description: 'a command' } },
  { name: 'Write', input: { file_path: mark, content: 'x' } },
  { name: 'Edit', input: { file_path: join(cwd, 'inside.txt'), old_string: within, new_string: 'x' } },
  { name: 'Read', input: { file_path: scene.secretFile.path } },
  { name: 'WebFetch', input: { url: `${elsewhere.url}/`, prompt: 'read it' } },
  { name: 'Task', input: { description: 'a task', prompt: 'do it', subagent_type: 'general-purpose' } },
  { name: 'Agent', input: { description: 'a task', prompt: 'do it', subagent_type: 'general-purpose' } },
  { name: 'Skill', input: { skill: 'init' } },
]

function assertNothingDone(filesBefore: string[]): void {
  assert.equal(existsSync(mark), false)
  assert.deepEqual(filesIn(cwd), filesBefore)
  assert.equal(readFileSync(join(cwd, 'inside.txt'), 'utf8'), within)
  assert.equal(elsewhere.requests.length, 0)
}

const surfaces = [
  ['openai', '/v1/chat/completions', (content: string) => ({ model: 'sonnet', messages: [{ role: 'user', content }] })],
  [
    'anthropic',
    '/v1/messages',
    (content: string) => ({ model: 'sonnet', max_tokens: 500, messages: [{ role: 'user', content }] }),
  ],
] as const

for (const [surface, path, body] of surfaces) {
  // cli-switches-plain.test.ts has it for one of them.
  extendedTest(`F09 ${surface}: a model that calls tools gets nothing; the calls are for the client`, async () => {
    const before = filesIn(cwd)
    const { status, text } = await scene.ask({ path, body: body(using(...attempts)) })
    assert.equal(status, 200, text)
    for (const { name } of attempts) assert.ok(text.includes(`"${name}"`), text)
    assert.deepEqual(scene.upstream.requests.at(-1)?.body?.tools, [])
    assertNothingDone(before)
  })
}

extendedTest('F09 native without tools: a model that calls tools learns that there are no such tools', async () => {
  const before = filesIn(cwd)
  const { status, text } = await scene.ask({ body: { prompt: using(...attempts), tools: [] } })
  assert.equal(status, 200, text)
  const found = results()
  assert.equal(found.length, attempts.length)
  for (const [index, { name }] of attempts.entries()) {
    assert.equal(found[index]?.isError, true)
    assert.match(found[index]?.text ?? '', new RegExp(`No such tool available: ${name}`))
  }
  assertNothingDone(before)
})

/** A conversation for each set of tools and mode, as starting a process takes long. */
const sessions = new Map<string, unknown>()

/** The model uses the tools in one answer; returns the results in the same order. */
async function useAs(tools: string[], mode: string, uses: Use[]): Promise<{ isError: boolean; text: string }[]> {
  const key = `${tools} ${mode}`
  const session = sessions.has(key) ? { session_id: sessions.get(key) } : {}
  const body = { prompt: using(...uses), tools, permission_mode: mode, ...session }
  const answer = await scene.ask({ body })
  assert.equal(answer.status, 200, answer.text)
  sessions.set(key, answer.json.session_id)
  const found = results().slice(-uses.length)
  assert.equal(found.length, uses.length, 'a tool was not used')
  return found
}

async function useOneAs(tools: string[], mode: string, use: Use): Promise<{ isError: boolean; text: string }> {
  const [result] = await useAs(tools, mode, [use])
  assert.ok(result)
  return result
}

const toRead = ['Read', 'Glob', 'Grep']
const toEdit = [...toRead, 'Edit', 'Write']

const reads: [what: string, use: Use][] = [
  ['its own environment', { name: 'Read', input: { file_path: '/proc/self/environ' } }],
  ['names of files elsewhere', { name: 'Glob', input: { pattern: '**/*', path: outside } }],
  ['a file of the system', { name: 'Read', input: { file_path: '/etc/passwd' } }],
  ['the private key', { name: 'Read', input: { file_path: join(home, '.ssh', 'id_rsa') } }],
  ['a file through a link', { name: 'Read', input: { file_path: join(cwd, 'link.txt') } }],
  ['a file in a linked folder', { name: 'Read', input: { file_path: join(cwd, 'link', 'file.txt') } }],
  ['a file above', { name: 'Read', input: { file_path: `${cwd}/../outside/file.txt` } }],
  ['a file of a folder with a similar name', { name: 'Read', input: { file_path: `${cwd}er/file.txt` } }],
  ['the private key by its short name', { name: 'Read', input: { file_path: '~/.ssh/id_rsa' } }],
  ['a file above by a relative name', { name: 'Read', input: { file_path: '../outside/file.txt' } }],
  ['names above by a pattern', { name: 'Glob', input: { pattern: '../outside/**' } }],
  ['names elsewhere by a pattern', { name: 'Glob', input: { pattern: `${outside}/*` } }],
  ['names elsewhere by a pattern with choices', { name: 'Glob', input: { pattern: `{in,${outside}}/*.txt` } }],
  ['names in a linked folder', { name: 'Glob', input: { pattern: 'link/*' } }],
  ['matches in the home', { name: 'Grep', input: { pattern: canary, path: '~', output_mode: 'content' } }],
  ['matches elsewhere', { name: 'Grep', input: { pattern: canary, path: root, output_mode: 'content' } }],
]

for (const mode of ['default', 'dontAsk']) {
  testIf(mode === 'dontAsk')(`F10 to read in mode ${mode}: a file within is read, and nothing else`, async () => {
    const inside = { name: 'Read', input: { file_path: join(cwd, 'inside.txt') } }
    const [allowed, ...others] = await useAs(toRead, mode, [inside, ...reads.map(([, use]) => use)])
    assert.deepEqual([allowed?.isError, allowed?.text.includes(within)], [false, true], allowed?.text)
    for (const [index, [what]] of reads.entries()) {
      const { isError, text = '' } = others[index] ?? {}
      for (const word of [canary, 'root:x:0', 'sk-ant-test', '/file.txt"']) {
        assert.ok(!text.includes(word), `${what}: ${text}`)
      }
      assert.ok(isError || text === '"No files found"', `${what}: ${text}`)
    }
  })
}

test('F09 to read: a model that calls other tools learns that there are no such tools', async () => {
  const before = filesIn(cwd)
  const others = attempts.filter(({ name }) => !toRead.includes(name))
  const found = await useAs(toRead, 'dontAsk', others)
  for (const [index, { name }] of others.entries()) {
    assert.equal(found[index]?.isError, true)
    assert.match(found[index]?.text ?? '', new RegExp(`No such tool available: ${name}`))
  }
  assertNothingDone(before)
})

const content = 'written by the model'
const writing = (file_path: string): Use => ({ name: 'Write', input: { file_path, content } })

const guarded: [what: string, path: string][] = [
  ["git's configuration", '.git/config'],
  ['a hook of git', '.git/hooks/pre-commit'],
  ["Claude Code's settings", '.claude/settings.json'],
  ["Claude Code's local settings", '.claude/settings.local.json'],
  ['a list of MCP servers', '.mcp.json'],
  ["an editor's tasks", '.vscode/tasks.json'],
  ["a shell's start", '.bashrc'],
  ['a file in a linked folder', 'link/new.txt'],
  ['a file through a link', 'link.txt'],
  ['a file above', '../outside/new.txt'],
  ['a file of a folder with a similar name', '../worker/new.txt'],
]

const readOr = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null)

test('F11 to edit: files outside, and files that would give a program or an agent power, are not written', async () => {
  const files = [...guarded.map(([, path]) => join(cwd, path)), join(home, '.bashrc')]
  const before = files.map(readOr)
  const found = await useAs(toEdit, 'acceptEdits', files.map(writing))
  for (const [index, file] of files.entries()) {
    const what = guarded[index]?.[0] ?? 'a file of the home'
    assert.equal(readOr(file), before[index], what)
    assert.equal(found[index]?.isError, true, `${what}: ${found[index]?.text}`)
  }
})

test('F11 to edit: a file within is written and changed', async () => {
  const file = join(cwd, 'new.txt')
  assert.equal((await useOneAs(toEdit, 'acceptEdits', writing(file))).isError, false)
  const change = { name: 'Edit', input: { file_path: file, old_string: 'model', new_string: 'tool' } }
  assert.equal((await useOneAs(toEdit, 'acceptEdits', change)).isError, false)
  assert.equal(readFileSync(file, 'utf8'), 'written by the tool')
})

for (const [tools, mode, what] of [
  [toRead, 'dontAsk', 'to read'],
  [toRead, 'default', 'to read, in a mode that asks'],
  [toRead, 'acceptEdits', 'to read, in a mode that would allow it'],
  [toEdit, 'default', 'to edit, in a mode that asks'],
  [toEdit, 'plan', 'to plan'],
] as const) {
  testIf(what === 'to read')(`F11 ${what}: a file within is not written`, async () => {
    const file = join(cwd, 'not-written.txt')
    const { isError } = await useOneAs([...tools], mode, writing(file))
    assert.deepEqual([isError, existsSync(file)], [true, false])
  })
}

extendedTest('G04 an additional folder is no longer allowed when it is replaced by a link to the outside', async () => {
  const beside = join(root, 'work', 'beside')
  write(join(beside, 'file.txt'), within)
  const reading = using({ name: 'Read', input: { file_path: join(beside, 'file.txt') } })
  const body = {
    prompt: reading,
    cwd: join(cwd, '.git'),
    add_dirs: [beside],
    tools: toRead,
    permission_mode: 'dontAsk',
  }
  const first = await scene.ask({ body })
  assert.deepEqual([results().at(-1)?.isError, results().length], [false, 1], first.text)
  renameSync(beside, `${beside}-aside`)
  symlinkSync(outside, beside)
  const { status } = await scene.ask({ body: { ...body, add_dirs: undefined, session_id: first.json.session_id } })
  assert.equal(status, 200)
  const { isError, text = '' } = results().at(-1) ?? {}
  assert.deepEqual([isError, text.includes(canary)], [true, false], text)
})
