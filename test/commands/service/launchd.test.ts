// The command `service` on macOS: the property list that it writes, and how it calls launchd. Also on a system with neither manager.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertFailure, cli } from '../command-process.ts'
import { type Scene, setUp } from './scene.ts'

const fileOf = ({ folders }: Scene) => join(folders.home, 'Library', 'LaunchAgents', 'claude-serve.plist')
const domain = `gui/${process.getuid?.() ?? 0}`

type Value = string | number | boolean | Value[] | { [key: string]: Value }

const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' }
const decode = (text: string) =>
  text.replace(/&\w*;?/g, (entity) => entities[entity] ?? assert.fail(`no entity: ${entity}`))

/** Parses a property list with the elements that we write; anything else fails the test. */
function readPlist(text: string): Value {
  const [, body = ''] =
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<!DOCTYPE plist PUBLIC [^>]*>\s*([\s\S]*)$/.exec(text) ?? []
  const tokens = body.replace(/<!--[\s\S]*?-->/g, '').match(/<[^>]*>|[^<]+/g) ?? []
  const solid = tokens.filter((token) => token.trim() !== '')
  const next = (): string => solid.shift() ?? assert.fail('the file ends too early')
  const expect = (token: string) => assert.equal(next(), token)
  const textUntil = (end: string): string => {
    const token = next()
    if (token === end) return ''
    assert.ok(!token.startsWith('<'), token)
    expect(end)
    return decode(token)
  }
  const value = (): Value => {
    const tag = next()
    if (tag === '<string>') return textUntil('</string>')
    if (tag === '<integer>') return Number(textUntil('</integer>'))
    if (tag === '<true/>' || tag === '<false/>') return tag === '<true/>'
    if (tag === '<array>') {
      const items: Value[] = []
      while (solid[0] !== '</array>') items.push(value())
      expect('</array>')
      return items
    }
    assert.equal(tag, '<dict>')
    const entries: [string, Value][] = []
    while (solid[0] !== '</dict>') {
      expect('<key>')
      entries.push([textUntil('</key>'), value()])
    }
    expect('</dict>')
    return Object.fromEntries(entries)
  }
  expect('<plist version="1.0">')
  const read = value()
  expect('</plist>')
  assert.deepEqual(solid, [])
  return read
}

test('the property list starts the server at login, restarts it after a failure, and sets no variable but PATH', async (t) => {
  const scene = setUp(t, 'darwin', 'launchctl')
  const odd = join(scene.folders.cwd, `a & <b> "c" $HOME %h`)
  mkdirSync(odd)
  const environment = { ANTHROPIC_API_KEY: 'sk-ant-secret-0123456789' }
  const { code, stdout } = await scene.service(['install', '--print', '--', '--default-cwd', odd], { environment })
  assert.equal(code, 0)
  assert.deepEqual(readPlist(stdout), {
    Label: 'claude-serve',
    ProgramArguments: [process.execPath, realpathSync(cli), 'serve', '--default-cwd', odd],
    EnvironmentVariables: { PATH: `${scene.bin}:/usr/bin:/bin:/usr/local/bin` },
    WorkingDirectory: scene.folders.home,
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ExitTimeOut: 60,
    ProcessType: 'Interactive',
    StandardErrorPath: join(scene.folders.home, 'Library', 'Logs', 'claude-serve.log'),
  })
  assert.deepEqual([scene.calls(), existsSync(fileOf(scene))], [[], false])
})

const noPlutil = spawnSync('plutil', ['-help']).error === undefined ? false : 'plutil is not installed here'

test('macOS accepts the property list', { skip: noPlutil }, async (t) => {
  const scene = setUp(t, 'darwin', 'launchctl')
  const file = join(scene.folders.root, 'x.plist')
  writeFileSync(file, (await scene.service(['install', '--print'])).stdout)
  assert.equal(spawnSync('plutil', ['-lint', file]).status, 0)
})

test('install, status and uninstall call launchd', async (t) => {
  const scene = setUp(t, 'darwin', 'launchctl')
  assert.equal((await scene.service(['install'])).code, 0)
  assert.deepEqual(scene.calls(), [`bootstrap ${domain} ${fileOf(scene)}`])
  // It is not an error that the service is not loaded.
  scene.answer('bootout', 'Boot-out failed: 3: No such process', 3)
  assert.equal((await scene.service(['install', '--', '--port', '6000'])).code, 0)
  assert.deepEqual(scene.calls(), [`bootout ${domain}/claude-serve`, `bootstrap ${domain} ${fileOf(scene)}`])
  assert.match(readFileSync(fileOf(scene), 'utf8'), /<string>6000<\/string>/)
  scene.answer('print', '\tstate = running', 0)
  const { code, stdout } = await scene.service(['status', '--json'])
  const expected = { installed: true, file: fileOf(scene), enabled: 'loaded', state: 'running', active: true }
  assert.deepEqual([code, JSON.parse(stdout)], [0, expected])
  scene.answer('print', 'Could not find service', 113)
  const gone = await scene.service(['status'])
  assert.deepEqual([gone.code, /at login +not loaded\n/.test(gone.stdout)], [1, true])
  scene.calls()
  assert.equal((await scene.service(['uninstall'])).code, 0)
  assert.deepEqual([scene.calls(), existsSync(fileOf(scene))], [[`bootout ${domain}/claude-serve`], false])
})

test('if launchd fails, it says what to run, and exits with 1', async (t) => {
  const scene = setUp(t, 'darwin', 'launchctl')
  scene.answer('bootstrap', 'Bootstrap failed: 125: Domain does not support specified action', 125)
  const { code, stderr } = await scene.service(['install'])
  assert.equal(code, 1)
  assert.match(stderr, /\(Bootstrap failed: 125: .*\); in a login session, run: launchctl bootstrap gui\//)
})

test('a system with neither manager is not supported', async (t) => {
  const scene = setUp(t, 'sunos', null)
  for (const word of ['install', 'uninstall', 'status']) {
    assertFailure(
      await scene.service([word]),
      /services are not supported on sunos: start \S+claude-serve when you log in/,
    )
  }
})
