// What is kept of a process's error output.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliProcess } from '../../../src/claude/process/cli-process.ts'
import { ownIdentity, ProcessRegistry } from '../../../src/claude/process/process-registry.ts'
import { makeFolders } from '../../helpers/test-server.ts'

const secret = 'of-the-operator-0123456789-abcdefghij'

/** What is kept of `before`, the secret, and so many characters after it, all in one line. */
async function tailOf(t: Parameters<typeof makeFolders>[0], before: number, after: number): Promise<string> {
  const { root } = makeFolders(t)
  const registry = new ProcessRegistry(join(root, 'data'), await ownIdentity())
  const cli = new CliProcess(registry.marker(1), registry, [secret])
  const script = `process.stderr.write('b'.repeat(${before}) + '${secret}' + 'a'.repeat(${after}))`
  cli.spawn({ command: process.execPath, args: ['-e', script], env: {}, signal: new AbortController().signal })
  await cli.closed
  await cli.end()
  return cli.stderrTail
}

test('nothing of a secret is left, wherever the error output is cut', async (t) => {
  const kib = 1024
  for (const kept of [64 * kib, 80 * kib]) {
    const tail = await tailOf(t, 100 * kib, kept - 10)
    assert.match(tail, /a$/)
    assert.ok(tail.length >= 60 * kib)
    assert.doesNotMatch(tail, /[^ab*]/)
  }
})

test('a short error output is kept whole', async (t) => {
  assert.equal(await tailOf(t, 3, 2), 'bbb***aa')
})
