// Settings: precedence, what each key accepts, and the error messages.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConfigInput, type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { configOptions } from '../../src/config/options.ts'
import { ConfigError } from '../../src/config/sources.ts'
import { nearestName } from '../../src/platform/did-you-mean.ts'

const machine = { memoryBytes: 8 * 1024 ** 3 }

/** A home, a working folder and a folder for the configuration file. */
function makeUserFolders(t: TestContext): { home: string; work: string; usualFile: string } {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'claude-serve-config-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const base = { home: path.join(folder, 'home'), work: path.join(folder, 'work') }
  const configFolder = path.join(folder, 'xdg', 'claude-serve')
  for (const each of [base.home, base.work, configFolder]) mkdirSync(each, { recursive: true })
  return { ...base, usualFile: path.join(configFolder, 'config.json') }
}

type LoadInput = Partial<ConfigInput> & { file?: unknown }

function load(t: TestContext, settings: LoadInput = {}, userFolders = makeUserFolders(t)): LoadedConfig {
  const { file, environment, ...input } = settings
  if (file !== undefined) writeFileSync(userFolders.usualFile, typeof file === 'string' ? file : JSON.stringify(file))
  const folders = { HOME: userFolders.home, XDG_CONFIG_HOME: path.dirname(path.dirname(userFolders.usualFile)) }
  const defaults = { flags: {}, cwd: userFolders.work, isTerminal: false, machine }
  return loadConfig({ ...defaults, ...input, environment: { ...folders, ...environment } })
}

function configError(t: TestContext, settings: LoadInput, userFolders = makeUserFolders(t)): ConfigError {
  try {
    load(t, settings, userFolders)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.doesNotMatch(error.message, /\n/)
    return error
  }
  assert.fail('the settings were accepted')
}

test('without any setting the defaults apply', (t) => {
  const userFolders = makeUserFolders(t)
  const { config, sources } = load(t, {}, userFolders)
  assert.deepEqual(config, {
    host: '127.0.0.1',
    port: 5005,
    allowHosts: [],
    corsOrigins: [],
    open: true,
    claudeBin: null,
    demo: false,
    modelMap: {},
    permissionModes: ['default', 'acceptEdits', 'plan', 'dontAsk'],
    defaultCwd: userFolders.work,
    cwdRoots: null,
    dataDir: path.join(userFolders.home, '.local', 'share', 'claude-serve'),
    database: null,
    warm: 1,
    maxProcesses: 32,
    keepAliveMs: 600_000,
    requestTimeoutMs: 300_000,
    approvalTimeoutMs: 600_000,
    maxRequestTimeoutMs: 3_600_000,
    queueLimit: 64,
    batchConcurrency: 4,
    bodyLimitBytes: 33_554_432,
    logLevel: 'info',
    logFormat: 'json',
  })
  assert.ok(sources.every((source) => source.source === 'default' && source.where === 'default'))
})

test('flags override the environment, which overrides the file, which overrides the defaults', (t) => {
  const file = { port: 1, warm: 1, 'queue-limit': 7 }
  const environment = { CLAUDE_SERVE_PORT: '2', CLAUDE_SERVE_WARM: '2' }
  const userFolders = makeUserFolders(t)
  const { config, sources } = load(t, { file, environment, flags: { port: '3' } }, userFolders)
  assert.deepEqual([config.port, config.warm, config.queueLimit, config.bodyLimitBytes], [3, 2, 7, 32 * 1024 ** 2])
  const bySource = Object.fromEntries(sources.map(({ key, source, where }) => [key, `${source}: ${where}`]))
  assert.equal(bySource.port, 'flag: --port flag')
  assert.equal(bySource.warm, 'environment: CLAUDE_SERVE_WARM environment variable')
  assert.equal(bySource['queue-limit'], `file: file ${userFolders.usualFile}`)
  assert.equal(bySource['body-limit'], 'default: default')
})

