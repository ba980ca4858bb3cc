// What is shipped besides the code: package.json, the Dockerfile, the publishing script, the Homebrew formula, and the
// documents, as far as a program can check that they are correct. Not for the package itself (see package.test.ts).
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { Command } from 'commander'
import { parse } from 'yaml'
import { examples, passedOn, sampleOf } from '../scripts/config-document.ts'
import { childEnvironment } from '../src/claude/cli/environment.ts'
import { sdkExecutable } from '../src/claude/cli/executable.ts'
import { defaultPoolLimits, defaultProcessLimits } from '../src/claude/pool/limits.ts'
import { addCommands } from '../src/commands/registry.ts'
import { loadConfig } from '../src/config/load.ts'
import { type Config, configFileOption, configOptions } from '../src/config/options.ts'
import { camelCase } from '../src/config/sources.ts'
import { httpLimits } from '../src/http/app.ts'
import { test, testIf } from './helpers/extended.ts'
import { startTestServer } from './helpers/test-server.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const filesBelow = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

type Manifest = {
  license: string
  bin: Record<string, string>
  exports: Record<string, Record<string, string>>
  files: string[]
  engines: { node: string }
  dependencies: Record<string, string>
  publishConfig?: Record<string, unknown>
}
const manifest = JSON.parse(read('package.json')) as Manifest

function temporaryFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-packaging-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The names of packages that a file imports, statically or dynamically. */
function importsOf(file: string): string[] {
  const text = read(file)
  const body = text.search(/^(?!import\b|[\s}/#]|$)/m)
  const head = text.slice(0, body === -1 ? text.length : body)
  const found = [...head.matchAll(/ from '([^']+)'/g), ...text.matchAll(/\b(?:import|resolve)\(['`]([\w@:/.-]+)/g)]
  return found
    .map(([, name = '']) => name)
    .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
    .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
}

test('every package that src imports is a dependency, and every dependency is imported', () => {
  const imported = filesBelow('src')
    .filter((file) => file.endsWith('.ts'))
    .flatMap(importsOf)
  assert.deepEqual([...new Set(imported)].sort(), Object.keys(manifest.dependencies).sort())
})

test('the files that package.json names exist, or are compiled from existing ones', () => {
  const compiled = [...Object.values(manifest.bin), ...Object.values(manifest.exports['.'] ?? {})]
  for (const file of compiled) {
    const source = file.replace(/^\.\//, '').replace(/^dist\/(.*?)(?:\.d\.ts|\.js)$/, 'src/$1.ts')
    assert.ok(source.startsWith('src/') && existsSync(join(root, source)), file)
  }
  for (const file of manifest.files.filter((name) => name !== 'dist')) assert.ok(existsSync(join(root, file)), file)
  assert.equal(manifest.license, 'MIT')
  assert.match(read('LICENSE'), /^MIT License\n/)
})

test('package.json requires the same Node version as the program', () => {
  const [, major, minor] = /oldestNode.*= \[(\d+), (\d+)\]/.exec(read('src/cli.ts')) ?? []
  assert.equal(manifest.engines.node, `>=${major}.${minor}`)
})

type Instruction = { word: string; text: string; stage: number }

/** The Dockerfile's instructions, each as one line; `stage` counts from 1. */
function readInstructions(): Instruction[] {
  const lines = read('Dockerfile')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
  let stage = 0
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? assert.fail(`not an instruction: ${line}`)
      if (word === 'FROM') stage++
      return { word, text, stage }
    })
}

const instructions = readInstructions()
const named = (word: string, stage?: number) =>
  instructions.filter((each) => each.word === word && (stage === undefined || each.stage === stage))
const lastStage = named('FROM').length

test('the Dockerfile copies existing files that .dockerignore includes, and from existing stages', () => {
  const [first, ...exceptions] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  assert.equal(first, '*')
  const stages = named('FROM').map(({ text }) => / AS (\S+)$/.exec(text)?.[1])
  for (const { text, stage } of named('COPY')) {
    const words = text.split(/\s+/)
    const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1]
    if (from !== undefined) {
      const stageNumber = stages.indexOf(from) + 1
      assert.ok(stageNumber > 0 && stageNumber < stage, from)
      continue
    }
    for (const source of words.slice(0, -1)) {
      assert.ok(existsSync(join(root, source)), source)
      assert.ok(exceptions.includes(`!${source}`), `${source} is excluded by .dockerignore`)
    }
  }
  const copied = named('COPY').flatMap(({ text }) => text.split(/\s+/))
  for (const exception of exceptions) assert.ok(copied.includes(exception.slice(1)), `${exception} is not needed`)
})

test('the Dockerfile installs from the lock file, and runs no scripts of the packages that it ships', () => {
  const installs = named('RUN').flatMap(({ text, stage }) =>
    (text.match(/npm (?:ci|i|install|add)\b[^&|;]*/g) ?? []).map((line) => ({ line: line.trim(), stage })),
  )
  assert.ok(installs.length > 0)
  for (const { line } of installs) assert.match(line, /^npm ci\b/)
  const [shipped] = named('COPY', lastStage).flatMap(
    ({ text }) => /--from=(\S+) \S*node_modules /.exec(text)?.[1] ?? [],
  )
  const stage = named('FROM').find(({ text }) => text.endsWith(` AS ${shipped}`))?.stage
  assert.deepEqual(
    installs.map((each) => [each.line, each.stage]),
    [['npm ci --ignore-scripts', stage]],
  )
  // What only the build needs is not shipped.
  assert.ok(named('RUN', stage).at(-1)?.text.endsWith('npm prune --omit=dev --ignore-scripts'))
})

test('the container runs as an ordinary user, contains no secret, and has a Node that is new enough', () => {
  assert.equal(named('USER', lastStage).at(-1)?.text, 'node')
  assert.deepEqual(
    named('ARG').map(({ text, stage }) => [text, stage]),
    [['NODE_IMAGE=node:24-slim', 0]],
  )
  for (const { text } of named('FROM')) assert.match(text, /^\$\{NODE_IMAGE\}(?: AS \w+)?$/)
  const names = [...named('ENV'), ...named('ARG')].flatMap(({ text }) => text.match(/\b[A-Z][A-Z0-9_]*(?==)/g) ?? [])
  const known = Object.values(configOptions).map(({ environment }) => environment)
  for (const name of names) {
    assert.doesNotMatch(name, /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/)
    if (name.startsWith('CLAUDE_SERVE_')) assert.ok(known.includes(name), name)
  }
  assert.ok(names.includes('CLAUDE_CONFIG_DIR') && names.includes('CLAUDE_SERVE_DATA_DIR'))
  const volumes = named('VOLUME', lastStage).flatMap(({ text }) => JSON.parse(text) as string[])
  const values = Object.fromEntries(
    named('ENV').flatMap(({ text }) => [...text.matchAll(/(\S+)=(\S+)/g)].map(([, a, b]) => [a, b])),
  )
  for (const name of ['CLAUDE_CONFIG_DIR', 'CLAUDE_SERVE_DATA_DIR']) assert.ok(volumes.includes(values[name]), name)
})

const lint: [what: string, holds: (instruction: Instruction) => boolean][] = [
  ['nothing is fetched but by a package manager', ({ word, text }) => word !== 'ADD' && !/\b(?:curl|wget)\b/.test(text)],
  ['packages of the system are as few as possible', ({ text }) => !text.includes('apt-get install') || text.includes('--no-install-recommends')],
  ['no list of packages stays', ({ text }) => !text.includes('apt-get update') || text.includes('rm -rf /var/lib/apt/lists/*')],
  ['nothing runs as root by sudo', ({ text }) => !/\bsudo\b/.test(text)],
  ['signals reach the program', ({ word, text }) => !['ENTRYPOINT', 'CMD'].includes(word) || Array.isArray(JSON.parse(text))],
  ['folders are absolute', ({ word, text }) => word !== 'WORKDIR' || text.startsWith('/')],
] // biome-ignore format: a table reads better with a line for each
for (const [what, holds] of lint) {
  test(`the Dockerfile, instruction by instruction: ${what}`, () => {
    for (const instruction of instructions) assert.ok(holds(instruction), `${instruction.word} ${instruction.text}`)
  })
}

test('compose.yaml fits the Dockerfile: its volumes, its port on loopback only, and no secret', () => {
  type Service = { build: string; ports: string[]; volumes: string[]; [field: string]: unknown }
  const text = read('compose.yaml')
  const { services, volumes } = parse(text) as { services: Record<string, Service>; volumes: Record<string, null> }
  assert.deepEqual(Object.keys(services), ['claude-serve'])
  const { build, ports, volumes: mounts, ...others } = services['claude-serve'] ?? assert.fail('no service')
  assert.equal(build, '.')
  const exposed = named('EXPOSE', lastStage).at(-1)?.text
  assert.deepEqual(ports, [`127.0.0.1:${exposed}:${exposed}`])
  const targets = mounts.map((mount) => mount.slice(mount.lastIndexOf(':') + 1))
  const declared = named('VOLUME', lastStage).flatMap((each) => JSON.parse(each.text) as string[])
  for (const folder of [...declared, named('WORKDIR', lastStage).at(-1)?.text])
    assert.ok(targets.includes(folder ?? ''))
  // A volume that is not declared is a mistake, as is one that nothing mounts.
  const used = mounts
    .map((mount) => /^(?:\$\{\w+:-(\w+)\}|(\w+)):/.exec(mount))
    .map((match) => match?.[1] ?? match?.[2])
  assert.deepEqual(used.toSorted(), Object.keys(volumes).toSorted())
  assert.deepEqual(Object.keys(others).toSorted(), [
    'cap_drop',
    'image',
    'restart',
    'security_opt',
    'stop_grace_period',
  ])
  // The commands in its comment.
  for (const [, words = ''] of text.matchAll(/run --rm claude-serve (\w+(?: \w+)?)/g))
    assert.ok(['login', 'keys create'].includes(words), words)
})

test('what the Dockerfile starts and calls exists', () => {
  const paths = [...read('Dockerfile').matchAll(/\/app\/dist\/([\w/-]+)\.js/g)].map(([, path]) => `src/${path}.ts`)
  assert.deepEqual([...new Set(paths)].sort(), ['src/claude/cli/executable.ts', 'src/cli.ts'])
  for (const path of paths) assert.ok(existsSync(join(root, path)), path)
  assert.match(read('Dockerfile'), new RegExp(`module\\.${sdkExecutable.name}\\(\\)`))
})

/** Files and folders next to `src` that the program reads. */
function readBeside(): string[] {
  const found = filesBelow('src')
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const paths = [...read(file).matchAll(/\((['`])((?:\.\.\/)+[^'`$]+)/g)].map(([, , path = '']) =>
        join(dirname(file), path),
      )
      return paths.filter((path) => !path.startsWith('src') && !path.startsWith('..'))
    })
  return [...new Set(found)].sort()
}

