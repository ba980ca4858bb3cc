// What a CLI process and other users of the machine can see: environment variables, the search path, and the list of processes. Each
// title begins with the number of its attack. For spawn-contract.test.ts, whose server it uses.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Executable } from '../../src/claude/cli/executable.ts'
import { post } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { fakeCli, makeFolders, step, type TestFolders, testEnvironment } from '../helpers/test-server.ts'
import type { Request, Scene } from './harness.ts'
import { foreignVariables, holdsForeign, namesInChild, passedVariables } from './spawn-environment.ts'
import { type CliProcess, liveProcesses } from './spawn-processes.ts'
import { makeProcessScene } from './spawn-server.ts'

type Entry = [what: string, path: (folders: TestFolders) => string]

/** Search path entries that a process must not have. */
const dropped: Entry[] = [
  ['the current folder', () => '.'],
  ['an empty entry', () => ''],
  ['a relative folder', () => 'bin'],
  ['a relative folder with a dot', () => './bin'],
  ['a relative folder through its parent', () => '../work/bin'],
  ['an unexpanded folder of the home', () => '~/bin'],
  ['a folder where agents work', ({ cwd }) => cwd],
  ['a folder with a program below one where agents work', ({ cwd }) => join(cwd, 'bin')],
  ['the same with dots', ({ root, cwd }) => `${root}/../${basename(root)}/work/../${basename(cwd)}/bin`],
  ['a link to such a folder', ({ root }) => join(root, 'link-to-bin')],
  ['the folder above one that a link leads to', ({ root }) => `${root}/link-to-bin/..`],
  ['a folder below a link', ({ root }) => join(root, 'link-to-work', 'bin')],
  ['a folder that an agent can create', ({ cwd }) => join(cwd, 'not-yet')],
  ['a folder that an agent can create, below a link', ({ root }) => join(root, 'link-to-work', 'not-yet')],
  ['a link that an agent can redirect', ({ cwd }) => join(cwd, 'link-to-system')],
]
const passed: Entry[] = [
  ['the folder of node', () => dirname(process.execPath)],
  ["a system's folder", () => '/usr/bin'],
  ["another system's folder", () => '/bin'],
  ['a folder whose name has the same beginning', ({ cwd }) => `${cwd}er`],
]