test('the reported values can be written into a configuration file', (t) => {
  const flags = { keepAlive: '90', requestTimeout: '1500ms', bodyLimit: '524288', permissionModes: 'plan,plan' }
  const first = load(t, { flags })
  const shown = Object.fromEntries(first.sources.map(({ key, value }) => [key, value]))
  assert.deepEqual([shown['keep-alive'], shown['request-timeout'], shown['body-limit']], ['90s', '1500ms', '512kb'])
  delete shown.config
  assert.deepEqual(load(t, { file: shown }).config, first.config)
})

const accepted: [key: keyof typeof configOptions, written: unknown, value: unknown][] = [
  ['host', 'LocalHost', 'localhost'],
  ['host', '[::1]', '::1'],
  ['host', '127.8.9.1', '127.8.9.1'],
  ['port', '0', 0],
  ['port', 65_535, 65_535],
  ['demo', true, true],
  ['demo', 'ON', true],
  ['demo', '0', false],
  ['open', 'off', false],
  ['keepAliveMs', '0', 0],
  ['keepAliveMs', '300', 300_000],
  ['keepAliveMs', 1.5, 1500],
  ['keepAliveMs', '1.5h', 5_400_000],
  ['keepAliveMs', '10 m', 600_000],
  ['keepAliveMs', '576h', 2_073_600_000],
  ['requestTimeoutMs', '500ms', 500],
  ['bodyLimitBytes', '512KB', 524_288],
  ['bodyLimitBytes', 4096, 4096],
  ['bodyLimitBytes', '2048b', 2048],
  ['allowHosts', ['Box.Example', '[fd00::1]'], ['box.example', '[fd00::1]']],
  ['permissionModes', 'plan, bypassPermissions', ['plan', 'bypassPermissions']],
  ['permissionModes', ['default'], ['default']],
  ['logLevel', 'silent', 'silent'],
  ['claudeBin', 'claude-next', 'claude-next'],
]
for (const [key, written, value] of accepted) {
  const { name } = configOptions[key]
  test(`${name} accepts ${JSON.stringify(written)} from a flag and from a file`, (t) => {
    assert.deepEqual(load(t, { flags: { [name]: written } }).config[key], value)
    assert.deepEqual(load(t, { file: { [name]: written } }).config[key], value)
  })
}

const refused: [name: string, values: unknown[], accepted: RegExp][] = [
  [
    'port',
    ['abc', '', '-1', '65536', '80.5', '1e3', '0x50', 80.5, true, '5005 5006'],
    /give an integer from 0 to 65535$/,
  ],
  ['warm', ['-1', 'many', 1000], /give an integer/],
  ['max-processes', ['0', 257], /give an integer from 1/],
  ['keep-alive', ['', 'soon', '10d', '-1s', '577h', '1m30s', -5, []], /10m or 1h/],
  ['request-timeout', ['0', 0], /from 1ms/],
  ['body-limit', ['1tb', '10', '1gb', 'big'], /512kb or 32mb/],
  ['permission-modes', ['auto', 'default,auto', '', 'PLAN', ','], /acceptEdits, plan, dontAsk, bypassPermissions$/],
  ['allow-host', [['*'], ['http://a'], ['a:80'], [''], 'a'], /without scheme, port or wildcard/],
  ['log-level', ['loud', 30], /give fatal, error/],
  ['log-format', ['xml'], /give pretty or json/],
  ['demo', ['maybe', 2], /true, false, 1, 0, on or off/],
  ['open', ['never', 2], /true, false, 1, 0, on or off/],
  ['default-cwd', ['/nope/nope', '', 'nope', '/dev/null'], /give an existing folder/],
  ['cwd-root', [['/nope/nope'], [], 'x'], /give.*existing folders?/],
  ['cwd-root', [['/'], ['~'], ['/tmp/..']], /whole disk or the home directory/],
  ['claude-bin', ['./nope', '/nope/claude', ''], /existing file/],
  ['database', ['postgres://me:hunter22@db/x'], /does not support this setting yet/],
  ['cors-origin', [['*'], ['null'], ['https://app.example/'], ['app.example'], ['']], /as browsers write them/],
  ['model-map', [['nonsense'], ['a=b=c']], /give pairs such as gpt-4o=sonnet/],
]
for (const [name, values, pattern] of refused) {
  for (const value of values) {
    test(`--${name} ${JSON.stringify(value)} is refused, and the message names what is accepted`, (t) => {
      const error = configError(t, { flags: { [name]: value } })
      assert.equal(error.key, `--${name}`)
      assert.deepEqual([error.source, error.origin, error.where], ['flag', `--${name}`, `--${name} flag`])
      assert.match(error.message, pattern)
      assert.doesNotMatch(error.message, /hunter22/)
    })
  }
}

