// The folder that a run works in, whatever a request names and whatever happens to the folders meanwhile: an allowed one, or none. The
// CLI is a stand-in that answers with its own folder. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../../src/config/options.ts'
import { until } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { makeFolders, startTestServer, type TestFolders } from '../helpers/test-server.ts'
import { makeKey } from './folders-key.ts'
import { startSwapper } from './folders-swapper.ts'
import { type Answer, openScene } from './harness.ts'
import { liveProcesses } from './spawn-processes.ts'

const claudeBin = fileURLToPath(new URL('folders-where.mjs', import.meta.url))
const config: Partial<Config> = { claudeBin, maxProcesses: 2 }

function prepare({ root, cwd }: TestFolders): void {
  config.cwdRoots = [cwd, join(root, 'second')]
  for (const folder of ['in/deep', '..dots', 'a b\u00fc', 'flip', 'outer/inner'])
    mkdirSync(join(cwd, folder), { recursive: true })
  for (const folder of ['second', 'outside/inner', 'worker']) mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(cwd, 'file'), '')
  for (const [target, name] of [
    ['work/in', 'work/link-in'],
    ['outside', 'work/link-out'],
    ['.', 'work/link-up'],
    ['work/file', 'work/link-file'],
    ['work', 'link-to-work'],
  ] as const) {
    symlinkSync(join(root, target), join(root, name))
  }
}

const scene = await openScene({ config, prepare })
const { root, home, cwd } = scene.folders
const second = join(root, 'second')

const ask = (more: object): Promise<Answer> => scene.ask({ body: { prompt: 'where?', ...more } })

async function assertRunsIn(folder: string, more: object): Promise<void> {
  const { status, json, text } = await ask(more)
  assert.deepEqual([status, json.result], [200, folder], text)
}

async function refusal(asking: Promise<Answer>, status: number, code: string): Promise<Answer> {
  const answer = await asking
  assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text)
  return answer
}

/** Checks that no process is started meanwhile. */
async function withoutProcess(act: () => Promise<unknown>): Promise<void> {
  const before = (await liveProcesses()).map(({ pid }) => pid)
  await act()
  const started = (await liveProcesses()).filter(({ pid }) => !before.includes(pid))
  assert.deepEqual(started, [], 'a process was started')
}

const allowed: [named: string, folder: string][] = [
  [cwd, cwd],
  [`${cwd}/`, cwd],
  [`${cwd}//in/./deep/`, join(cwd, 'in', 'deep')],
  [`${cwd}/in/../in`, join(cwd, 'in')],
  [`${cwd}/../${basename(cwd)}/in`, join(cwd, 'in')],
  [join(cwd, '..dots'), join(cwd, '..dots')],
  [join(cwd, 'a b\u00fc'), join(cwd, 'a b\u00fc')],
  [join(cwd, 'link-in'), join(cwd, 'in')],
  [join(root, 'link-to-work', 'in'), join(cwd, 'in')],
  [second, second],
]

const essentialFolders = new Set([
  cwd,
  `${cwd}/../${basename(cwd)}/in`,
  join(cwd, 'a b\u00fc'),
  join(cwd, 'link-in'),
  second,
])

const shown = (path: string) => path.replaceAll(root, '<root>')

for (const [named, folder] of allowed) {
  testIf(essentialFolders.has(named))(`G01 a run in ${shown(named)} works there`, () =>
    assertRunsIn(folder, { cwd: named }),
  )
}

const outside = [
  ...['', '/outside', '/outside/inner', '/worker', '/missing', '/missing/deep', '/data', '/home', '/home/.claude'],
  ...['/work/..', '/work/../outside', '/work/./../missing', '/work/in/../../worker', '/work/../../etc'],
  ...['/work/link-out', '/work/link-out/inner', '/work/link-out/missing', '/work/link-up', '/work/link-up/outside'],
  ...['/work/link-in/../../../outside', '/second/../outside', '/secondary', '/Work/../outside'],
].map((path) => `${root}${path}`)
const refused = [...outside, '/', '//', '/etc', '/etc/passwd', '/no-such-folder', '/proc/self/cwd', '/proc/self/root']

