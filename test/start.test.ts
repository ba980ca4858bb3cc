// What `npm start` runs, and what a server's start says and sets for its process.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { startUpstream } from '../src/demo/upstream.ts'
import { compileCache } from './helpers/compile-cache.ts'
import { makeFolders, testEnvironment } from './helpers/test-server.ts'

const root = join(import.meta.dirname, '..')
const { scripts, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Prints at exit whether Node has loaded its TypeScript compiler. */
const report = `data:text/javascript,process.on('exit', () =>
  console.log(process.moduleLoadList.includes('NativeModule internal/deps/amaro/dist/index')))`

test('npm start runs the program, without the TypeScript compiler once everything is cached', (t) => {
  const { home, cwd } = makeFolders(t)
  const [, ...command] = scripts.start.split(' ')
  assert.equal(command.pop(), 'serve')
  const words = command.map((word: string) => (existsSync(join(root, word)) ? join(root, word) : word))
  const run = () =>
    execFileSync(process.execPath, ['--import', report, ...words, '--version'], {
      cwd,
      env: { HOME: home },
      encoding: 'utf8',
    })
  run()
  assert.equal(run(), `${version}\nfalse\n`)
})

test('beyond loopback the start says that nothing is encrypted; others may never write to what the CLI creates', async (t) => {
  const folders = makeFolders(t)
  const upstream = await startUpstream()
  t.after(() => upstream.close())
  const cli = join(root, 'src/cli.ts')
  const env = { ...testEnvironment(folders, upstream.url), ...compileCache, CLAUDE_SERVE_DATA_DIR: folders.dataDir }
  const created = execFileSync(process.execPath, [cli, 'keys', 'create', 'laptop', '--json'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { secret } = JSON.parse(created)
  const words = [process.execPath, cli, '--host=0.0.0.0', '--allow-host=box.example', '--port=0', '--warm=0']
  const server = spawn('/bin/sh', ['-c', 'umask 000; exec "$0" "$@"', ...words], {
    env,
    cwd: folders.cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(async () => {
    server.kill('SIGTERM')
    if (server.exitCode === null) await once(server, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface(server.stdout)) {
    lines.push(line)
    if (/^warning: keys and texts cross the network unencrypted; put a proxy with TLS before/.test(line)) break
  }
  const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(lines.join('\n')) ?? []
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
  const url = `http://127.0.0.1:${port}/v1/chat`
  const answer = await fetch(url, { method: 'POST', headers, body: '{"prompt":"hi"}' })
  assert.equal(answer.status, 200, await answer.text())
  const made = readdirSync(folders.home, { recursive: true, encoding: 'utf8' })
  assert.ok(made.includes('.claude'))
  const open = made.filter((name) => (statSync(join(folders.home, name)).mode & 0o022) !== 0)
  assert.deepEqual(open, [])
})