test('the message names the key, the value, its source and what is accepted, in one line', (t) => {
  const error = configError(t, { environment: { CLAUDE_SERVE_PORT: 'abc' } })
  assert.equal(error.message, '--port: "abc" (from CLAUDE_SERVE_PORT) is not accepted; give an integer from 0 to 65535')
  assert.deepEqual(
    { key: error.key, value: error.value, where: error.where, accepted: error.accepted },
    {
      key: '--port',
      value: 'abc',
      where: 'CLAUDE_SERVE_PORT environment variable',
      accepted: 'give an integer from 0 to 65535',
    },
  )
})

test('a variable of a repeatable flag holds a comma-separated list, and an empty variable counts as not set', (t) => {
  const environment = {
    CLAUDE_SERVE_ALLOW_HOST: 'a.example, b.example,',
    CLAUDE_SERVE_PORT: ' ',
    CLAUDE_SERVE_HOST: '',
  }
  const { config } = load(t, { environment })
  assert.deepEqual([config.allowHosts, config.port, config.host], [['a.example', 'b.example'], 5005, '127.0.0.1'])
})

test('the environment can turn the demo on, and a flag can turn it off again', (t) => {
  assert.equal(load(t, { environment: { CLAUDE_SERVE_DEMO: 'on' } }).config.demo, true)
  assert.equal(load(t, { environment: { CLAUDE_SERVE_DEMO: '1' }, flags: { demo: false } }).config.demo, false)
})

test('settings that this version does not support are accepted with their default values', (t) => {
  const { config } = load(t, { file: { database: null, corsOrigin: [], 'model-map': [] } })
  assert.deepEqual([config.database, config.corsOrigins, config.modelMap], [null, [], {}])
})

test('relative folders are resolved against the working directory, and ~ is the home directory', (t) => {
  const userFolders = makeUserFolders(t)
  mkdirSync(path.join(userFolders.work, 'project'))
  const flags = { defaultCwd: 'project', cwdRoot: ['.', './project'], dataDir: '~/data' }
  const { config } = load(t, { flags }, userFolders)
  assert.equal(config.defaultCwd, path.join(userFolders.work, 'project'))
  assert.deepEqual(config.cwdRoots, [userFolders.work, path.join(userFolders.work, 'project')])
  assert.equal(config.dataDir, path.join(userFolders.home, 'data'))
})

test('the home directory, a link to it and its parent are refused as roots', (t) => {
  const userFolders = makeUserFolders(t)
  const link = path.join(userFolders.work, 'link')
  symlinkSync(userFolders.home, link)
  for (const root of [link, userFolders.home, path.dirname(userFolders.home)]) {
    assert.match(configError(t, { flags: { cwdRoot: [root] } }, userFolders).message, /home directory/)
  }
})

test('the maximum request timeout must not be below the default one, and the message names the setting that the user wrote', (t) => {
  assert.equal(configError(t, { flags: { requestTimeout: '2h' } }).key, '--request-timeout')
  const error = configError(t, { environment: { CLAUDE_SERVE_MAX_REQUEST_TIMEOUT: '1m' } })
  assert.equal(error.key, '--max-request-timeout')
  assert.match(error.message, /set at least the value of --request-timeout, 5m$/)
  assert.equal(load(t, { flags: { requestTimeout: '1h' } }).config.requestTimeoutMs, 3_600_000)
})

test('a file may use kebab-case and camel-case keys', (t) => {
  const { config } = load(t, { file: '\uFEFF{"queueLimit": 3, "max-processes": 5}' })
  assert.deepEqual([config.queueLimit, config.maxProcesses], [3, 5])
})