/** The ways in which a request can name a folder, and the field that the refusal names. */
const fields: [field: string, send: (path: string) => Promise<Answer>][] = [
  ['cwd', (path) => ask({ cwd: path })],
  ['add_dirs[0]', (path) => ask({ add_dirs: [path] })],
  ['add_dirs[1]', (path) => ask({ add_dirs: [cwd, path] })],
  ['cwd', (path) => scene.ask({ path: `/v1/sessions?cwd=${encodeURIComponent(path)}` })],
]
const notAllowed = 'is not within a folder that this server allows; start the server with --cwd-root to allow it'

test('G02 a folder outside is refused with a text that does not reveal whether it exists', () =>
  withoutProcess(async () => {
    for (const path of refused) {
      for (const [field, send] of fields) {
        const { json } = await refusal(send(path), 403, 'cwd_not_allowed')
        assert.deepEqual([json.error, json.details], [`${field} ${notAllowed}`, { field }], shown(path))
      }
    }
  }))

const notAbsolute = ['.', '..', 'in', './in', '~', '~/x', '$HOME', '~root', 'C:\\in', `file://${cwd}`, ' ', `./${cwd}`]

test('G02 a folder without an absolute path is refused', () =>
  withoutProcess(async () => {
    for (const path of notAbsolute) {
      for (const [, send] of fields) await refusal(send(path), 400, 'invalid_request')
    }
  }))

// With the fake CLI, posture-keys.test.ts has it for more folders.
extendedTest('G02 if keys exist and no folder is allowed, a request may name only the default folder', async (t) => {
  const folders = makeFolders(t)
  const server = await startTestServer(t, { folders, config: { claudeBin } })
  const open = await post(server, '/v1/chat', { prompt: 'where?', cwd: folders.root })
  assert.deepEqual([open.status, open.body.result], [200, folders.root])
  const headers = { 'x-api-key': await makeKey(folders) }
  const named = await post(server, '/v1/chat', { prompt: 'where?', cwd: folders.cwd }, { headers })
  assert.deepEqual([named.status, named.body.result], [200, folders.cwd])
  for (const more of [{ cwd: folders.root }, { cwd: folders.home }, { add_dirs: ['/'] }]) {
    const { status, body } = await post(server, '/v1/chat', { prompt: 'where?', ...more }, { headers })
    assert.deepEqual([status, body.code], [403, 'cwd_not_allowed'])
  }
  const body = { prompt: 'where?', session_id: open.body.session_id }
  assert.equal((await post(server, '/v1/chat', body, { headers })).body.code, 'session_not_found')
})

/** What happens to a folder while a request waits for a process. */
const changes: [what: string, folder: string, change: (folder: string) => void, status: number, code: string | null][] =
  [
    [
      'G04 the folder is replaced by a link to the outside',
      'flip',
      (folder) => replaced(folder, join(root, 'outside')),
      403,
      'cwd_not_allowed',
    ],
    [
      'G04 the folder is replaced by a link to another allowed folder',
      'flip',
      (folder) => replaced(folder, second),
      403,
      'cwd_not_allowed',
    ],
    [
      'G04 the parent folder is replaced by a link',
      'outer/inner',
      (folder) => replaced(dirname(folder), join(root, 'outside')),
      403,
      'cwd_not_allowed',
    ],
    ['G06 the folder is gone', 'flip', (folder) => rmSync(folder, { recursive: true }), 400, 'cwd_not_found'],
    [
      'G06 the folder is now a file',
      'flip',
      (folder) => recreated(folder, (path) => writeFileSync(path, '')),
      400,
      'cwd_not_found',
    ],
    ['G06 the folder is replaced by another folder', 'flip', (folder) => recreated(folder, mkdirSync), 200, null],
  ]

/** One for each answer: not allowed, not found, and good. */
const essential = new Set([
  'G04 the folder is replaced by a link to the outside',
  'G06 the folder is gone',
  'G06 the folder is replaced by another folder',
])

