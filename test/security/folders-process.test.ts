// Folders of a server in its own process: those that it refuses to start with, those that it leaves behind or opens to others, and one
// that it may not enter. Each title begins with the number of its attack.

import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../src/config/load.ts'
import { until } from '../faults/killed-scene.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { post } from '../helpers/client.ts'
import { isRoot, nobody, whyNotAsNobody } from '../helpers/other-user.ts'
import { makeFolders, startTestServer, type TestFolders } from '../helpers/test-server.ts'
import { makeKey } from './folders-key.ts'
import { makeProcessScene, type ProcessScene, type ServerProcess } from './spawn-server.ts'

const where = `--claude-bin=${fileURLToPath(new URL('folders-where.mjs', import.meta.url))}`

type Root = [what: string, root: (folders: TestFolders) => string, environment?: (folders: TestFolders) => object]

const link = (target: string, path: string) => {
  symlinkSync(target, path)
  return path
}

const refusedRoots: Root[] = [
  ['the whole disk', () => '/'],
  ['the home', ({ home }) => home],
  ['a folder above the home', ({ root }) => root],
  ['a link to the home', ({ root, home }) => link(home, join(root, 'link'))],
  ['the data folder', ({ dataDir }) => dataDir],
  ['a link to the data folder', ({ root, dataDir }) => link(dataDir, join(root, 'link'))],
  ["the CLI's own folder", ({ configDir }) => configDir],
  [
    "the CLI's own folder, if the operator has moved it",
    ({ root }) => join(root, 'claude'),
    ({ root }) => ({ CLAUDE_CONFIG_DIR: join(root, 'claude') }),
  ],
]

/** Every folder that may be named exists, so that nothing is refused for being missing. */
function makeNamed({ root, configDir, dataDir }: TestFolders): void {
  for (const folder of [configDir, join(root, 'claude'), join(root, 'tmp')]) mkdirSync(folder)
  mkdirSync(dataDir, { mode: 0o700 })
}

function makeFoldersToName(t: TestContext): TestFolders {
  const folders = makeFolders(t)
  makeNamed(folders)
  return folders
}

async function makeScene(t: TestContext): Promise<ProcessScene> {
  const scene = await makeProcessScene(t)
  makeNamed(scene.folders)
  return scene
}

/** Starts in this process, with the settings that `serve` would read. */
async function startInProcess(t: TestContext, folders: TestFolders, environment: Record<string, string>) {
  const { cwdRoots } = loadConfig({
    flags: { dataDir: folders.dataDir, defaultCwd: folders.cwd },
    environment: { HOME: folders.home, ...environment },
    cwd: folders.cwd,
    isTerminal: false,
  }).config
  return startTestServer(t, { folders, environment, fake: 'well-behaved', config: { cwdRoots } })
}

for (const [what, root, more = () => ({})] of refusedRoots) {
  test(`G09 a server with ${what} as a --cwd-root does not start`, async (t) => {
    const folders = makeFoldersToName(t)
    const environment = { CLAUDE_SERVE_CWD_ROOT: root(folders), ...more(folders) }
    await assert.rejects(startInProcess(t, folders, environment), /--cwd-root/)
  })
}

const plain = { model: 'claude-fake-1', messages: [{ role: 'user', content: 'where?' }] }

/** Runs plain models; each must work in one of the server's empty folders. */
async function runPlain(server: ServerProcess, times: number): Promise<void> {
  for (let run = 0; run < times; run++) {
    const { status, body } = await post(server, '/v1/chat/completions', { ...plain, user: String(run) })
    assert.equal(status, 200)
    assert.match(JSON.stringify(body), /\/tmp\/claude-serve-[0-9a-f]{12}"/)
  }
}

test('G10 the empty folders of plain models are removed when the server ends, also those of an earlier server that was killed', async (t) => {
  const { folders, start } = await makeScene(t)
  const tmp = join(folders.root, 'tmp')
  const options = { flags: [where], environment: { TMPDIR: tmp } }
  const first = await start(options)
  await runPlain(first, 5)
  assert.equal(readdirSync(tmp).length, 1)
  await first.kill('SIGKILL')
  assert.equal(readdirSync(tmp).length, 1)
  const second = await start(options)
  await runPlain(second, 1)
  await second.kill('SIGTERM')
  assert.deepEqual(readdirSync(tmp), [])
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
})

/** Entries of the folder, and the folder itself, that others than the owner can access. */
function openToOthers(folder: string): string[] {
  const names = ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]
  // A file may be gone again.
  const modes = names.flatMap((name): [string, number][] => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false })
    return stats === undefined ? [] : [[name, stats.mode]]
  })
  return modes.filter(([, mode]) => (mode & 0o077) !== 0).map(([name, mode]) => `${name || '.'} ${mode.toString(8)}`)
}

test('G12 a server that was started with an open umask closes its files to others', async (t) => {
  const { folders, start } = await makeScene(t)
  const { root, configDir, dataDir } = folders
  const tmp = join(root, 'tmp')
  const options = { flags: [where, `--data-dir=${join(dataDir, 'new')}`], environment: { TMPDIR: tmp } }
  noteExamined(join(dataDir, 'new'), [where])
  chmodSync(join(dataDir, 'new'), 0o777)
  const server = await start({ ...options, umask: '000' })
  await runPlain(server, 1)
  const body = { prompt: 'where?', tools: [], system_prompt: 'You are A.' }
  const { body: answer } = await post(server, '/v1/chat', body)
  await post(server, '/v1/chat', { prompt: 'where?', background: true })
  await until('its files exist', () => existsSync(join(dataDir, 'new', 'claude-serve.db')))
  assert.deepEqual(openToOthers(join(dataDir, 'new')), [])
  const [scratch = ''] = readdirSync(tmp)
  assert.deepEqual(openToOthers(join(tmp, scratch)), [])
  const files = readdirSync(join(configDir, 'projects'), { recursive: true, encoding: 'utf8' })
  const conversation = files.find((name) => name.endsWith(`${answer.session_id}.jsonl`))
  assert.ok(conversation !== undefined, 'the conversation was not written')
  assert.deepEqual(openToOthers(dirname(join(configDir, 'projects', conversation))), [])
})

function chownToNobody(folder: string): void {
  chownSync(folder, nobody, nobody)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(folder, name), nobody, nobody)
  }
}

test('G06 a folder that may not be entered is refused', { skip: whyNotAsNobody() }, async (t) => {
  const { folders, start } = await makeScene(t)
  const closed = join(folders.cwd, 'closed')
  mkdirSync(closed)
  const headers = { 'x-api-key': await makeKey(folders) }
  // Root may enter every folder, so the server must run as another user.
  if (isRoot) chownToNobody(folders.root)
  const server = await start({ flags: [where], ...(isRoot ? { uid: nobody } : {}) })
  const ask = (body: object) => post(server, '/v1/chat', { prompt: 'where?', ...body }, { headers })
  chmodSync(closed, 0o000)
  try {
    const { status, body } = await ask({ cwd: closed })
    assert.deepEqual([status, body.code], [400, 'cwd_not_found'], JSON.stringify(body))
    assert.equal((await ask({ cwd: join(closed, 'below') })).status, 400)
    assert.equal((await ask({})).status, 200)
  } finally {
    chmodSync(closed, 0o700)
  }
  assert.equal((await ask({ cwd: closed })).status, 200)
})
