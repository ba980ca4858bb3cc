// What commands do if their output cannot be written. Not for readers that stop early (see the tests of the commands with long output).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { makeFolders } from '../helpers/test-server.ts'
import { cli, environmentOf } from './command-process.ts'

/** Linux has a file of a full disk. */
const full = '/dev/full'
const skip = existsSync(full) ? false : `needs ${full}`

for (const words of ['--version', 'keys --help', 'keys create laptop --quiet', 'openapi']) {
  test(`a full disk is reported, and is no success: ${words}`, { skip }, async (t) => {
    const folders = makeFolders(t)
    const stdout = openSync(full, 'w')
    const child = spawn(process.execPath, [cli, ...words.split(' ')], {
      cwd: folders.cwd,
      env: environmentOf(folders),
      stdio: ['ignore', stdout, 'pipe'],
    })
    closeSync(stdout)
    assert.ok(child.stderr)
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    assert.match(stderr, /^claude-serve: the output cannot be written: ENOSPC: [^\n]*\n$/)
    assert.equal(code, 1)
  })
}