test('a file may have comments, and commas after the last entry', (t) => {
  const { config } = load(t, { file: '// a\n{"queue-limit": 3, /* "port": 1, */\n"model-map": ["a=//b",], // c\n}' })
  assert.deepEqual([config.queueLimit, config.port, config.modelMap], [3, 5005, { a: '//b' }])
})

const badFiles: [why: string, file: unknown, message: RegExp][] = [
  ['an unknown key', { warmth: 3 }, /^warmth: 3 .*this key does not exist; did you mean warm\?$/],
  ['an unknown key with no similar one', { anonymous: 'off' }, /^anonymous: "off" .*this key does not exist$/],
  ['a key twice', { logLevel: 'info', 'log-level': 'warn' }, /it is set twice$/],
  ['a value of the wrong type', { port: {} }, /^--port: \{\} \(from file .*give an integer/],
  ['broken JSON', '{"port": 1\n', /valid JSON/],
  ['an error after a comment', '{ /*\n*/ "port": 1 "warm": 1}', /valid JSON.*line 2 column 14/],
  ['an array instead of an object', '[]', /one JSON object/],
  ['a hidden prototype', '{"__proto__": {"port": 1}}', /this key does not exist/],
]
for (const [why, file, message] of badFiles) {
  test(`a file with ${why} is refused, and the message names the file`, (t) => {
    const error = configError(t, { file })
    assert.match(error.message, message)
    assert.match(error.where, /^file .*config\.json$/)
  })
}

test('a file that is named by a flag or the environment must exist', (t) => {
  const userFolders = makeUserFolders(t)
  const error = configError(t, { flags: { config: 'mine.json' } }, userFolders)
  assert.match(error.message, /^--config: "mine.json" \(from --config\) is not accepted; give the path of an existing/)
  writeFileSync(path.join(userFolders.work, 'mine.json'), '{"port": 1234}')
  const { config, sources } = load(
    t,
    { environment: { CLAUDE_SERVE_CONFIG: 'mine.json' }, file: { port: 1 } },
    userFolders,
  )
  assert.equal(config.port, 1234)
  assert.deepEqual(sources[0], {
    key: 'config',
    value: path.join(userFolders.work, 'mine.json'),
    source: 'environment',
    origin: 'CLAUDE_SERVE_CONFIG',
    where: 'CLAUDE_SERVE_CONFIG environment variable',
  })
})

const machines: [gibibytes: number, processes: number][] = [
  [0.25, 2],
  [2, 8],
  [8, 32],
  [256, 64],
]
for (const [gibibytes, processes] of machines) {
  test(`${gibibytes} GiB allow ${processes} processes`, (t) => {
    const { config } = load(t, { machine: { memoryBytes: gibibytes * 1024 ** 3 } })
    assert.equal(config.maxProcesses, processes)
  })
}

test('the log is pretty on a terminal', (t) => {
  assert.equal(load(t, { isTerminal: true }).config.logFormat, 'pretty')
})

test('model pairs become a map', () => {
  const schema = configOptions.modelMap.schema({ cwd: '/', home: '/', dataFolder: '/', isTerminal: false, machine })
  assert.deepEqual(schema.parse(['gpt-4o=sonnet', ' a = b ']), { 'gpt-4o': 'sonnet', a: 'b' })
  for (const pair of ['a', '=b', 'a=', 'a=b=c']) assert.equal(schema.safeParse([pair]).success, false)
})

test('every setting has its own flag, variable and help text', () => {
  const options = Object.values(configOptions)
  for (const field of ['name', 'environment', 'description'] as const) {
    assert.equal(new Set(options.map((option) => option[field])).size, options.length)
  }
})

const nearest: [word: string, name: string | null][] = [
  ['prot', 'port'],
  ['max_process', 'max-processes'],
  ['MAXPROCESSES', 'max-processes'],
  ['zzz', null],
  ['', null],
  ['p'.repeat(10_000), null],
]
for (const [word, name] of nearest) {
  test(`the name nearest to ${JSON.stringify(word.slice(0, 20))} is ${name}`, () => {
    assert.equal(nearestName(word, ['host', 'port', 'max-processes']), name)
  })
}
