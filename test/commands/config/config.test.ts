// The command `config`: where the file is, a new file that the server accepts whatever is uncommented, and what is wrong with settings.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { type ConfigOption, configOptions } from '../../../src/config/options.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, run } from '../command-process.ts'

const pathOf = ({ home }: TestFolders) => join(home, '.config', 'claude-serve', 'config.json')
/** Wherever the tests run, the usual path is below the test's home. */
const options = { environment: { XDG_CONFIG_HOME: '' }, platform: 'linux' } as const
const config = (folders: TestFolders, ...words: string[]) => run(folders, ['config', ...words], options)

test('a new file is accepted, sets nothing, and describes every setting', async (t) => {
  const folders = makeFolders(t)
  const path = pathOf(folders)
  const missing = await config(folders, 'path')
  assert.deepEqual([missing.code, missing.stdout], [1, `${path}\n`])
  assert.match(missing.stderr, /does not exist yet: \S*claude-serve config init creates it/)
  const made = await config(folders, 'init')
  assert.deepEqual(made, { code: 0, stdout: `wrote ${path}: remove the // before a setting to set it\n`, stderr: '' })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(await config(folders, 'path'), { code: 0, stdout: `${path}\n`, stderr: '' })
  const text = readFileSync(path, 'utf8')
  assert.equal((await config(folders, 'init', '--print')).stdout, text)
  for (const { name, available } of Object.values<ConfigOption>(configOptions))
    assert.equal(text.includes(`\n  // "${name}": `), available, name)
  const input = { environment: { HOME: folders.home }, cwd: folders.cwd, isTerminal: false, flags: {} }
  const machine = { memoryBytes: 8e9 }
  const { config: defaults, sources } = loadConfig({ ...input, machine })
  assert.ok(sources.slice(1).every(({ source }) => source === 'default'))
  // With all comments removed from the settings, nothing changes either.
  writeFileSync(path, text.replace(/^ {2}\/\/ (?=")/gm, '  '))
  const loaded = loadConfig({ ...input, machine })
  assert.deepEqual(loaded.config, defaults)
  assert.ok(loaded.sources.filter(({ source }) => source === 'file').length > 10)
  assertFailure(await config(folders, 'init'), /config\.json exists already/)
})

test('init and path use the file that a flag or a variable names', async (t) => {
  const folders = makeFolders(t)
  const json = JSON.parse((await config(folders, 'path', '--config', 'a.json', '--json')).stdout)
  assert.deepEqual(json, { path: join(folders.cwd, 'a.json'), exists: false, where: '--config flag' })
  const environment = { CLAUDE_SERVE_CONFIG: '~/b/c.json' }
  const made = await run(folders, ['config', 'init', '--json'], { environment })
  assert.deepEqual(JSON.parse(made.stdout), { path: join(folders.home, 'b', 'c.json') })
  assert.ok(existsSync(join(folders.home, 'b', 'c.json')))
})

test('check names every problem with its key, value, source and what is accepted', async (t) => {
  const folders = makeFolders(t)
  const path = pathOf(folders)
  mkdirSync(join(folders.home, '.config', 'claude-serve'), { recursive: true })
  const none = await config(folders, 'check')
  assert.equal(none.code, 0)
  assert.match(
    none.stdout,
    /the settings are valid\n {2}key +value +from\n {2}data-dir +"\S+" +CLAUDE_SERVE_DATA_DIR env/,
  )
  writeFileSync(path, '{"port": 99999, // too high\n "warm": -1, /* */ "queue-limit": 9,}')
  const wrong = await config(folders, 'check')
  assert.deepEqual([wrong.code, wrong.stdout], [1, ''])
  assert.deepEqual(wrong.stderr.split('\n').length, 3)
  assert.ok(
    wrong.stderr.includes(`--port: 99999 (from file ${path}) is not accepted; give an integer from 0 to 65535\n`),
  )
  assert.match(wrong.stderr, /--warm: -1 /)
  const { stdout, code } = await config(folders, 'check', '--json')
  const { valid, problems } = JSON.parse(stdout)
  assert.deepEqual([code, valid, problems.length], [1, false, 2])
  const { message, ...first } = problems[0]
  assert.deepEqual(first, {
    key: '--port',
    value: '99999',
    source: 'file',
    where: `file ${path}`,
    accepted: 'give an integer from 0 to 65535',
  })
  assert.ok(message.includes('99999'))
  writeFileSync(path, '{"queue-limit": 9}')
  const right = JSON.parse((await config(folders, 'check', '--json')).stdout)
  assert.deepEqual([right.valid, right.settings['queue-limit'].value, right.settings.warm.source], [true, 9, 'default'])
  writeFileSync(path, '{"prot": 1}')
  assertFailure(await config(folders, 'check'), /prot: 1 .* did you mean port\?/)
  writeFileSync(path, '{"port": 1')
  assertFailure(await config(folders, 'check'), /contains valid JSON/)
})

test('check also finds what a start would refuse, and a file that is missing is wrong usage', async (t) => {
  const folders = makeFolders(t)
  mkdirSync(join(folders.home, 'x'))
  writeFileSync(join(folders.cwd, 'a.json'), JSON.stringify({ 'cwd-root': ['~/x'], 'data-dir': '~/x/data' }))
  const environment = { CLAUDE_SERVE_DATA_DIR: '' }
  const outcome = await run(folders, ['config', 'check', '--config', 'a.json'], { environment })
  assertFailure(outcome, /--cwd-root \S+ would let agents into/)
  const missing = await config(folders, 'check', '--config', 'none.json')
  assertWrongUsage(missing, 'config check', /--config: "none\.json" .* give the path of an existing JSON file/)
  assertWrongUsage(await config(folders, 'chek'), 'config', /unknown command 'chek'/)
})
