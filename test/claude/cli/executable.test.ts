// Which `claude` is used, which error is reported if none is usable, and that answers are cached until a file they
// depend on changes.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type ClaudeChange,
  compareVersions,
  Executable,
  newestTestedVersion,
  oldestVersion,
  sdkExecutable,
} from '../../../src/claude/cli/executable.ts'
import { fileStamp } from '../../../src/claude/cli/file-stamp.ts'
import { AppError } from '../../../src/errors.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'

const onPosix = { skip: process.platform === 'win32' ? 'the stand-ins are shell scripts' : false }
const newer = '2.99.0'

type Scene = { folders: TestFolders; calls: () => string[]; environment: Record<string, string> }

function setUp(t: TestContext): Scene {
  const folders = makeFolders(t)
  mkdirSync(folders.configDir)
  const file = join(folders.root, 'calls')
  const calls = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  return {
    folders,
    calls,
    environment: { PATH: `${folders.root}/one:${folders.root}/two:/usr/bin:/bin`, HOME: folders.home },
  }
}

/** A `claude` that prints this version and records each call. */
function makeClaude({ folders }: Scene, folder: string, answer = `${newer} (Claude Code)`, mode = 0o755): string {
  mkdirSync(join(folders.root, folder), { recursive: true })
  const path = join(folders.root, folder, 'claude')
  const lines = [
    '#!/bin/sh',
    `echo "$1" >> ${folders.root}/calls`,
    `case "$1" in --version) echo '${answer}';; *) cat ${folders.root}/login; test -e ${folders.root}/in;; esac`,
  ]
  writeFileSync(path, lines.join('\n'))
  chmodSync(path, mode)
  return path
}

function logIn({ folders }: Scene, method: string): void {
  writeFileSync(join(folders.root, 'login'), JSON.stringify({ loggedIn: true, authMethod: method }))
  writeFileSync(join(folders.root, 'in'), '')
}

function logOut({ folders }: Scene): void {
  writeFileSync(join(folders.root, 'login'), '{"loggedIn":false,"authMethod":"none"}')
  rmSync(join(folders.root, 'in'), { force: true })
}

const refusal = (text: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof AppError)
  assert.equal(thrown.code, 'claude_not_found')
  assert.match(thrown.message, text)
  return true
}

test('a claude on the search path is used if it is new enough', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeClaude(scene, 'two')
  const { state, ...claude } = await new Executable(null, scene.environment).claude()
  assert.deepEqual(claude, { path, version: newer, origin: 'path' })
  assert.equal(state, fileStamp(path))
})

const unusable: [title: string, answer: string, mode: number][] = [
  ['too old', '1.0.3 (Claude Code)', 0o755],
  ['one that prints nothing', '', 0o755],
  ['one that is another program', 'claude, the cat of version 9', 0o755],
  ['one that cannot be executed', newer, 0o644],
]
for (const [title, answer, mode] of unusable) {
  test(`if the claude on the search path is ${title}, the one from the SDK is used`, onPosix, async (t) => {
    const scene = setUp(t)
    makeClaude(scene, 'one', answer, mode)
    const { path, origin, version } = await new Executable(null, scene.environment).claude()
    assert.deepEqual({ path, origin }, { path: sdkExecutable(), origin: 'sdk' })
    assert.ok(compareVersions(version, oldestVersion) >= 0)
  })
}

test('without a claude on the search path, the one from the SDK is used', onPosix, async (t) => {
  const { environment } = setUp(t)
  assert.equal((await new Executable(null, environment).claude()).origin, 'sdk')
})

test(
  'a folder named claude is not a program, and a relative folder of the search path is not searched',
  onPosix,
  async (t) => {
    const scene = setUp(t)
    mkdirSync(join(scene.folders.root, 'one', 'claude'), { recursive: true })
    const path = makeClaude(scene, 'two')
    const environment = { ...scene.environment, PATH: `.:one:${scene.environment.PATH}` }
    assert.equal((await new Executable(null, environment).claude()).path, path)
  },
)

test('a configured claude is used, by its path or by its name on the search path', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeClaude(scene, 'two')
  for (const name of [path, 'claude']) {
    const { state: _, ...claude } = await new Executable(name, scene.environment).claude()
    assert.deepEqual(claude, { path, version: newer, origin: 'chosen' })
  }
})

