// The program without a command, or with `serve`: what it prints, where, and its exit codes. That the executable gives the same is seen in
// commands/command-host.test.ts.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { configOptions } from '../src/config/options.ts'
import { ownCommand } from '../src/platform/installation.ts'
import { cli, type Outcome, run as runCommand } from './commands/command-process.ts'
import { compileCache } from './helpers/compile-cache.ts'
import type { TestFolders } from './helpers/test-server.ts'

const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../package.json'), 'utf8'))

type RunOptions = { home?: string; environment?: Record<string, string> }

function makeHome(t: TestContext): string {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'claude-serve-cli-')))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  return home
}

const foldersOf = (home: string): TestFolders => ({ root: home, home, cwd: home, dataDir: '', configDir: '' })

/** In the process that all command lines of this file share, with nothing in the environment but what the test sets. */
function run(
  t: TestContext,
  words: string[],
  { home = makeHome(t), environment = {} }: RunOptions = {},
): Promise<Outcome> {
  const whole = { PATH: process.env.PATH ?? '', HOME: home, ...environment }
  return runCommand(foldersOf(home), words, { environment: whole, isWhole: true })
}

/** The executable itself, in a process of its own. */
function runExecutable(t: TestContext, words: string[], nodeFlags: string[] = []): Promise<Outcome> {
  const home = makeHome(t)
  const options = { cwd: home, env: { PATH: process.env.PATH ?? '', HOME: home, ...compileCache }, timeout: 30_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, [...nodeFlags, cli, ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr })
    })
  })
}

test('--version prints the version of the package, and nothing else', async (t) => {
  for (const words of [['--version'], ['-v'], ['serve', '--version']]) {
    assert.deepEqual(await run(t, words), { code: 0, stdout: `${version}\n`, stderr: '' })
  }
})

test('--help lists every setting with its variable, with and without the command', async (t) => {
  for (const words of [['--help'], ['serve', '--help'], ['help', 'serve']]) {
    const { code, stdout, stderr } = await run(t, words)
    assert.deepEqual([code, stderr], [0, ''])
    const text = stdout.replace(/\s+/g, ' ')
    for (const { name, environment } of Object.values(configOptions)) {
      assert.ok(text.includes(`--${name} `) && text.includes(`(${environment}; default: `), name)
    }
  }
})

test('--print-config shows every value and where it comes from, as a table', async (t) => {
  const home = makeHome(t)
  mkdirSync(path.join(home, '.config', 'claude-serve'), { recursive: true })
  writeFileSync(path.join(home, '.config', 'claude-serve', 'config.json'), '{"warm": 3}')
  const environment = { XDG_CONFIG_HOME: path.join(home, '.config'), CLAUDE_SERVE_QUEUE_LIMIT: '9' }
  const words = ['--print-config', '--port', '0', '--keep-alive=90s', '--cwd-root', path.dirname(cli)]
  const { code, stdout, stderr } = await run(t, words, { home, environment })
  assert.deepEqual([code, stderr], [0, ''])
  const rows = new Map(stdout.split('\n').map((line) => [line.split(/ {2,}/)[0], line.split(/ {2,}/).slice(1)]))
  assert.deepEqual(rows.get('port'), ['0', '--port flag'])
  assert.deepEqual(rows.get('keep-alive'), ['90s', '--keep-alive flag'])
  assert.deepEqual(rows.get('queue-limit'), ['9', 'CLAUDE_SERVE_QUEUE_LIMIT environment variable'])
  assert.deepEqual(rows.get('host'), ['127.0.0.1', 'default'])
  assert.equal(rows.get('cwd-root')?.[1], '--cwd-root flag')
  for (const { name } of Object.values(configOptions)) assert.ok(rows.has(name), name)
})

test('--print-config --json prints the same as JSON', async (t) => {
  const { code, stdout } = await run(t, ['serve', '--print-config', '--json', '--allow-host', 'a', '--allow-host', 'b'])
  assert.equal(code, 0)
  const shown = JSON.parse(stdout)
  assert.deepEqual(shown['allow-host'], { value: ['a', 'b'], source: 'flag', where: '--allow-host flag' })
  assert.deepEqual(shown['body-limit'], { value: '32mb', source: 'default', where: 'default' })
})

test('--no-demo overrides the environment', async (t) => {
  const runOptions = { environment: { CLAUDE_SERVE_DEMO: '1' } }
  for (const [words, value] of [[[], true] as const, [['--no-demo'], false] as const]) {
    const { stdout } = await run(t, ['--print-config', '--json', ...words], runOptions)
    assert.equal(JSON.parse(stdout).demo.value, value)
  }
})

const wrong: [words: string[], firstLine: RegExp][] = [
  [['--prot', '1'], /unknown option '--prot' \(Did you mean --port\?\)$/],
  [['serve', '--prot=1'], /unknown option '--prot.*'/],
  [['sevre'], /unknown command 'sevre' \(Did you mean serve\?\)$/],
  [['frobnicate'], /unknown command 'frobnicate'$/],
  [['serve', 'frobnicate', 'more'], /too many arguments/],
  [['--port'], /'--port <port>' argument missing$/],
  [['--port', 'abc'], /--port: "abc" \(from --port\) is not accepted; give an integer from 0 to 65535$/],
  [['--config', 'nope.json'], /--config: "nope.json" .* give the path of an existing JSON file$/],
  [['--json'], /--json requires --print-config$/],
]
for (const [words, firstLine] of wrong) {
  test(`${['claude-serve', ...words].join(' ')} is wrong usage: one clear line, a hint at --help, exit code 2`, async (t) => {
    const { code, stdout, stderr } = await run(t, words)
    assert.deepEqual([code, stdout], [2, ''])
    const [first = '', ...rest] = stderr.split('\n')
    assert.match(first, /^claude-serve: /)
    assert.match(first, firstLine)
    assert.deepEqual(rest, [`see ${ownCommand('--help')}`, ''])
  })
}

for (const host of ['0.0.0.0', '::', '', '192.168.1.5']) {
  test(`--host ${JSON.stringify(host)} exits with 1 and names what is required`, async (t) => {
    const { code, stderr } = await run(t, ['--host', host])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /is reachable from other machines and needs at least one API key: create one with \S+claude-serve keys create/,
    )
  })
}

test('an invalid value in the environment or a file exits with 1 and names its source', async (t) => {
  const inEnvironment = await run(t, [], { environment: { CLAUDE_SERVE_WARM: 'lots' } })
  assert.equal(inEnvironment.code, 1)
  assert.match(inEnvironment.stderr, /--warm: "lots" \(from CLAUDE_SERVE_WARM\)/)

  const home = makeHome(t)
  const file = path.join(home, 'mine.json')
  writeFileSync(file, '{"prot": 5}')
  const inFile = await run(t, ['--config', file], { home })
  assert.equal(inFile.code, 1)
  assert.ok(
    inFile.stderr.includes(`prot: 5 (from file ${file}) is not accepted; this key does not exist; did you mean port?`),
  )
})

test('a Node that is too old exits with 1 and shows what is required', async (t) => {
  for (const [old, works] of [['20.19.0', false] as const, ['22.17.9', false] as const, ['22.18.0', true] as const]) {
    const preload = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${old}'}})`
    const { code, stdout, stderr } = await runExecutable(t, ['--version'], ['--import', preload])
    assert.equal(stdout, works ? `${version}\n` : '')
    assert.equal(code, works ? 0 : 1)
    assert.equal(stderr.includes(`requires Node 22.18 or newer, but this is ${old}`), !works)
  }
})
