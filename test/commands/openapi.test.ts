// The command `openapi` as a process: it prints the document of the package.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { document, documentText } from '../web/api-scene.ts'

const cli = join(import.meta.dirname, '../../src/cli.ts')

function openapi(...words: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const options = { env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent' }, timeout: 30_000, maxBuffer: 2 ** 24 }
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'openapi', ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

test('openapi prints the whole document, even into a pipe', async () => {
  const { code, stdout, stderr } = await openapi()
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(stdout, documentText)
})

test('openapi --yaml prints the same as YAML', async () => {
  const { code, stdout, stderr } = await openapi('--yaml')
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^openapi: 3\.1\.0\n/)
  assert.deepEqual(parse(stdout), document)
})

test('openapi accepts no arguments and no other options', async () => {
  for (const words of [['--xml'], ['all']]) {
    const { code, stdout, stderr } = await openapi(...words)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^claude-serve: .*\nsee claude-serve openapi --help\n$/)
  }
})

test('openapi --help lists the options', async () => {
  const { code, stdout } = await openapi('--help')
  assert.equal(code, 0)
  assert.match(stdout, /--yaml/)
})