test('a configured claude must exist, run, and be new enough: no other is used instead', onPosix, async (t) => {
  const scene = setUp(t)
  makeClaude(scene, 'one')
  const missing = join(scene.folders.root, 'missing')
  await assert.rejects(
    new Executable(missing, scene.environment).claude(),
    refusal(/missing is not an executable file.*--claude-bin/),
  )
  await assert.rejects(
    new Executable('missing', scene.environment).claude(),
    refusal(/^no command missing is on the PATH of the server: correct --claude-bin/),
  )
  const closed = makeClaude(scene, 'closed', newer, 0o644)
  await assert.rejects(new Executable(closed, scene.environment).claude(), refusal(/is not an executable file/))
  const old = makeClaude(scene, 'old', '2.1.325 (Claude Code)')
  await assert.rejects(
    new Executable(old, scene.environment).claude(),
    refusal(/is version 2\.1\.325; at least 2\.1\.326 is required/),
  )
  const odd = makeClaude(scene, 'odd', 'hello')
  await assert.rejects(new Executable(odd, scene.environment).claude(), refusal(/cannot be run: its --version prints/))
})

const notices: [title: string, answer: string][] = [
  ['a notice before it', `A new version is available.\nRun claude update.\n${newer} (Claude Code)`],
  ['a notice after it', `${newer} (Claude Code)\nA new version is available.`],
  ['a v', `v${newer} (Claude Code)`],
  ['a notice that names the program', `2.99.9 of claude (Claude Code) is available.\n${newer} (Claude Code)`],
  ['a notice, and nothing but the version', `A new version is available.\n${newer}`],
  ['colors', `\u001b[1m${newer}\u001b[22m (Claude Code)`],
]
for (const [title, answer] of notices) {
  test(`the line with the version is found: ${title}`, onPosix, async (t) => {
    const scene = setUp(t)
    const path = makeClaude(scene, 'two', answer)
    const { version } = await new Executable(path, scene.environment).claude()
    assert.equal(version, newer)
  })
}

/** A program that does not say its version and leaves a child behind that holds its output open. */
function makeHanging({ folders }: Scene, folder: string): string {
  mkdirSync(join(folders.root, folder), { recursive: true })
  const path = join(folders.root, folder, 'claude')
  writeFileSync(path, `#!/bin/sh\necho x >> ${folders.root}/calls\nsleep 300 &\nsleep 300\n`)
  chmodSync(path, 0o755)
  return path
}

test('a claude that hangs is killed for good, and not tried again at once', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeHanging(scene, 'two')
  const executable = new Executable(path, scene.environment)
  await assert.rejects(executable.claude(), refusal(/`--version` did not end within (5|20) s/))
  await assert.rejects(executable.claude(), refusal(/did not end within (5|20) s/))
  assert.deepEqual(scene.calls(), ['x'])
  // Another file is tried at once.
  makeClaude(scene, 'two')
  assert.equal((await executable.claude()).version, newer)
})

test('what a claude leaves running does not hold its version up', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeHanging(scene, 'two')
  const pidFile = join(scene.folders.root, 'left')
  writeFileSync(path, `#!/bin/sh\nsleep 300 &\necho $! > ${pidFile}\necho '${newer} (Claude Code)'\n`)
  const { version } = await new Executable(path, scene.environment).claude()
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
  assert.equal(version, newer)
})

test('a claude that is replaced while it says its version is asked again', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeClaude(scene, 'two')
  const next = makeClaude(scene, 'next', '2.99.1 (Claude Code)')
  writeFileSync(path, `#!/bin/sh\nmv '${next}' '${path}'\necho '${newer} (Claude Code)'\n`)
  const executable = new Executable(null, scene.environment)
  await executable.claude()
  assert.equal((await executable.claude()).version, '2.99.1')
})

test('a claude that is installed in an earlier folder of the search path is used from then on', onPosix, async (t) => {
  const scene = setUp(t)
  const changes: string[] = []
  const onChange = ({ from, to }: ClaudeChange) => void changes.push(`${from?.path} > ${to?.path}`)
  const executable = new Executable(null, scene.environment, { lookMs: 0, onChange })
  const later = makeClaude(scene, 'two')
  assert.equal((await executable.claude()).path, later)
  const earlier = makeClaude(scene, 'one')
  assert.equal((await executable.claude()).path, earlier)
  rmSync(earlier)
  assert.equal((await executable.claude()).path, later)
  assert.deepEqual(changes, [`${later} > ${earlier}`, `${earlier} > ${later}`])
})