const isAmong = (path: string, names: string[]) => names.some((name) => `${path}/`.startsWith(`${name}/`))

test('the files that the program reads are in the package', () => {
  const beside = readBeside()
  assert.ok(beside.includes('package.json') && beside.length > 1, beside.join())
  for (const name of beside.filter((each) => each !== 'package.json')) assert.ok(isAmong(name, manifest.files), name)
})

test('the files that the program reads are in the container', () => {
  const copied = named('COPY', lastStage).flatMap(({ text }) => text.split(/\s+/))
  for (const name of readBeside()) assert.ok(isAmong(name, copied), name)
})

test("the container's health check succeeds only if the server is running", async (t) => {
  const [check] = named('HEALTHCHECK')
  const [program, ...words] = JSON.parse(/ CMD (\[.*\])$/.exec(check?.text ?? '')?.[1] ?? '[]') as string[]
  assert.equal(program, 'node')
  const server = await startTestServer(t, { fake: 'well-behaved' })
  const exitCode = (port: number) =>
    new Promise((resolve) => {
      const env = { CLAUDE_SERVE_PORT: String(port) }
      execFile(process.execPath, words, { env, timeout: 30_000 }, (error) => resolve(error === null ? 0 : error.code))
    })
  assert.equal(await exitCode(server.port), 0)
  await server.close(0)
  assert.equal(await exitCode(server.port), 1)
})