function recreated(folder: string, make: (path: string) => void): void {
  rmSync(folder, { recursive: true })
  make(folder)
}

function replaced(folder: string, target: string): void {
  rmSync(folder, { recursive: true })
  symlinkSync(target, folder)
}

type Health = { processes: { busy: number }; queue: { waiting: number } }
const health = async () => (await scene.ask({ path: '/v1/health' })).json as unknown as Health

for (const [what, name, change, status, code] of changes) {
  testIf(essential.has(what))(`${what}, while a request waits`, async () => {
    const folder = join(cwd, name)
    // Left over from a test that failed.
    rmSync(join(cwd, name.split('/')[0] ?? ''), { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const hold = join(home, 'hold')
    writeFileSync(hold, '')
    const holders = [ask({ cwd }), ask({ cwd })]
    await until('all processes are busy', async () => (await health()).processes.busy === 2)
    const waiting = ask({ cwd: folder })
    await until('the request waits', async () => (await health()).queue.waiting === 1)
    change(folder)
    rmSync(hold)
    for (const { status: held } of await Promise.all(holders)) assert.equal(held, 200)
    const answer = await waiting
    assert.deepEqual([answer.status, answer.json.code ?? null], [status, code], answer.text)
    if (status === 200) assert.equal(answer.json.result, folder)
  })
}

test('G04 a conversation does not continue in a folder that was replaced by a link to the outside', async () => {
  const folder = join(cwd, 'flip')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const { json } = await ask({ cwd: folder })
  assert.equal(json.result, folder)
  replaced(folder, join(root, 'outside'))
  await withoutProcess(async () => {
    for (const more of [{}, { fork: true }, { cwd }]) {
      await refusal(ask({ session_id: json.session_id, ...more }), 404, 'session_not_found')
    }
  })
  rmSync(folder)
})

/** All outcomes that are acceptable for a request whose folder changes all the time. */
const lost = ['cwd_not_allowed', 'cwd_not_found', 'sandbox_mismatch', 'claude_failed']

/** `rounds` of four runs, and more until both outcomes have been seen. */
async function runWhileSwapped(rounds: number): Promise<void> {
  const folder = join(cwd, 'flip')
  const link = join(cwd, 'flip-link')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  symlinkSync(join(root, 'outside'), link)
  const swapper = startSwapper({ folder, link, aside: join(cwd, 'flip-aside') })
  const answers: Answer[] = []
  const hasOutcome = (status: number) => answers.some((answer) => answer.status === status)
  for (let round = 0; round < rounds || (round < 30 && !(hasOutcome(200) && hasOutcome(403))); round++) {
    answers.push(...(await Promise.all([1, 2, 3, 4].map(() => ask({ cwd: folder })))))
  }
  const swaps = await swapper.end()
  const counts: Record<string, number> = {}
  for (const { status, json } of answers) {
    const outcome = status === 200 ? String(json.result) : String(json.code)
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  const others = Object.keys(counts).filter((outcome) => outcome !== folder && !lost.includes(outcome))
  assert.deepEqual(others, [])
  assert.ok(swaps > 100 && counts[folder] && counts.cwd_not_allowed, JSON.stringify(counts))
  rmSync(link)
  rmSync(folder, { recursive: true })
}

test('G04 a run never works outside while its folder is replaced by a link again and again', () => runWhileSwapped(1))

extendedTest('G04 a run never works outside, however often its folder is replaced by a link', () => runWhileSwapped(15))

const bad: [what: string, value: unknown, code: string][] = [
  ['a NUL', `${cwd}/a\u0000b`, 'invalid_request'],
  ['a NUL at the end', `${cwd}\u0000`, 'invalid_request'],
  ['a line break', `${cwd}/a\nb`, 'invalid_request'],
  ['an escape', `${cwd}/\u001b[2J`, 'invalid_request'],
  ['5,000 characters', `${cwd}/${'a/'.repeat(2500)}`, 'invalid_request'],
  ['4,000 characters', `${cwd}/${'a/'.repeat(2000)}`.slice(0, 4090), 'cwd_not_found'],
  ['a name that is too long', join(cwd, 'a'.repeat(300)), 'cwd_not_found'],
  ['half a character', `${cwd}/\ud800`, 'cwd_not_found'],
  ['a number', 5, 'invalid_request'],
  ['true', true, 'invalid_request'],
  ['an array', [cwd], 'invalid_request'],
  ['an object', { path: cwd, toString: 'x' }, 'invalid_request'],
  ['nothing', '', 'invalid_request'],
]
test('G05 a folder that is not a usable path is refused', () =>
  withoutProcess(async () => {
    for (const [what, value, code] of bad) {
      for (const field of [{ cwd: value }, { add_dirs: [value] }]) {
        const { status, json } = await ask(field)
        assert.deepEqual([status, json.code], [400, code], what)
      }
    }
  }))

test('G05 a folder with bytes that are not UTF-8 is refused', async () => {
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80]]) {
    const body = Buffer.concat([`{"prompt":"where?","cwd":"${cwd}/`, bytes, '"}'].map((part) => Buffer.from(part)))
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const response = await fetch(`${scene.url}/v1/chat`, { method: 'POST', headers, body })
    assert.equal(response.status, 400, await response.text())
  }
})

