// The command `openapi`: it prints the document of the package.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { makeFolders } from '../helpers/test-server.ts'
import { document, documentText } from '../web/api-scene.ts'
import { assertWrongUsage, run, runProcess } from './command-process.ts'

test('openapi prints the whole document, even into a pipe', async (t) => {
  const { code, stdout, stderr } = await runProcess(makeFolders(t), ['openapi'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(stdout, documentText)
})

test('openapi --yaml prints the same as YAML', async (t) => {
  const { code, stdout, stderr } = await run(makeFolders(t), ['openapi', '--yaml'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^openapi: 3\.1\.0\n/)
  assert.deepEqual(parse(stdout), document)
})

test('openapi accepts no arguments and no other options', async (t) => {
  for (const words of [['--xml'], ['all']])
    assertWrongUsage(await run(makeFolders(t), ['openapi', ...words]), 'openapi', /unknown option|too many arguments/)
})

test('openapi --help lists the options', async (t) => {
  const { code, stdout } = await run(makeFolders(t), ['openapi', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /--yaml/)
})