/** Replaces npm: records its arguments, and packs a file of one word. In bash, because the script calls it often. */
const fakeNpm = `#!/bin/bash
if [ "$1" = view ]; then
  if [ "$3" = dist.tarball ]; then echo https://registry.example/claude-serve-1.2.3.tgz; exit; fi
  [ -n "$FAKE_PUBLISHED" ] && echo 1.2.3
  exit
fi
echo "$*" >>"$FAKE_LOG"
if [ "$1" = pack ]; then
  printf packed >.tmp/claude-serve-1.2.3.tgz
  echo claude-serve-1.2.3.tgz
fi
[ "$1" != "$FAKE_FAILS" ]
`

const projectLinks = {
  repository: { url: 'git+https://git.example/claude-serve.git' },
  homepage: 'https://git.example/claude-serve',
  bugs: { url: 'https://git.example/bugs' },
}

type Publishing = {
  words?: string[]
  environment?: Record<string, string>
  manifest?: Record<string, unknown>
  changelog?: string
  tag?: string
  dirt?: boolean
}

/** Runs the script in a repository that can be published, except for what `setup` changes. */
async function publish(t: TestContext, setup: Publishing) {
  const folder = temporaryFolder(t)
  const [work, bin, log] = [join(folder, 'work'), join(folder, 'bin'), join(folder, 'log')]
  for (const each of [work, bin, join(work, 'scripts')]) mkdirSync(each)
  writeFileSync(join(bin, 'npm'), fakeNpm, { mode: 0o755 })
  writeFileSync(log, '')
  cpSync(join(root, 'scripts/publish.sh'), join(work, 'scripts/publish.sh'))
  cpSync(join(root, 'packaging'), join(work, 'packaging'), { recursive: true })
  const fields = { name: 'claude-serve', version: '1.2.3', ...projectLinks, ...setup.manifest }
  writeFileSync(join(work, 'package.json'), JSON.stringify(fields))
  writeFileSync(join(work, 'CHANGELOG.md'), setup.changelog ?? '# Changelog\n\n## [1.2.3] - 2026-12-01\n')
  const env = {
    PATH: [bin, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    FAKE_LOG: log,
    ...(setup.environment ?? { SIGSTORE_ID_TOKEN: 'token' }),
  }
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...words], { cwd: work, env })
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '-m', 'all')
  git('tag', setup.tag ?? 'v1.2.3')
  if (setup.dirt) writeFileSync(join(work, 'left-over'), '')
  const outcome = await new Promise<{ code: number; stderr: string }>((resolve) => {
    const options = { cwd: folder, env, timeout: 60_000 }
    execFile('bash', [join(work, 'scripts/publish.sh'), ...(setup.words ?? [])], options, (error, _stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    )
  })
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return { ...outcome, calls, work }
}

const tarball = '.tmp/claude-serve-1.2.3.tgz'
const prepared = ['ci', 'test', 'run test:extended', 'pack --silent --pack-destination .tmp']

test('a tagged commit is tested, packed and published with provenance, and the formula names that file', async (t) => {
  const { code, stderr, calls, work } = await publish(t, {})
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(calls, [...prepared, `publish ${tarball} --provenance --access public`])
  const formula = readFileSync(join(work, '.tmp/claude-serve.rb'), 'utf8')
  assert.match(formula, /^ {2}homepage "https:\/\/git\.example\/claude-serve"$/m)
  assert.match(formula, /^ {2}url "https:\/\/registry\.example\/claude-serve-1\.2\.3\.tgz"$/m)
  assert.match(formula, new RegExp(`^ {2}sha256 "${createHash('sha256').update('packed').digest('hex')}"$`, 'm'))
  assert.doesNotMatch(formula, /@[A-Z0-9]+@/)
})

