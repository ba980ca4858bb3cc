// The command `start`: a server in the background that `status`, `ps`, `logs` and `stop` find, and the reason if it does not start.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { outputFileName } from '../../../src/commands/start/start.ts'
import { logFileName } from '../../../src/log/log-file.ts'
import { ownCommand } from '../../../src/platform/installation.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, run, runProcess } from '../command-process.ts'

const demo = ['--demo', '--port', '0', '--warm', '0']

/** Folders whose server is stopped before they are removed. */
function makeServerFolders(t: TestContext): TestFolders {
  const steps: (() => unknown)[] = []
  const folders = makeFolders({ after: (step?: unknown) => void steps.push(step as () => unknown) })
  t.after(async () => {
    await run(folders, ['stop', '--now'])
    for (const step of steps) await step()
  })
  return folders
}

test('the server outlives the command, is found by the others, and a second start finds it too', async (t) => {
  const folders = makeServerFolders(t)
  const { code, stdout, stderr } = await runProcess(folders, ['start', ...demo])
  assert.equal(code, 0, stderr)
  const [, url = '', pid] = /^claude-serve \S+ is running at (http:\S+) \(pid (\d+)\)\n$/.exec(stdout) ?? []
  const log = join(folders.dataDir, logFileName)
  assert.equal(stderr, `claude-serve: its log is ${log}; ${ownCommand('stop')} stops it\n`)
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  assert.equal(statSync(join(folders.dataDir, outputFileName)).mode & 0o777, 0o600)
  for (const word of ['status', 'ps']) {
    const { stdout: shown } = await run(folders, [word])
    assert.ok(shown.includes(`is running at ${url}\n`) && shown.includes(pid ?? '?'), word)
  }
  const again = await run(folders, ['start', ...demo])
  assert.deepEqual([again.code, again.stderr], [0, ''])
  assert.match(again.stdout, new RegExp(`is already running at ${url}\n$`))
  const json = JSON.parse((await run(folders, ['start', ...demo, '--json'])).stdout)
  assert.deepEqual([json.started, json.url, json.pid, json.log], [false, url, Number(pid), log])
  const stopped = await run(folders, ['stop'])
  assert.equal(stopped.stdout, `stopped claude-serve (pid ${pid})\n`)
  // The log is in its own file only.
  assert.ok(readFileSync(log, 'utf8').includes('"msg"'))
  assert.doesNotMatch(readFileSync(join(folders.dataDir, outputFileName), 'utf8'), /"msg"/)
})

test('a server that cannot start is exit 1, with its reason', async (t) => {
  const folders = makeServerFolders(t)
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const outcome = await run(folders, ['start', '--demo', '--warm', '0', '--port', String(port)])
  assertFailure(outcome, new RegExp(`the server did not start: port ${port} is in use by another program`))
  assertWrongUsage(await run(folders, ['start', '--port', '1.5']), 'start', /--port: "1\.5" .* is not accepted/)
  assertWrongUsage(await run(folders, ['start', '--prot', '1']), 'start', /unknown option '--prot'/)
})

test('with a service, the command says how to start that', { skip: process.platform !== 'linux' }, async (t) => {
  const folders = makeFolders(t)
  const units = join(folders.home, '.config', 'systemd', 'user')
  mkdirSync(units, { recursive: true })
  writeFileSync(join(units, 'claude-serve.service'), '# written by claude-serve service install\n')
  const outcome = await run(folders, ['start', ...demo], {
    environment: { CLAUDE_SERVE_DATA_DIR: '', XDG_DATA_HOME: folders.root },
  })
  assertFailure(outcome, /installed as a service: start it with systemctl --user restart claude-serve/)
})
