// What the server leaves on disk and who can read or change it, with a usual umask and with none; and what a signal or a crash can
// reveal. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { StartupError } from '../../src/errors.ts'
import { chat, post } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { fakeCli, makeFolders, startTestServer, step, type TestFolders } from '../helpers/test-server.ts'
import { listeningOf, type Program, runProgram, serveWords, startProgram } from './posture-process.ts'

const skip = process.platform === 'win32' && 'Windows has no such modes'
const timeout = 120_000
const fake = `--claude-bin=${fakeCli('well-behaved')}`

type Entry = { path: string; mode: number; isFolder: boolean }

const others = 0o077
const othersWrite = 0o022

/** The existing entries; files of processes may come and go meanwhile. */
function entriesOf(folder: string): Entry[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.flatMap((name) => {
    const path = join(folder, name)
    const info = lstatSync(path, { throwIfNoEntry: false })
    if (info === undefined || info.isSymbolicLink()) return []
    return [{ path, mode: info.mode & 0o7777, isFolder: info.isDirectory() }]
  })
}

/** Everything below that others can reach: the content of a folder that is closed to them is skipped. */
const reachable = (folder: string): Entry[] =>
  entriesOf(folder).flatMap((entry) =>
    entry.isFolder && (entry.mode & others) !== 0 ? [entry, ...reachable(entry.path)] : [entry],
  )

/** Everything below, reachable or not. */
const everything = (folder: string): Entry[] =>
  entriesOf(folder).flatMap((entry) => (entry.isFolder ? [entry, ...everything(entry.path)] : [entry]))

const shown = ({ path, mode }: Entry) => `${mode.toString(8)} ${path}`

/** Like a home that nobody has used yet and that others may look into. */
function openHome(folders: TestFolders): void {
  for (const folder of [folders.root, folders.home, folders.cwd]) chmodSync(folder, 0o755)
}

async function useServer(server: { url: string }): Promise<void> {
  const accepted = await post(server, '/v1/chat', { prompt: step({ text: 'x' }), background: true, tools: [] })
  assert.equal(accepted.status, 202)
  assert.match((await chat(server, { prompt: step({ text: 'y' }), system_prompt: 'S', tools: [] })).result, /./)
  assert.equal((await fetch(`${server.url}/v1/sessions`)).status, 200)
}

const open = (entries: Entry[], bits: number) => entries.filter(({ mode }) => (mode & bits) !== 0).map(shown)

for (const umask of ['022', '000']) {
  const title = `after a first start with umask ${umask} only its owner can read the data folder, and nobody else can change a file`
  testIf(umask === '000')(`${umask === '000' ? 'G12' : 'P06'} ${title}`, { skip, timeout }, async (t) => {
    const folders = makeFolders(t)
    openHome(folders)
    const { dataDir, root, home } = folders
    const options = { folders, umask, isFirst: true }
    const program = startProgram(t, serveWords(folders, fake), options)
    await useServer({ url: await program.url() })
    const running = everything(dataDir)
    for (const name of ['claude-serve.db', 'claude-serve.lock', 'server.json', 'logs'])
      assert.ok(
        running.some(({ path }) => path === join(dataDir, name)),
        name,
      )
    const made = await runProgram(t, ['keys', 'create', 'one', '--quiet', `--data-dir=${dataDir}`], options)
    assert.equal(made.code, 0, made.stderr)
    await program.stop()
    const left = reachable(root)
    // Node's compile cache is run at the next start.
    assert.ok(left.some(({ path }) => path.startsWith(join(home, '.cache'))))
    assert.deepEqual(
      {
        folder: (lstatSync(dataDir).mode & 0o7777).toString(8),
        open: [...open(running, others), ...open(everything(dataDir), others)],
        changeable: open(left, othersWrite),
      },
      { folder: '700', open: [], changeable: [] },
    )
  })
}

test('P06 a data folder and files that are open to others are closed at the next start', {
  skip,
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const first = await startTestServer(t, { folders, fake: 'well-behaved' })
  await useServer(first)
  await first.close(0)
  for (const { path, isFolder } of everything(folders.dataDir)) chmodSync(path, isFolder ? 0o777 : 0o666)
  chmodSync(folders.dataDir, 0o777)
  await startTestServer(t, { folders, fake: 'well-behaved' })
  assert.equal(lstatSync(folders.dataDir).mode & 0o7777, 0o700)
  const database = everything(folders.dataDir).filter(({ path }) => path.includes('claude-serve.db'))
  assert.ok(database.length > 0)
  assert.deepEqual(open(database, others), [])
})

test('P06 a data folder that many users share is refused and left as it is', { skip, timeout }, async (t) => {
  const folders = makeFolders(t)
  mkdirSync(folders.dataDir)
  chmodSync(folders.dataDir, 0o1777)
  await assert.rejects(startTestServer(t, { folders, fake: 'well-behaved' }), (error) => {
    assert.ok(error instanceof StartupError, String(error))
    assert.match(error.message, /is shared by many users: set a folder of your own with --data-dir/)
    return true
  })
  assert.deepEqual([lstatSync(folders.dataDir).mode & 0o7777, readdirSync(folders.dataDir)], [0o1777, []])
})

/** Files in which a program dumps its memory. */
const isDump = ({ path }: Entry) => /heapsnapshot|heapprofile|cpuprofile|report\.\d|(^|\/)core(\.\d+)?$/.test(path)

async function startForSignals(t: TestContext) {
  const folders = makeFolders(t)
  const environment = { ANTHROPIC_API_KEY: 'sk-ant-api03-canary-in-memory' }
  const program = startProgram(t, serveWords(folders, fake), { folders, environment })
  const server = { url: await program.url() }
  await chat(server, { prompt: 'a-prompt-in-memory' })
  return { folders, program, server }
}

/** Files and output show nothing of what the program had in its memory. */
async function assertNothingDumped(folders: TestFolders, program: Program): Promise<void> {
  const { stdout, stderr } = await program.stop()
  assert.deepEqual(everything(folders.root).filter(isDump).map(shown), [])
  assert.doesNotMatch(`${stdout}${stderr}`, /canary-in-memory|a-prompt-in-memory/)
}

test('P07 SIGUSR1 opens no debugger, through which others could run anything, and SIGABRT writes nothing to disk', {
  skip: process.platform !== 'linux' && 'only Linux lists the sockets of a process',
  timeout,
}, async (t) => {
  const { folders, program, server } = await startForSignals(t)
  const before = listeningOf(program.pid).toSorted()
  program.signal('SIGUSR1')
  assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  await chat(server, { prompt: 'hi' })
  assert.deepEqual(listeningOf(program.pid).toSorted(), before)
  program.signal('SIGABRT')
  await assertNothingDumped(folders, program)
  assert.doesNotMatch(program.stderr, /Debugger listening/)
})

for (const signal of ['SIGUSR2', 'SIGHUP'] as const) {
  extendedTest(
    `P07 ${signal} writes nothing of the server's memory to disk or to its output`,
    {
      skip,
      timeout,
    },
    async (t) => {
      const { folders, program } = await startForSignals(t)
      program.signal(signal)
      await assertNothingDumped(folders, program)
    },
  )
}
