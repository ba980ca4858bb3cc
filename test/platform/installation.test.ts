// How an installation is called: each kind is laid out as npm, git or Docker would, and the words that hints use must start it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { describeInstallation } from '../../src/platform/installation.ts'

function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-test-')))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A program that prints its arguments. */
function program(path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '#!/usr/bin/env node\nconsole.log(process.argv.slice(2).join(" "))\n')
  chmodSync(path, 0o755)
  return path
}

function link(target: string, path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
  return dirname(path)
}

const nodeFolder = dirname(process.execPath)
const found = (root: string, searchPath = '/usr/bin:/bin', host = 'box') =>
  describeInstallation({ root, node: process.execPath, searchPath, host })

/** What the hint does in a shell that has this search path, in a folder that is not the installation's. */
const run = (call: string, searchPath: string) =>
  execFileSync('/bin/sh', ['-c', `${call} login`], { cwd: '/', env: { PATH: searchPath }, encoding: 'utf8' })

test('a global package is called by its name, if that is on the search path', (t) => {
  const prefix = folder(t)
  const root = join(prefix, 'lib/node_modules/claude-serve')
  const bin = link(program(join(root, 'dist/cli.js')), join(prefix, 'bin/claude-serve'))
  const searchPath = `/usr/bin:/bin:${bin}:${nodeFolder}`
  const { kind, call, upgrade, publicCall } = found(root, searchPath)
  assert.deepEqual([kind, call, publicCall], ['global', 'claude-serve', 'claude-serve'])
  assert.equal(upgrade, 'npm install -g claude-serve@latest')
  assert.equal(run(call, searchPath), 'login\n')
})

test('where the name starts nothing, or another installation, it is called by its path', (t) => {
  const base = join(folder(t), "it's here")
  const root = join(base, 'lib/node_modules/claude-serve')
  program(join(root, 'dist/cli.js'))
  const other = dirname(program(join(base, 'other/claude-serve')))
  for (const searchPath of ['/usr/bin:/bin', `${other}:/usr/bin:/bin`, 'lib:.']) {
    const { kind, call } = found(root, searchPath)
    assert.equal(kind, 'local')
    assert.notEqual(call, 'claude-serve')
    assert.equal(run(call, searchPath), 'login\n')
  }
})

test("a project's package is called by the project's link", (t) => {
  const modules = join(folder(t), 'node_modules')
  const root = join(modules, 'claude-serve')
  link(program(join(root, 'dist/cli.js')), join(modules, '.bin/claude-serve'))
  const { call, upgrade } = found(root)
  assert.deepEqual([call, upgrade], [join(modules, '.bin/claude-serve'), 'npm install claude-serve@latest'])
  assert.equal(run(call, nodeFolder), 'login\n')
})

test('npx is called by npx, although its link is on the search path', (t) => {
  const modules = join(folder(t), '_npx/3f2a/node_modules')
  const root = join(modules, 'claude-serve')
  const bin = link(program(join(root, 'dist/cli.js')), join(modules, '.bin/claude-serve'))
  const { kind, call, upgrade } = found(root, bin)
  assert.deepEqual([kind, call, upgrade], ['npx', 'npx claude-serve', 'npx claude-serve@latest'])
})

test('in a container it is called from outside, and before a server runs by compose', (t) => {
  const root = folder(t)
  writeFileSync(join(root, '.container'), '')
  const named = found(root, '', 'box.example')
  assert.deepEqual([named.kind, named.call], ['container', 'docker exec -it <container> claude-serve'])
  const { call, callWithoutServer, publicCall } = found(root, '', '0123456789ab')
  assert.equal(call, 'docker exec -it 0123456789ab claude-serve')
  assert.equal(callWithoutServer, 'docker compose run --rm claude-serve')
  assert.equal(publicCall, 'claude-serve')
})

const clone = join(import.meta.dirname, '../..')

test('a clone is called by its launcher, from any folder, with any Node or none on the search path', (t) => {
  const { kind, call, publicCall, upgrade } = found(clone)
  assert.deepEqual([kind, call, publicCall], ['clone', join(clone, 'bin/claude-serve'), 'bin/claude-serve'])
  assert.ok(upgrade.startsWith(`git -C ${clone} pull`), upgrade)
  const home = folder(t)
  const version = (words: string) =>
    execFileSync('/bin/sh', ['-c', `${words} --version`], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', HOME: home },
      encoding: 'utf8',
    })
  assert.match(version(call), /^\d+\.\d+\.\d+\n$/)
  // A link to it in a folder of programs, and one that is relative to its own folder.
  const links = join(home, 'bin')
  link(call, join(links, 'claude-serve'))
  symlinkSync('claude-serve', join(links, 'serve'))
  assert.match(version(join(links, 'serve')), /^\d+\.\d+\.\d+\n$/)
  assert.equal(found(clone, links).call, 'claude-serve')
})

test('the launcher of a clone without packages says what to run', (t) => {
  const root = folder(t)
  mkdirSync(join(root, 'bin'))
  execFileSync('cp', [join(clone, 'bin/claude-serve'), join(root, 'bin/claude-serve')])
  const launch = () => execFileSync(join(root, 'bin/claude-serve'), { env: { PATH: '/usr/bin:/bin' }, stdio: 'pipe' })
  assert.throws(launch, (error: { status?: number; stderr?: Buffer }) => {
    assert.equal(error.status, 1)
    assert.equal(String(error.stderr), `claude-serve: its packages are not installed: run npm ci in ${root}\n`)
    return true
  })
})
