// The package as a user gets it from the registry: packed, installed in an empty folder and started from there.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chat } from './helpers/client.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))

/**
 * How npm reaches its registry, and its cache, depend on the developer's environment; nothing else of it is passed on.
 */
const isForNpm = (name: string) => /^(npm_config_.*|node_extra_ca_certs|ssl_cert_.*|(https?|no|all)_proxy)$/i.test(name)
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => isForNpm(name))),
  PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(':'),
  HOME: homedir(),
}
const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error']

type Manifest = { version: string; files: string[]; bin: Record<string, string>; engines: { node: string } }

/** Compiles into a folder of its own, together with everything else that belongs to the package, and packs that. */
async function pack(stage: string): Promise<string> {
  const compiler = join(repository, 'node_modules', '.bin', 'tsc')
  const out = ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(stage, 'dist')]
  await run(compiler, out, { cwd: repository, env: environment })
  for (const name of papers) copyFileSync(join(repository, name), join(stage, name))
  for (const name of folders) cpSync(join(repository, name), join(stage, name), { recursive: true })
  // Stray files of a working copy must not get into the package.
  mkdirSync(join(stage, 'test'))
  writeFileSync(join(stage, 'test', 'secret.test.ts'), '')
  writeFileSync(join(stage, '.env'), 'SECRET=1')
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error'], {
    cwd: stage,
    env: environment,
  })
  const [packed] = JSON.parse(stdout) as [{ filename: string }]
  return join(stage, packed.filename)
}

const folders = ['docs', 'man', 'web']
const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'llms.txt', 'openapi.json', 'package.json']

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

test('the packed program installs, serves and stops', { timeout: 240_000 }, async (t) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-package-')))
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  const [stage, home, installed] = ['stage', 'home', 'installed'].map((name) => join(root, name))
  assert.ok(stage && home && installed)
  for (const folder of [stage, home, installed]) mkdirSync(folder)
  const tarball = await pack(stage)
  writeFileSync(join(installed, 'package.json'), '{"name":"somebody","private":true}')
  await run('npm', ['install', tarball, ...quiet], { cwd: installed, env: environment, maxBuffer: 16 * 1024 * 1024 })
  const folder = join(installed, 'node_modules', 'claude-serve')
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

  await t.test('it contains the compiled program, its types and its documents, and nothing else', () => {
    const files = filesBelow(folder)
    const strangers = files.filter((file) => !/^dist\/.*\.(js|d\.ts)$/.test(file))
    const pages = folders.flatMap((name) => filesBelow(join(repository, name)).map((file) => `${name}/${file}`))
    assert.deepEqual(strangers.sort(), [...papers, ...pages].sort())
    for (const file of files) assert.doesNotMatch(file, /test|fixture|bench/)
    for (const file of ['dist/cli.js', 'dist/server.js', 'dist/server.d.ts']) assert.ok(files.includes(file), file)
    for (const file of files.filter((name) => /^dist\/.*\.js$/.test(name))) {
      assert.ok(files.includes(file.replace(/\.js$/, '.d.ts')), `types for ${file}`)
      // An import path with .ts would fail at run time.
      assert.doesNotMatch(readFileSync(join(folder, file), 'utf8'), /(?:from|import\()\s*['"]\.[^'"]*\.ts['"]/)
    }
    assert.match(readFileSync(join(folder, 'dist/cli.js'), 'utf8'), /^#!\/usr\/bin\/env node\n/)
  })

  await t.test('it does not need development dependencies', async () => {
    const { stdout } = await run('npm', ['ls', '--all', '--parseable', '--loglevel=error'], {
      cwd: installed,
      env: environment,
    })
    for (const name of ['typescript', '@biomejs', '@types/node', 'node_modules/node'])
      assert.ok(
        !stdout
          .split('\n')
          .some((line) => line.includes(`node_modules/${name}/`) || line.endsWith(`/node_modules/${name}`)),
        name,
      )
  })

  await t.test('it can be imported by its name', async () => {
    const script = 'const { startServer } = await import("claude-serve"); process.stdout.write(typeof startServer)'
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: installed,
      env: { HOME: home },
    })
    assert.equal(stdout, 'function')
  })

  await t.test('a program that uses its types compiles', async () => {
    writeFileSync(
      join(installed, 'use.mts'),
      'import { type RunningServer, startServer } from "claude-serve"\nexport const start: (...args: Parameters<typeof startServer>) => Promise<RunningServer> = startServer\n',
    )
    const compiler = join(repository, 'node_modules', '.bin', 'tsc')
    const typeRoots = join(repository, 'node_modules', '@types')
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
    ]
    await run(compiler, [...flags, '--typeRoots', typeRoots, 'use.mts'], { cwd: installed, env: environment }).catch(
      (error: { stdout?: string }) => assert.fail(error.stdout ?? 'the compiler failed'),
    )
  })

  await t.test('its program prints its version', async () => {
    const program = join(installed, 'node_modules', '.bin', 'claude-serve')
    const { stdout } = await run(program, ['--version'], { cwd: home, env: { PATH: environment.PATH, HOME: home } })
    assert.match(stdout, new RegExp(`\\b${manifest.version.replaceAll('.', '\\.')}\\b`))
  })

  await t.test('its program shows how to set up a client', async () => {
    const program = join(installed, 'node_modules', '.bin', 'claude-serve')
    const words = ['launch', 'openai', '--print']
    const { stdout } = await run(program, words, { cwd: home, env: { PATH: environment.PATH, HOME: home } })
    assert.match(stdout, /^JavaScript:\n\nimport OpenAI from 'openai'\n/)
  })

  await t.test('its program answers from the demo model and stops on SIGTERM', async (t) => {
    const program = join(installed, 'node_modules', '.bin', 'claude-serve')
    const child = spawn(program, ['--demo', '--port', '0'], {
      cwd: home,
      env: { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(':'), HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    let output = ''
    for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      output += text
      if (/listening on \S+\n/.test(output)) break
    }
    const url = /listening on (http:\S+)/.exec(output)?.[1]
    assert.ok(url, output + errors)
    child.stdout.resume()
    const health = (await (await fetch(`${url}/v1/health`)).json()) as Record<string, unknown>
    assert.equal(health.status, 'ok', JSON.stringify(health))
    assert.equal(health.version, manifest.version)
    assert.equal(health.demo, true)
    // The CLI bundled with the Agent SDK, because there is none on the search path.
    assert.ok(String(health.claude_path).startsWith(installed), String(health.claude_path))
    const reply = await chat({ url }, { prompt: 'Is this the package?' })
    assert.match(reply.result, /^Hello from the demo model.*Is this the package\?$/)
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null], errors)
  })
})
