// The command `service` on Linux: the unit that it writes, and how it calls systemd. A fake systemd records its calls; a real one
// verifies the unit if it is installed. Not for macOS (see launchd.test.ts).
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ownIdentity } from '../../../src/claude/process/process-registry.ts'
import { assertFailure, assertWrongUsage, cli } from '../command-process.ts'
import { type Scene, setUp } from './scene.ts'

const linux = (t: TestContext) => setUp(t, 'linux', 'systemctl')
const fileOf = ({ folders }: Scene) => join(folders.home, '.config', 'systemd', 'user', 'claude-serve.service')
const unit = 'claude-serve.service'

/** The settings of a unit; each occurs once. */
function settingsOf(text: string): Map<string, string> {
  const settings = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (/^([#[]|$)/.test(line)) continue
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? assert.fail(`no setting: ${line}`)
    assert.ok(!settings.has(name), name)
    settings.set(name, value)
  }
  return settings
}

/** Parses words as in systemd.syntax(7), systemd.unit(5) and systemd.service(5). A specifier or a variable fails the test. */
function wordsOf(value: string): string[] {
  const words = value.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  return words.map((word, index) => {
    const text = word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word
    const isCommand = value.includes(' serve')
    return text.replace(/%.?|\$.?/g, (found) => {
      // Variables are expanded only in the arguments of a command.
      if (found.startsWith('$') && (!isCommand || index === 0)) return found
      assert.ok(found === '%%' || found === '$$', found)
      return found.slice(1)
    })
  })
}

const commandOf = (text: string) => wordsOf(settingsOf(text).get('ExecStart') ?? '')

test('--print shows the unit and changes nothing', async (t) => {
  const scene = linux(t)
  const { code, stdout, stderr } = await scene.service(['install', '--print'])
  assert.deepEqual([code, stderr, scene.calls(), existsSync(fileOf(scene))], [0, '', [], false])
  assert.deepEqual(commandOf(stdout), [process.execPath, realpathSync(cli), 'serve'])
  const settings = settingsOf(stdout)
  for (const [name, value] of [
    ['WorkingDirectory', '~'],
    ['Restart', 'on-failure'],
    ['RestartPreventExitStatus', '2'],
    ['KillMode', 'mixed'],
    ['WantedBy', 'default.target'],
  ] as const)
    assert.equal(settings.get(name), value)
  // The commands of an agent must be able to do what its user can.
  assert.doesNotMatch(stdout, /^(NoNewPrivileges|Protect|Private|Restrict|SystemCall|Capability)/m)
})

test('install writes the unit, starts it, and prints hints', async (t) => {
  const scene = linux(t)
  const { code, stdout, stderr } = await scene.service(['install'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.ok(stdout.startsWith(`wrote ${fileOf(scene)}\nstarted it: `), stdout)
  assert.match(stdout, /systemctl --user edit claude-serve/)
  assert.match(stdout, /loginctl enable-linger/)
  assert.deepEqual(scene.calls(), ['--user daemon-reload', `--user enable --now ${unit}`])
  assert.equal(readFileSync(fileOf(scene), 'utf8'), (await scene.service(['install', '--print'])).stdout)
  assert.equal((await scene.service(['install', '--', '--port', '6000'])).code, 0)
  const again = ['--user daemon-reload', `--user enable --now ${unit}`, `--user restart ${unit}`]
  assert.deepEqual(scene.calls(), again)
  assert.deepEqual(commandOf(readFileSync(fileOf(scene), 'utf8')).slice(2), ['serve', '--port', '6000'])
})

test('the folder for units honors XDG_CONFIG_HOME', async (t) => {
  const scene = linux(t)
  const config = join(scene.folders.root, 'config')
  await scene.service(['install'], { environment: { XDG_CONFIG_HOME: config } })
  assert.ok(existsSync(join(config, 'systemd', 'user', unit)) && !existsSync(fileOf(scene)))
})

test('flags of the server are passed on, with and without --, and paths become absolute', async (t) => {
  const scene = linux(t)
  const odd = join(scene.folders.cwd, `a b%h$HOME"q'\\n`)
  mkdirSync(odd)
  mkdirSync(join(scene.folders.home, 'p'))
  const words = [
    '--demo',
    '--no-demo',
    '--port=6000',
    '--data-dir',
    'd',
    '--default-cwd',
    odd,
    '--cwd-root',
    '.',
    '--cwd-root',
    '~/p',
  ]
  const expected = [
    ...['--port', '6000', '--no-demo', '--default-cwd', odd],
    ...[
      '--cwd-root',
      scene.folders.cwd,
      '--cwd-root',
      join(scene.folders.home, 'p'),
      '--data-dir',
      join(scene.folders.cwd, 'd'),
    ],
  ]
  for (const flags of [['--', ...words], words]) {
    const { code, stdout, stderr } = await scene.service(['install', '--print', ...flags])
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(commandOf(stdout).slice(3), expected)
  }
  const named = await scene.service(['install', '--print', '--claude-bin', 'claude', '--config', 'c.json'])
  assertFailure(
    { ...named, code: 1, stderr: `${named.stderr.split('\n')[0]}\n` },
    /--config: "c.json" .* existing JSON file/,
  )
  writeFileSync(join(scene.folders.cwd, 'c.json'), '{}')
  const found = await scene.service(['install', '--print', '--claude-bin', 'claude', '--config', 'c.json'])
  assert.deepEqual(commandOf(found.stdout).slice(3), [
    '--claude-bin',
    'claude',
    '--config',
    join(scene.folders.cwd, 'c.json'),
  ])
})

const analyze =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed here'

test('systemd-analyze finds no problem in the unit', { skip: analyze, timeout: 60_000 }, async (t) => {
  const scene = linux(t)
  const odd = join(scene.folders.cwd, `a b%h$HOME"q'\\n`)
  mkdirSync(odd)
  const { stdout } = await scene.service(['install', '--print', '--', '--default-cwd', odd])
  const file = join(scene.folders.root, unit)
  const verify = (text: string) => {
    writeFileSync(file, text)
    const env = { PATH: process.env.PATH ?? '', HOME: scene.folders.home, XDG_RUNTIME_DIR: scene.folders.root }
    return spawnSync('systemd-analyze', ['--user', 'verify', file], { env, encoding: 'utf8' }).stderr
  }
  assert.equal(verify(stdout), '')
  assert.match(verify(stdout.replace('KillMode=mixed', 'KillMode=odd')), /KillMode|kill mode/)
})

const secret = 'sk-ant-secret-0123456789'

test('no variable of the shell gets into the unit; those that matter are listed without their values', async (t) => {
  const scene = linux(t)
  const environment = {
    ANTHROPIC_API_KEY: secret,
    HTTPS_PROXY: 'http://user:hidden@proxy',
    CLAUDE_SERVE_PORT: '6001',
    CLAUDE_SERVE_API_KEY: `csk_${'x'.repeat(40)}`,
    OTHER_TOKEN: 'other-secret',
    CLAUDE_SERVE_DATA_DIR: join(scene.folders.root, 'mine'),
    CLAUDE_BIN: '',
  }
  const { code, stdout, stderr } = await scene.service(['install'], { environment })
  assert.equal(code, 0)
  const [, names = ''] = /set in this shell, but not for the service: ([^(]*) \(/.exec(stderr) ?? []
  const expected = ['ANTHROPIC_API_KEY', 'CLAUDE_SERVE_DATA_DIR', 'CLAUDE_SERVE_PORT', 'HTTPS_PROXY']
  assert.deepEqual(names.split(', ').toSorted(), expected)
  const written = readFileSync(fileOf(scene), 'utf8')
  for (const value of [secret, 'hidden', '6001', 'xxxxxxxx', 'other-secret', 'mine'])
    assert.ok(!`${written}${stdout}${stderr}`.includes(value), value)
})

test('the search path is that of the shell, without relative folders and those that npm adds', async (t) => {
  const scene = linux(t)
  const PATH = [
    scene.bin,
    '/a b/bin',
    'relative',
    '',
    '/x/node_modules/.bin',
    '/y/lib/node-gyp-bin',
    '/100%/"q"',
    '/usr/bin',
  ].join(':')
  const { stdout } = await scene.service(['install', '--print'], { environment: { PATH } })
  const [path, ...others] = wordsOf(settingsOf(stdout).get('Environment') ?? '')
  assert.deepEqual(others, [])
  assert.equal(path, `PATH=${[scene.bin, '/a b/bin', '/100%/"q"', '/usr/bin', '/usr/local/bin', '/bin'].join(':')}`)
})

test('if systemd cannot be reached, it writes the unit, says what to run, and exits with 1', async (t) => {
  for (const program of ['systemctl', null]) {
    const scene = setUp(t, 'linux', program)
    scene.answer('daemon-reload', 'Failed to connect to bus', 1)
    // Excludes the machine's own systemctl too.
    const { code, stdout, stderr } = await scene.service(['install'], { environment: { PATH: scene.bin } })
    assert.deepEqual([code, stdout], [1, `wrote ${fileOf(scene)}\n`])
    const reason = program === null ? 'systemctl does not exist' : 'Failed to connect to bus'
    const commands = `systemctl --user daemon-reload && systemctl --user enable --now ${unit}`
    assert.ok(stderr.includes(`(${reason}); in a login session, run: ${commands}\n`), stderr)
    assert.ok(existsSync(fileOf(scene)))
  }
})

test("somebody else's file is left alone, and a link is not followed", async (t) => {
  const scene = linux(t)
  mkdirSync(dirname(fileOf(scene)), { recursive: true })
  writeFileSync(fileOf(scene), '[Service]\n')
  for (const words of [['install'], ['uninstall'], ['status']]) {
    assertFailure(await scene.service(words), /was not written by claude-serve: move it elsewhere first/)
  }
  assert.deepEqual([readFileSync(fileOf(scene), 'utf8'), scene.calls()], ['[Service]\n', []])

  const other = linux(t)
  mkdirSync(dirname(fileOf(other)), { recursive: true })
  const target = join(other.folders.root, 'target')
  symlinkSync(target, fileOf(other))
  assert.equal((await other.service(['install'])).code, 0)
  assert.ok(!existsSync(target) && lstatSync(fileOf(other)).isFile())
})

test('a running server prevents the installation of a service, unless it is the service itself', async (t) => {
  const scene = linux(t)
  const dataDir = join(scene.folders.root, 'elsewhere')
  mkdirSync(dataDir)
  const address = {
    url: 'http://127.0.0.1:1',
    pid: process.pid,
    process: await ownIdentity(),
    version: '1',
    startedAt: '',
  }
  writeFileSync(join(dataDir, 'server.json'), JSON.stringify(address))
  const words = ['install', '--', '--data-dir', dataDir]
  scene.answer('is-active', 'inactive', 3)
  const refused = await scene.service(words)
  assertFailure(
    refused,
    new RegExp(`a server is already running \\(pid ${process.pid}\\): stop it with \\S+claude-serve stop`),
  )
  assert.ok(!existsSync(fileOf(scene)))
  scene.answer('is-active', 'active', 0)
  assert.equal((await scene.service(words)).code, 0)
  assert.ok(existsSync(fileOf(scene)))
})

test('uninstall stops the service and removes it; if there is none, it says so and exits with 0', async (t) => {
  const scene = linux(t)
  await scene.service(['install'])
  scene.calls()
  const { code, stdout, stderr } = await scene.service(['uninstall'])
  assert.deepEqual([code, stdout, stderr], [0, `removed ${fileOf(scene)}\n`, ''])
  assert.deepEqual(scene.calls(), [`--user disable --now ${unit}`, '--user daemon-reload'])
  assert.ok(!existsSync(fileOf(scene)))
  const none = await scene.service(['uninstall'])
  assert.deepEqual([none.code, none.stdout, scene.calls()], [0, '', []])
  assert.match(none.stderr, /no service is installed: \S+ does not exist/)
})

test('uninstall succeeds even if systemd cannot be reached, and says so', async (t) => {
  const scene = linux(t)
  await scene.service(['install'])
  const link = join(dirname(fileOf(scene)), 'default.target.wants', unit)
  mkdirSync(dirname(link))
  symlinkSync(fileOf(scene), link)
  scene.answer('disable', 'Failed to connect to bus', 1)
  const { code, stdout, stderr } = await scene.service(['uninstall'])
  assert.deepEqual([code, stdout], [0, `removed ${fileOf(scene)}\n`])
  assert.match(stderr, /Failed to connect to bus: if the server still runs, stop it with \S+claude-serve stop/)
  assert.throws(() => lstatSync(link), /ENOENT/)
})

test('status: not installed, running, failed', async (t) => {
  const scene = linux(t)
  const none = await scene.service(['status'])
  assertFailure(none, /no service is installed: .* install one with \S+claude-serve service install/)
  assert.equal(none.stdout, '')
  await scene.service(['install'])
  scene.answer('is-enabled', 'enabled', 0)
  scene.answer('is-active', 'active', 0)
  const running = await scene.service(['status'])
  assert.deepEqual([running.code, running.stderr], [0, ''])
  assert.match(running.stdout, new RegExp(`^file +${fileOf(scene)}\nat login +enabled\nstate +active\n$`))
  scene.answer('is-active', 'failed', 3)
  const failed = await scene.service(['status', '--json'])
  const expected = { installed: true, file: fileOf(scene), enabled: 'enabled', state: 'failed', active: false }
  assert.deepEqual([failed.code, JSON.parse(failed.stdout)], [1, expected])
})

const wrong: [words: string[], command: string, message: RegExp][] = [
  [['instal'], 'service', /unknown command 'instal' \(Did you mean install\?\)/],
  [['install', '--prnt'], 'service install', /"--prnt" is not a flag of claude-serve serve/],
  [['install', '6000'], 'service install', /"6000" is not a flag of claude-serve serve/],
  [['install', '--', '--prot', '1'], 'service install', /"--prot" is not a flag of claude-serve serve/],
  [['install', '--', '--port', 'x'], 'service install', /--port: "x" .* give an integer from 0 to 65535/],
  [['install', '--', '--print-config'], 'service install', /--print-config and --json are not supported in a service/],
  [['install', '--', '--claude-bin', `x-${secret}`], 'service install', /a flag contains a secret/],
  [['uninstall', 'now'], 'service uninstall', /too many arguments/],
  [['status', '--jsn'], 'service status', /unknown option '--jsn' \(Did you mean --json\?\)/],
]
test('wrong usage prints one line, exits with 2, and writes nothing', async (t) => {
  const scene = linux(t)
  for (const [words, command, message] of wrong) {
    const outcome = await scene.service(words)
    assertWrongUsage(outcome, command, message)
    assert.ok(!outcome.stderr.includes('0123456789'))
  }
  assert.deepEqual([scene.calls(), existsSync(fileOf(scene))], [[], false])
})
