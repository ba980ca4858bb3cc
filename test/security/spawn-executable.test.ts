// Files that are never run as `claude`: those that an agent, or another user of the machine, can change or replace, however they are
// named. Not even their version is queried. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { sdkExecutable } from '../../src/claude/cli/executable.ts'
import { post } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { fakeCli, makeFolders, startTestServer, type TestFolders, type TestServer } from '../helpers/test-server.ts'

/** The folder where agents work. */
const rootIn = ({ root }: TestFolders) => join(root, 'agents')
const runsIn = ({ root }: TestFolders) => join(root, 'runs')

/** A good `claude` that records each run. */
function makeClaude(folders: TestFolders, path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho "$0" >> '${runsIn(folders)}'\nexec '${fakeCli('wrong-init')}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

function link(target: string, path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
  return path
}

/** Opens it to everybody's writes, whatever the umask. */
function open(path: string, mode = 0o777): void {
  chmodSync(path, mode)
}

type Row = [what: string, make: (folders: TestFolders) => string]

const refused: Row[] = [
  ['lies where agents work', (folders) => makeClaude(folders, join(rootIn(folders), 'bin', 'claude'))],
  [
    'is a link to a file where agents work',
    (folders) => link(makeClaude(folders, join(rootIn(folders), 'claude')), join(folders.root, 'links', 'claude')),
  ],
  [
    'is a link through a linked folder to a file where agents work',
    (folders) => {
      makeClaude(folders, join(rootIn(folders), 'bin', 'claude'))
      return join(link(join(rootIn(folders), 'bin'), join(folders.root, 'links')), 'claude')
    },
  ],
  [
    'is a link in a folder where agents work',
    (folders) => link(makeClaude(folders, join(folders.root, 'bin', 'claude')), join(rootIn(folders), 'claude')),
  ],
  [
    'is reached through a linked folder where agents work',
    (folders) => {
      makeClaude(folders, join(folders.root, 'bin', 'claude'))
      return join(link(join(folders.root, 'bin'), join(rootIn(folders), 'bin')), 'claude')
    },
  ],
  [
    'can be changed by everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'bin', 'claude'))
      open(path)
      return path
    },
  ],
  [
    'is a link to a file that can be changed by everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'bin', 'claude'))
      open(path)
      return link(path, join(folders.root, 'links', 'claude'))
    },
  ],
  [
    'can be replaced by everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'bin', 'claude'))
      open(dirname(path))
      return path
    },
  ],
  [
    'lies in a folder that can be replaced by everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'open', 'bin', 'claude'))
      open(join(folders.root, 'open'))
      return path
    },
  ],
  [
    'is a link that can be replaced by everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'bin', 'claude'))
      const linked = link(path, join(folders.root, 'links', 'claude'))
      open(dirname(linked))
      return linked
    },
  ],
]

const acceptable: Row[] = [
  ['is ordinary', (folders) => makeClaude(folders, join(folders.root, 'bin', 'claude'))],
  [
    'is a link to an ordinary one',
    (folders) => link(makeClaude(folders, join(folders.root, 'bin', 'claude')), join(folders.root, 'links', 'claude')),
  ],
  [
    'lies in a folder whose name has the same beginning',
    (folders) => makeClaude(folders, join(`${rootIn(folders)}-not`, 'claude')),
  ],
  [
    'lies in a sticky folder for everybody',
    (folders) => {
      const path = makeClaude(folders, join(folders.root, 'shared', 'claude'))
      open(dirname(path), 0o1777)
      return path
    },
  ],
]

type Made = { folders: TestFolders; server: TestServer }

async function start(t: TestContext, claudeBin: (folders: TestFolders) => string | null): Promise<Made> {
  const folders = makeFolders(t)
  mkdirSync(rootIn(folders))
  const config = { claudeBin: claudeBin(folders), cwdRoots: [rootIn(folders)], defaultCwd: rootIn(folders) }
  return { folders, server: await startTestServer(t, { folders, config }) }
}

/** The names under which it was run. */
const runs = (folders: TestFolders) =>
  existsSync(runsIn(folders)) ? readFileSync(runsIn(folders), 'utf8').trim().split('\n') : []

