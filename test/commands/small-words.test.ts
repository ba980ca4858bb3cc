// What the command line says about a slip: it names the option or command that was meant, and never one that does not exist. Not for what the
// commands do (see their own folders).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { installation } from '../../src/platform/installation.ts'
import { makeFolders } from '../helpers/test-server.ts'
import { run } from './command-process.ts'

const { call } = installation()

const slips: [words: string, code: number, message: RegExp, see: string][] = [
  ['keys --data-dir x', 2, /^claude-serve: before --data-dir, say what to do: keys create, keys edit, /, 'keys'],
  ['keys --data-dir x list', 2, /before --data-dir, say what to do/, 'keys'],
  ['batch --url x run f', 2, /before --url, say what to do: batch run, batch cancel$/, 'batch'],
  ['service --json', 2, /before --json, say what to do: service install/, 'service'],
  ['batch run f', 2, /^claude-serve: -o, --output <file> is required$/, 'batch run'],
  ['keys list --jsn', 2, /unknown option '--jsn' \(Did you mean --json\?\)$/, 'keys list'],
  // The server's options are not this command's.
  ['config check --port 6000', 2, /^claude-serve: unknown option '--port'$/, 'config check'],
  ['models --prot 6000', 2, /^claude-serve: unknown option '--prot'$/, 'models'],
  ['start --prot 6000', 2, /^claude-serve: unknown option '--prot' \(Did you mean --port\?\)$/, 'start'],
  ['help batch nope', 2, /unknown command 'nope'$/, 'batch'],
]
for (const [words, code, message, see] of slips) {
  test(`a slip is explained: ${words}`, async (t) => {
    const outcome = await run(makeFolders(t), words.split(' '))
    const [first = '', second] = outcome.stderr.split('\n')
    assert.deepEqual([outcome.code, outcome.stdout], [code, ''], outcome.stderr)
    assert.match(first, message)
    assert.equal(second, `see ${call} ${see} --help`)
  })
}

test('help shows the help of the command that it names, as deep as there are commands, and runs nothing', async (t) => {
  const folders = makeFolders(t)
  const helps: [words: string, usage: string][] = [
    ['help batch run', 'batch run [options] <file>'],
    ['help keys create', 'keys create [options] <name>'],
    ['help keys', 'keys [options] [command]'],
    ['help stop now', 'stop [options]'],
    ['help --demo', '[command] [options]'],
    ['help', '[command] [options]'],
  ]
  for (const [words, usage] of helps) {
    const { code, stdout, stderr } = await run(folders, words.split(' '))
    assert.deepEqual([code, stderr], [0, ''], words)
    assert.ok(stdout.startsWith(`Usage: claude-serve ${usage}\n`), `${words}: ${stdout.slice(0, 100)}`)
  }
  const unknown = await run(folders, ['help', 'stats'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /unknown command 'stats' \(Did you mean status\?\)/)
})

test('an address without a server is reported in words, and one of the OpenAI API is understood', async (t) => {
  const folders = makeFolders(t)
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  for (const [url, why] of [
    [`http://127.0.0.1:${port}`, 'ECONNREFUSED'],
    [`http://127.0.0.1:${port}/v1`, 'ECONNREFUSED'],
    [`http://127.0.0.1:${port}/v1/`, 'ECONNREFUSED'],
    // A port that Node refuses by itself.
    ['http://127.0.0.1:1', 'bad port'],
  ] as const) {
    for (const words of [['status'], ['models'], ['sessions']]) {
      const { code, stderr } = await run(folders, words, { environment: { CLAUDE_SERVE_URL: url } })
      assert.equal(code, 1)
      const shown = url.replace(/\/v1\/?$/, '')
      assert.equal(
        stderr,
        `claude-serve: no server responds at ${shown} (${why}): start one with ${call} start, or pass its address with --url\n`,
      )
    }
  }
  for (const url of ['http://me:pw@127.0.0.1:5005', 'localhost:5005', 'x']) {
    const { code, stderr } = await run(folders, ['status', '--url', url])
    assert.equal(code, 2, url)
    assert.match(stderr, /^claude-serve: --url: .*; give an address such as http:/)
    assert.doesNotMatch(stderr, /pw|TypeError/)
  }
})