test('a wrapper is asked for its version again if a process of it has reported another', onPosix, async (t) => {
  const scene = setUp(t)
  const target = makeClaude(scene, 'target')
  mkdirSync(join(scene.folders.root, 'two'))
  writeFileSync(join(scene.folders.root, 'two', 'claude'), `#!/bin/sh\nexec '${target}' "$@"\n`, { mode: 0o755 })
  const changes: string[] = []
  const executable = new Executable(null, scene.environment, {
    onChange: ({ from, to }) => void changes.push(`${from?.version} > ${to?.version}`),
    versionOf: ({ version }) => (version === newer && reported ? '2.99.1' : null),
  })
  let reported = false
  assert.equal((await executable.claude()).version, newer)
  makeClaude(scene, 'target', '2.99.1 (Claude Code)')
  assert.equal((await executable.claude()).version, newer)
  reported = true
  assert.equal((await executable.claude()).version, '2.99.1')
  assert.deepEqual(changes, [`${newer} > 2.99.1`])
})

test('a claude that hangs is killed when it is not wanted any more', onPosix, async (t) => {
  const scene = setUp(t)
  const executable = new Executable(makeHanging(scene, 'two'), scene.environment)
  const refused = assert.rejects(executable.claude(), refusal(/`--version` is not wanted any more/))
  executable.close()
  await refused
})

test(
  'while the one from the SDK is used, the search path is looked at again; each change is told once',
  onPosix,
  async (t) => {
    const scene = setUp(t)
    const changes: string[] = []
    const onChange = ({ from, to, reason }: ClaudeChange) => {
      changes.push(`${from?.origin}>${to?.origin}${reason === null ? '' : ' with a reason'}`)
    }
    const executable = new Executable(null, scene.environment, { onChange, lookMs: 0 })
    const origin = async () => (await executable.claude()).origin
    assert.equal(await origin(), 'sdk')
    const path = makeClaude(scene, 'two')
    assert.equal(await origin(), 'path')
    rmSync(path)
    assert.equal(await origin(), 'sdk')
    assert.equal(await origin(), 'sdk')
    makeClaude(scene, 'one', '1.0.3 (Claude Code)')
    assert.equal(await origin(), 'sdk')
    makeClaude(scene, 'one')
    assert.equal(await origin(), 'path')
    chmodSync(join(scene.folders.root, 'one', 'claude'), 0o644)
    assert.equal(await origin(), 'sdk')
    assert.deepEqual(changes, ['sdk>path', 'path>sdk', 'sdk>path', 'path>sdk'])
  },
)

test('at the start it is told why a claude on the search path is not used', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeClaude(scene, 'one', '1.0.3 (Claude Code)')
  const changes: ClaudeChange[] = []
  await new Executable(null, scene.environment, { onChange: (change) => changes.push(change) }).claude()
  assert.deepEqual(
    changes.map(({ reason }) => reason),
    [`${path}: version 1.0.3 is too old`],
  )
})

for (const [how, chosen] of [
  ['found on the search path', false],
  ['configured', true],
] as const) {
  test(
    `a claude that was ${how} and does not work gives way to the one from the SDK, until it is another`,
    onPosix,
    async (t) => {
      const scene = setUp(t)
      const path = makeClaude(scene, 'two')
      const defects = new Map<string, string>()
      const executable = new Executable(chosen ? path : null, scene.environment, {
        defectOf: ({ state }) => defects.get(state) ?? null,
        lookMs: 0,
      })
      const first = await executable.claude()
      assert.equal(first.path, path)
      assert.equal(executable.passedOver, null)
      defects.set(first.state, 'it has tools')
      assert.equal((await executable.claude()).origin, 'sdk')
      assert.equal(executable.passedOver, `${path}: it has tools`)
      makeClaude(scene, 'two', '2.100.12 (Claude Code)')
      assert.equal((await executable.claude()).version, '2.100.12')
      assert.equal(executable.passedOver, null)
    },
  )
}

test('the one from the SDK is the newest that was tested', onPosix, async (t) => {
  const scene = setUp(t)
  assert.equal((await new Executable(null, scene.environment).claude()).version, newestTestedVersion)
})

test('a configured claude that is installed later is found then', onPosix, async (t) => {
  const scene = setUp(t)
  const path = join(scene.folders.root, 'two', 'claude')
  const executable = new Executable(path, scene.environment)
  await assert.rejects(executable.claude(), refusal(/is not an executable file/))
  makeClaude(scene, 'two')
  assert.equal((await executable.claude()).version, newer)
})