async function checkRefused({ folders, server }: Made): Promise<void> {
  const { status, body } = await post(server, '/v1/chat', { prompt: 'hi' })
  assert.deepEqual([status, body.code], [503, 'claude_not_found'], JSON.stringify(body))
  assert.match(String(body.error), /is not used: it .*(--claude-bin|chmod go-w)/)
  assert.equal((await fetch(`${server.url}/v1/health`)).status, 503)
  assert.equal((await fetch(`${server.url}/readyz`)).status, 503)
  assert.equal((await server.claude).path, null)
  assert.deepEqual(runs(folders), [], 'it was run')
}

/** One of each reason: where it lies, what it is, what is above it, and where a link stands. */
const essential = [
  'lies where agents work',
  'is a link through a linked folder to a file where agents work',
  'can be changed by everybody',
  'lies in a folder that can be replaced by everybody',
  'is a link that can be replaced by everybody',
]

for (const [what, make] of refused) {
  testIf(essential.includes(what))(`F21 a claude that ${what} is refused, and never run`, async (t) =>
    checkRefused(await start(t, make)),
  )
}

for (const [what, make] of acceptable) {
  testIf(!what.startsWith('is a link'))(`F21 a claude that ${what} is used`, async (t) => {
    const { folders, server } = await start(t, make)
    const { status, body } = await post(server, '/v1/chat', { prompt: 'hi' })
    assert.equal(status, 200, JSON.stringify(body))
    assert.ok(runs(folders).length > 1)
  })
}

const whyNot = process.getuid?.() !== 0 && 'only root can give a file away'

test('F21 a claude that another group can change is refused, and never run', { skip: whyNot }, async (t) => {
  const make = (folders: TestFolders) => {
    const path = makeClaude(folders, join(folders.root, 'bin', 'claude'))
    chownSync(path, 0, 54_321)
    open(path, 0o775)
    return path
  }
  await checkRefused(await start(t, make))
})

test('F21 a claude that everybody can change from some moment on is refused from then on', async (t) => {
  const { folders, server } = await start(t, (each) => makeClaude(each, join(each.root, 'bin', 'claude')))
  assert.equal((await post(server, '/v1/chat', { prompt: 'hi' })).status, 200)
  const path = join(folders.root, 'bin', 'claude')
  writeFileSync(path, '#!/bin/sh\ntouch "$(dirname "$0")/../mark"\n')
  open(path)
  const before = runs(folders).length
  const { status, body } = await post(server, '/v1/chat', { prompt: 'hi' })
  assert.deepEqual([status, body.code], [503, 'claude_not_found'], JSON.stringify(body))
  assert.deepEqual([runs(folders).length, existsSync(join(folders.root, 'mark'))], [before, false])
})

/** Found on a search path; if none can be found, the one that the Agent SDK ships is used. */
async function searched(t: TestContext, make: (folders: TestFolders) => string): Promise<Made> {
  const folders = makeFolders(t)
  mkdirSync(rootIn(folders))
  const found = dirname(make(folders))
  const environment = { PATH: [found, dirname(process.execPath), '/usr/bin', '/bin'].join(':') }
  const config = { cwdRoots: [rootIn(folders)], defaultCwd: rootIn(folders) }
  return { folders, server: await startTestServer(t, { folders, environment, config }) }
}

for (const [what, make] of refused.filter(([, each]) => each.toString().includes('rootIn'))) {
  testIf(what === 'lies where agents work')(`F21 a claude on the search path that ${what} is never run`, async (t) => {
    const { folders, server } = await searched(t, make)
    const { path } = await server.claude
    assert.ok(path === null || path === sdkExecutable(), `${path}`)
    assert.deepEqual(runs(folders), [], 'it was run')
  })
}

test('F21 an ordinary claude on the search path is used', async (t) => {
  const { folders, server } = await searched(t, (each) => makeClaude(each, join(each.root, 'bin', 'claude')))
  assert.equal((await server.claude).path, join(folders.root, 'bin', 'claude'))
  assert.deepEqual([...new Set(runs(folders).map((name) => basename(name)))], ['claude'])
})