test('--dry-run does everything except the upload, and does not require CI', async (t) => {
  const { code, calls } = await publish(t, { words: ['--dry-run'], environment: {} })
  assert.equal(code, 0)
  assert.deepEqual(calls, [...prepared, `publish ${tarball} --dry-run --access public`])
})

const refusals: [what: string, setup: Publishing, message: RegExp][] = [
  ['changes that are not committed', { dirt: true }, /not committed/],
  ['a commit without the tag', { tag: 'v1.2.2' }, /no tag v1\.2\.3/],
  [
    'a version that CHANGELOG.md does not know',
    { changelog: '## [1.2.30]\n## [1x2.3]\n' },
    /no heading ## \[1\.2\.3\]/,
  ],
  ['a package without a repository', { manifest: { repository: undefined } }, /does not name repository/],
  ['a package without a homepage', { manifest: { homepage: undefined } }, /does not name homepage/],
  ['what is published already', { environment: { FAKE_PUBLISHED: '1', SIGSTORE_ID_TOKEN: 'token' } }, /already/],
  ['a machine that cannot sign', { environment: {} }, /only a CI that may sign/],
  ['a word that it does not know', { words: ['--dryrun'] }, /takes --dry-run or nothing/],
]
/** One that the folder gives cause for, and one that the machine does. */
const essentialRefusals = ['changes that are not committed', 'a machine that cannot sign']
for (const [what, setup, message] of refusals) {
  testIf(essentialRefusals.includes(what))(`publishing refuses ${what} before it does anything`, async (t) => {
    const { code, stderr, calls } = await publish(t, setup)
    assert.equal(code, 1)
    assert.match(stderr, message)
    assert.deepEqual(calls, [])
  })
}

test('publishing stops if a test fails', async (t) => {
  const { code, calls } = await publish(t, { environment: { SIGSTORE_ID_TOKEN: 'token', FAKE_FAILS: 'test' } })
  assert.notEqual(code, 0)
  assert.deepEqual(calls, ['ci', 'test'])
})

test('npm publish has the same settings as the script', () => {
  assert.deepEqual(manifest.publishConfig ?? { access: 'public', provenance: true }, {
    access: 'public',
    provenance: true,
  })
})

/** A home folder with the files and folders that the examples of docs/config.md name. */
function exampleHome(t: TestContext): string {
  const home = temporaryFolder(t)
  for (const folder of ['projects', 'notes', '.local/bin']) mkdirSync(join(home, folder), { recursive: true })
  writeFileSync(join(home, '.local/bin/claude'), '')
  return home
}

function configFrom(home: string, flags: Record<string, unknown>, environment: Record<string, string> = {}): Config {
  const input = { flags, environment: { HOME: home, ...environment }, cwd: home, isTerminal: true }
  return loadConfig({ ...input, machine: { memoryBytes: 8e9 } }).config
}

for (const [key, example] of Object.entries(examples) as [keyof Config, unknown][]) {
  if (example === null) continue
  test(`the example of --${configOptions[key].name} means the same as a flag, as a variable and in the file`, (t) => {
    const home = exampleHome(t)
    const { name, environment } = configOptions[key]
    const file = join(home, 'config.json')
    writeFileSync(file, JSON.stringify({ [name]: example }))
    const asText = Array.isArray(example) ? example.join(',') : String(example)
    const values = [
      configFrom(home, { config: file })[key],
      configFrom(home, { [camelCase(name)]: example })[key],
      configFrom(home, {}, { [environment]: asText })[key],
    ]
    assert.deepEqual(values[1], values[0])
    assert.deepEqual(values[2], values[0])
    assert.notDeepEqual(values[0], configFrom(home, {})[key], 'the example is the default')
  })
}