test('the version is read once, and again if the file has changed', onPosix, async (t) => {
  const scene = setUp(t)
  const path = makeClaude(scene, 'two')
  const executable = new Executable(path, scene.environment)
  await Promise.all([executable.claude(), executable.claude()])
  await executable.claude()
  assert.deepEqual(scene.calls(), ['--version'])
  makeClaude(scene, 'two', '2.100.12 (Claude Code)')
  assert.equal((await executable.claude()).version, '2.100.12')
  await executable.claude()
  assert.deepEqual(scene.calls(), ['--version', '--version'])
})

test('the version of a claude on the search path is read once, too', {
  ...onPosix,
}, async (t) => {
  const scene = setUp(t)
  makeClaude(scene, 'two')
  const executable = new Executable(null, scene.environment)
  for (let call = 0; call < 3; call++) await executable.claude()
  assert.deepEqual(scene.calls(), ['--version'])
})

test('the login is read once, and again if the credentials have changed', onPosix, async (t) => {
  const scene = setUp(t)
  const executable = new Executable(makeClaude(scene, 'two'), scene.environment)
  const loginCalls = () => scene.calls().filter((call) => call === 'auth').length
  logIn(scene, 'api_key')
  assert.deepEqual(await executable.login(), { loggedIn: true, method: 'api_key' })
  logOut(scene)
  assert.deepEqual(await executable.login(), { loggedIn: true, method: 'api_key' })
  assert.equal(loginCalls(), 1)
  const credentials = join(scene.folders.configDir, '.credentials.json')
  writeFileSync(credentials, '{}')
  assert.deepEqual(await executable.login(), { loggedIn: false, method: 'none' })
  logIn(scene, 'claude.ai')
  writeFileSync(credentials, '{"more":1}')
  assert.deepEqual(await executable.login(), { loggedIn: true, method: 'claude.ai' })
  rmSync(credentials)
  await executable.login()
  assert.equal(loginCalls(), 4)
})

test('the login is read from CLAUDE_CONFIG_DIR', onPosix, async (t) => {
  const scene = setUp(t)
  const elsewhere = join(scene.folders.root, 'elsewhere')
  mkdirSync(elsewhere)
  const executable = new Executable(makeClaude(scene, 'two'), { ...scene.environment, CLAUDE_CONFIG_DIR: elsewhere })
  logOut(scene)
  assert.equal((await executable.login()).loggedIn, false)
  logIn(scene, 'claude.ai')
  writeFileSync(join(elsewhere, '.credentials.json'), '{}')
  assert.equal((await executable.login()).loggedIn, true)
})

test('the known login is available without waiting', onPosix, async (t) => {
  const scene = setUp(t)
  const executable = new Executable(makeClaude(scene, 'two'), scene.environment)
  logIn(scene, 'api_key')
  assert.equal(executable.loginSoFar(), null)
  await executable.login()
  assert.deepEqual(executable.loginSoFar(), { loggedIn: true, method: 'api_key' })
})

test('an invalid answer about the login is a failure, and the next call tries again', onPosix, async (t) => {
  const scene = setUp(t)
  const executable = new Executable(makeClaude(scene, 'two'), scene.environment)
  writeFileSync(join(scene.folders.root, 'login'), 'not JSON')
  await assert.rejects(executable.login(), SyntaxError)
  assert.equal(executable.loginSoFar(), null)
  logIn(scene, 'api_key')
  assert.equal((await executable.login()).loggedIn, true)
})

const versions: [a: string, b: string, expected: number][] = [
  ['2.1.330', '2.1.330', 0],
  ['2.1.331', '2.1.330', 1],
  ['2.1.99', '2.1.330', -1],
  ['2.10.0', '2.9.99', 1],
  ['3.0.0', '2.99.99', 1],
  ['1.0.3', '2.1.330', -1],
  ['2.1.330-beta.1', '2.1.330', 0],
  ['2.2', '2.1.330', 1],
]
for (const [a, b, expected] of versions) {
  test(`${a} is ${['older than', 'the same as', 'newer than'][expected + 1]} ${b}`, () => {
    assert.equal(Math.sign(compareVersions(a, b)), expected)
    assert.equal(Math.sign(compareVersions(b, a)) + expected, 0)
  })
}