function makeSearchPath(folders: TestFolders): string {
  const { root, cwd } = folders
  for (const folder of [join(cwd, 'bin'), `${cwd}er`]) mkdirSync(folder)
  writeFileSync(join(cwd, 'bin', 'git'), '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync(join(cwd, 'bin'), join(root, 'link-to-bin'))
  symlinkSync(cwd, join(root, 'link-to-work'))
  symlinkSync('/usr/bin', join(cwd, 'link-to-system'))
  return [...dropped, ...passed].map(([, path]) => path(folders)).join(':')
}

/** What the server must be started with. */
export const visibleEnvironment = (folders: TestFolders): Record<string, string> => ({
  ...foreignVariables,
  ...passedVariables,
  PATH: makeSearchPath(folders),
})

export function testVisible(scene: Scene): void {
  const { secretWord } = scene

  const tiers: [name: string, isPlain: boolean, request: Request][] = [
    [
      'openai',
      true,
      { path: '/v1/chat/completions', body: { model: 'sonnet', messages: [{ role: 'user', content: 'hi' }] } },
    ],
    [
      'anthropic',
      true,
      { path: '/v1/messages', body: { model: 'haiku', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] } },
    ],
    ['native without tools', false, { body: { prompt: 'hi', tools: [] } }],
    ['native', false, { body: { prompt: 'hi', metadata: { NODE_OPTIONS: '--x' } } }],
  ]

  /** The processes that exist after the request was served. */
  async function processesAfter(request: Request): Promise<CliProcess[]> {
    const { status, text } = await scene.ask(request)
    assert.equal(status, 200, text)
    const found = await liveProcesses()
    assert.ok(found.length > 0, 'no process is left to look at')
    return found
  }

  const isPlainProcess = (cli: CliProcess) => cli.arguments.includes('--restricted')

  for (const [name, isPlain, request] of tiers) {
    testIf(name === 'openai' || name === 'native')(
      `F13 ${name}: a process has these variables and no others`,
      async () => {
        const found = (await processesAfter(request)).filter((cli) => isPlainProcess(cli) === isPlain)
        assert.ok(found.length > 0)
        for (const cli of found) {
          assert.deepEqual(Object.keys(cli.environment).sort(), namesInChild(isPlain))
          assert.ok(!Object.values(cli.environment).some(holdsForeign), 'a foreign value was passed on')
        }
      },
    )
  }

  test('F19 not on the search path of any process: a folder that agents, or the current folder, decide about', async () => {
    for (const entries of await searchPaths()) {
      for (const [what, path] of dropped) assert.ok(!entries.includes(path(scene.folders)), `${what}: ${entries}`)
    }
  })

  test('F19 on the search path of each process: every other folder', async () => {
    for (const entries of await searchPaths()) {
      for (const [what, path] of passed) assert.ok(entries.includes(path(scene.folders)), `${what}: ${entries}`)
    }
  })

  /** The search paths of the processes that the tests above have left: those of plain models and of agents. */
  async function searchPaths(): Promise<string[][]> {
    const found = await liveProcesses()
    assert.deepEqual([...new Set(found.map(isPlainProcess))].sort(), [false, true])
    return found.map((cli) => (cli.environment.PATH ?? '').split(':'))
  }

  const additions: [what: string, request: Request][] = [
    ['a field env', { body: { prompt: 'hi', tools: [], env: { ADDED: 'x' } } }],
    ['a field environment', { body: { prompt: 'hi', tools: [], environment: { ADDED: 'x' } } }],
    ['settings', { body: { prompt: 'hi', tools: [], settings: { env: { ADDED: 'x' } } } }],
    ['extra arguments', { body: { prompt: 'hi', tools: [], extra_args: { settings: '{"env":{"ADDED":"x"}}' } } }],
  ]
  test('F13 native: fields that would add a variable are refused', async () => {
    for (const [what, request] of additions) {
      const { status, json } = await scene.ask(request)
      assert.deepEqual([status, json.code], [400, 'invalid_request'], what)
      for (const cli of await liveProcesses()) assert.deepEqual(cli.environment.ADDED, undefined)
    }
  })

  const smuggled = { env: { ADDED: 'x' }, extra_body: { env: { ADDED: 'x' } }, settings: { env: { ADDED: 'x' } } }
  for (const [name, , request] of tiers.slice(0, 2)) {
    testIf(name === 'openai')(`F13 ${name}: unknown fields add no variable`, async () => {
      const body = { ...(request.body as object), ...smuggled }
      const { status } = await scene.ask({ ...request, body, headers: { 'x-claude-env': 'ADDED=x' } })
      assert.ok(status === 200 || status === 400, String(status))
      for (const cli of await liveProcesses()) assert.deepEqual(cli.environment.ADDED, undefined)
    })
  }

  test('F14 calls of the CLI outside of any run have the same environment', async (t) => {
    const folders = makeFolders(t)
    const seen = join(folders.root, 'seen')
    mkdirSync(seen)
    const path = join(folders.root, 'claude')
    const says = `case "$1" in --version) echo '2.1.330 (Claude Code)';; *) echo '{"loggedIn":true,"authMethod":"x"}';; esac`
    writeFileSync(path, `#!/bin/sh\ncat /proc/$$/environ > '${seen}'/$$\n${says}\n`)
    chmodSync(path, 0o755)
    const own = { ...testEnvironment(folders, 'http://127.0.0.1:1'), ...foreignVariables }
    const executable = new Executable(path, own)
    await executable.claude()
    await executable.login()
    const seenEnvironments = readdirSync(seen).map((name) => readFileSync(join(seen, name), 'utf8'))
    assert.equal(seenEnvironments.length, 2)
    for (const each of seenEnvironments) {
      assert.match(each, /(^|\0)HOME=/)
      assert.ok(!holdsForeign(each), each.replaceAll('\0', '\n'))
    }
  })

  test('F14 a server that was started in a bad environment passes none of it on', async (t) => {
    const { folders, start } = await makeProcessScene(t)
    const preloaded = { ...foreignVariables, NODE_OPTIONS: '--no-warnings', DEBUG: '', CLAUDE_SERVE_DATABASE: '' }
    const { pid, url } = await start({ environment: preloaded, flags: [`--claude-bin=${fakeCli('well-behaved')}`] })
    const { status } = await post({ url }, '/v1/chat', { prompt: 'hi', tools: [] })
    assert.equal(status, 200)
    const found = await liveProcesses(pid)
    assert.equal(found.length, 1)
    assert.equal(found[0]?.environment.HOME, folders.home)
    assert.deepEqual(Object.keys(found[0]?.environment ?? {}).sort(), namesInChild(false, []))
    assert.ok(!Object.values(found[0]?.environment ?? {}).some(holdsForeign))
  })

  const nobody = 65_534

  /** The arguments of all processes of the machine, and whatever else another user can read of them. */
  async function readAsNobody(): Promise<string> {
    const list = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true'
    const identity = { uid: nobody, gid: nobody }
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', list], { ...identity, cwd: '/', env: {} })
    return stdout
  }

  const look = { name: 'look', parameters: { type: 'object', properties: { [secretWord]: { type: 'string' } } } }
  const schema = { type: 'object', properties: { a: { type: 'string', description: secretWord } } }
  const hang = `${secretWord} ${step({ hang: 'headers' })}`
  const talk = [
    { role: 'user', content: secretWord },
    { role: 'assistant', content: `yes ${secretWord}` },
    { role: 'user', content: hang },
  ]

  const secretBodies: [where: string, path: string, body: object][] = [
    ['prompt and system prompt', '/v1/chat', { prompt: hang, tools: [], system_prompt: secretWord }],
    [
      'a system prompt that cannot be changed later',
      '/v1/chat',
      { prompt: hang, tools: [], system_prompt: `\${${secretWord}} ` },
    ],
    [
      'an addition to the system prompt, agents, servers and a schema',
      '/v1/chat',
      {
        prompt: hang,
        append_system_prompt: secretWord,
        agents: { helper: { description: secretWord, prompt: secretWord } },
        mcp_servers: {
          a: { type: 'http', url: 'http://127.0.0.1:9/', headers: { authorization: secretWord } },
          b: { command: 'true', env: { TOKEN: secretWord } },
        },
        json_schema: schema,
        metadata: { note: secretWord },
      },
    ],
    [
      'a history, tools and a schema',
      '/v1/chat/completions',
      {
        model: 'sonnet',
        messages: [{ role: 'system', content: secretWord }, ...talk],
        tools: [{ type: 'function', function: { ...look, description: secretWord } }],
        response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
      },
    ],
  ]

  /** Has the most ways in which a text could become an argument. */
  const essential = 'an addition to the system prompt, agents, servers and a schema'

  const whyNot =
    process.platform !== 'linux' || process.getuid?.() !== 0 ? 'only root can run programs as another user' : false

  for (const [where, path, body] of secretBodies) {
    testIf(where === essential)(`F15 another user cannot see, while it runs: ${where}`, { skip: whyNot }, async () => {
      const { requests } = scene.upstream
      const before = requests.length
      const client = new AbortController()
      const answer = fetch(`${scene.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(body),
        signal: client.signal,
      })
      const ended = assert.rejects(answer, { name: 'AbortError' })
      const { raw } = await scene.upstream.waitForRequest(({ n }) => n > before)
      const seen = await readAsNobody()
      client.abort()
      await ended
      assert.ok(raw.includes(secretWord), 'the request belongs to another run')
      assert.ok(seen.includes('--input-format'), 'the processes were not seen')
      assert.ok(!seen.includes(secretWord))
      assert.ok(!seen.includes(scene.upstream.url), 'the environment was seen')
    })
  }
}