test('G06 a path that is not a folder is refused', () =>
  withoutProcess(async () => {
    for (const name of ['file', 'link-file', 'file/x', 'missing', 'in/missing']) {
      const { json } = await refusal(ask({ cwd: join(cwd, name) }), 400, 'cwd_not_found')
      assert.match(String(json.error), /^cwd is not an existing folder: /)
      await refusal(ask({ add_dirs: [join(cwd, name)] }), 400, 'cwd_not_found')
    }
  }))

/** Runs `during` while the second allowed folder is missing or replaced; it is back in place later. */
async function withoutSecond(during: () => Promise<unknown>): Promise<void> {
  const aside = join(root, 'aside')
  renameSync(second, aside)
  try {
    await during()
    await assertRunsIn(cwd, { cwd })
  } finally {
    rmSync(second, { force: true })
    renameSync(aside, second)
  }
  await assertRunsIn(second, { cwd: second })
}

test('G08 an allowed folder that is gone is refused, others are not', () =>
  withoutSecond(() => withoutProcess(() => refusal(ask({ cwd: second }), 400, 'cwd_not_found'))))

test('G08 an allowed folder that became a link to the outside is refused, others are not', () =>
  withoutSecond(async () => {
    symlinkSync(join(root, 'outside'), second)
    await withoutProcess(() => refusal(ask({ cwd: second }), 403, 'cwd_not_allowed'))
  }))

extendedTest('G08 an allowed folder that became a file is refused, others are not', () =>
  withoutSecond(async () => {
    writeFileSync(second, '')
    await withoutProcess(() => refusal(ask({ cwd: second }), 400, 'cwd_not_found'))
  }),
)

const askPlain = (content: string) =>
  scene.ask({
    path: '/v1/chat/completions',
    body: { model: 'claude-fake-1', messages: [{ role: 'user', content }] },
  })

test('G08 if the default folder is missing, a request that names no folder is refused, and plain models are not', async () => {
  const aside = join(root, 'aside')
  renameSync(cwd, aside)
  try {
    await refusal(ask({}), 400, 'cwd_not_found')
    assert.equal((await askPlain('where?')).status, 200)
    await assertRunsIn(second, { cwd: second })
  } finally {
    renameSync(aside, cwd)
  }
  await assertRunsIn(cwd, {})
})

test('G08 plain models keep working when somebody has deleted their empty folder', async () => {
  const { text } = await askPlain('where?')
  const folder = /\/[\w/.-]*claude-serve-[0-9a-f]{12}/.exec(text)?.[0]
  assert.ok(folder !== undefined, text)
  rmSync(folder, { recursive: true })
  // Two other folders end all existing processes, as there may be only two.
  for (const each of [cwd, second]) await assertRunsIn(each, { cwd: each })
  const { status, text: answer } = await askPlain('where?')
  assert.equal(status, 200, answer)
  assert.ok(answer.includes('/claude-serve-'), answer)
})