test('the file that docs/config.md shows is valid', (t) => {
  const home = exampleHome(t)
  const [, text = ''] = /```json\n([\s\S]*?)```/.exec(read('docs/config.md')) ?? []
  const file = join(home, 'config.json')
  writeFileSync(file, text)
  const config = configFrom(home, { config: file })
  assert.deepEqual([config.port, config.maxProcesses, config.requestTimeoutMs], [6000, 8, 600_000])
})

test('docs/config.md names every variable that is passed to the CLI, and no other', () => {
  const source = read('src/claude/cli/environment.ts')
  const [, lists = ''] = /const basic = \[([\s\S]*?)const families/.exec(source) ?? []
  const names = [...lists.matchAll(/'(\w+)'/g)].map(([, name = '']) => name)
  const fixed = Object.keys(childEnvironment({}))
  const listed = passedOn.flatMap(([, all]) => all.split(' '))
  assert.ok(names.length > 50)
  assert.deepEqual(
    listed.filter((name) => !name.endsWith('*')).sort(),
    names.filter((name) => !fixed.includes(name)).sort(),
  )
  const families = [...source.matchAll(/^ {2}\/(\^.*\$)\/,$/gm)].map(([, pattern = '']) => new RegExp(pattern))
  assert.equal(families.length, 5)
  const samples = listed.filter((name) => name.endsWith('*')).map(sampleOf)
  for (const family of families)
    assert.ok(
      samples.some((name) => family.test(name)),
      String(family),
    )
  // Each alternative of a pattern is a family of its own.
  const alternatives = families.flatMap(({ source: text }) => text.match(/\(([A-Z|]+)\)/)?.[1]?.split('|') ?? [])
  for (const word of alternatives) assert.ok(listed.includes(`ANTHROPIC_${word}_*`), word)
})

const count = (number: number) => number.toLocaleString('en')
const { headersTimeoutMs, requestTimeoutMs, headerBytesMax } = httpLimits
const limits: [what: string, howMuch: string][] = [
  ['URL; headers', `${count(httpLimits.urlBytesMax)} characters; ${httpLimits.headersMax}, and ${headerBytesMax / 1024} KB together`],
  ['time for the headers; for a whole request to arrive', `${headersTimeoutMs / 1000} s; ${requestTimeoutMs / 1000} s`],
  ['an idle connection', `${httpLimits.keepAliveMs / 1000} s`],
  ['connections per listening address', count(httpLimits.connectionsMax)],
  ['waiting runs of one key', `${configOptions.queueLimit.default}, then 429`],
  ['a body', String(configOptions.bodyLimitBytes.default).replace('mb', ' MB')],
  ['a run', `${String(configOptions.requestTimeoutMs.default).replace('s', ' s')}; a request may set up to ${String(configOptions.maxRequestTimeoutMs.default).replace('h', ' h')}`],
  ["a CLI's start; its first sign of life; silence; silence during a tool call", [defaultProcessLimits.startMs, defaultProcessLimits.firstMessageMs].map((ms) => `${ms / 1000} s`).concat([defaultProcessLimits.silenceMs, defaultProcessLimits.toolSilenceMs].map((ms) => `${ms / 60_000} min`)).join('; ')],
  ["a CLI's answer to a request between its turns", `${defaultProcessLimits.controlMs / 1000} s`],
] // biome-ignore format: a table reads better with a line for each
for (const [what, howMuch] of limits) {
  test(`docs/operations.md states the actual limit: ${what}`, () => {
    const row = read('docs/operations.md')
      .split('\n')
      .find((line) => line.startsWith(`| ${what} |`))
    assert.equal(row?.split(' | ')[1], howMuch)
  })
}

test('docs/operations.md states when a process is replaced', () => {
  const text = read('docs/operations.md').replace(/\s+/g, ' ')
  const { requestsMax, residentBytesMax } = defaultPoolLimits
  assert.ok(text.includes(`after ${requestsMax} of them, or above ${residentBytesMax / 1024 ** 2} MB`))
})

test('the Prometheus queries in docs/metrics.md use existing metrics', () => {
  const text = read('docs/metrics.md')
  const [, queries = ''] = /```promql\n([\s\S]*?)```/.exec(text) ?? []
  const names = queries.match(/\b(?:claude_serve|gen_ai|http)_\w+/g) ?? []
  assert.equal(queries.trim().split('\n').length, 4)
  assert.ok(names.length >= 3)
  for (const name of names) assert.ok(text.includes(`\n| \`${name.replace(/_bucket$/, '')}\` |`), name)
})

const documents = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs').filter((file) => file.endsWith('.md'))]

/** The anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')

test('links between the documents resolve', () => {
  for (const file of documents) {
    const links = [...read(file).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
    for (const [link, path = '', anchor] of links) {
      const target = path === '' ? file : join(dirname(file), path)
      assert.ok(existsSync(join(root, target)), `${file}: ${link}`)
      if (anchor === undefined) continue
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))
      assert.ok(headings.includes(anchor), `${file}: ${link}`)
    }
  }
})

const program = new Command()
addCommands(program, () => {})
const serveFlags = new Set([
  ...Object.values(configOptions).map(({ name }) => `--${name}`),
  ...['--no-demo', `--${configFileOption.name}`, '--print-config', '--json', '--help', '--version'],
])

/** The command that the words name; null for the server itself. */
function commandOf(words: readonly string[]): Command | null {
  let command: Command | null = null
  for (const word of words) {
    const next: Command | undefined = (command ?? program).commands.find((each) =>
      [each.name(), ...each.aliases()].includes(word),
    )
    if (next === undefined) break
    command = next
  }
  return command
}

/** The wrong word among the arguments of `claude-serve`; null if the command is valid. */
function commandProblem(args: readonly string[]): string | null {
  const [first = '', ...rest] = args
  const words = first === 'serve' ? rest : args
  const command = commandOf(words)
  if (command === null && words[0]?.startsWith('-') === false) return words[0]
  const end = words.indexOf('--')
  const own = words.slice(0, end === -1 ? words.length : end)
  // What follows `--` is for the server with `service install`, and for a client otherwise.
  const forServe = end === -1 || command?.name() !== 'install' ? [] : words.slice(end + 1)
  const flags = new Set(command?.options.flatMap(({ long, short }) => [long, short]) ?? serveFlags)
  const isFlag = (word: string) => /^--?[a-z]/.test(word) && word !== '--help'
  const strange = own.find((word) => isFlag(word) && !flags.has(word))
  return strange ?? forServe.find((word) => isFlag(word) && !serveFlags.has(word)) ?? null
}

test('commands in the documents exist', () => {
  let seen = 0
  for (const file of documents) {
    const text = read(file)
    const lines = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
      block
        .split('\n')
        .flatMap((line) => /^(?:[A-Z_]+=\S+ )*claude-serve\b(.*?)(?: # .*| \| .*| > .*)?$/.exec(line)?.[1] ?? []),
    )
    const spans = [...text.matchAll(/`claude-serve( [^`\n]+)`/g)].map(([, words = '']) => words)
    for (const words of [...lines, ...spans]) {
      seen++
      assert.equal(commandProblem(words.trim().split(/\s+/).filter(Boolean)), null, `${file}: claude-serve${words}`)
    }
  }
  assert.ok(seen > 40, `only ${seen} were found`)
})

test('the check detects a command that does not exist', () => {
  for (const words of [
    'serves',
    'keys create a --scop chat',
    '--prot 1',
    'service install -- --prot 1',
    'status --port 1',
  ])
    assert.notEqual(commandProblem(words.split(' ')), null, words)
  for (const words of ['', 'serve --port 1', '--port 1', 'service install -- --port 1', 'logs -f'])
    assert.equal(commandProblem(words.split(' ').filter(Boolean)), null, words)
})
