// The documents that are generated from the code match it, and the man page can be read.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCommandHelp } from '../scripts/command-help.ts'
import { refreshDocuments } from '../scripts/documents.ts'

test('the generated parts of the documents are up to date', async () => {
  const stale = await refreshDocuments(join(import.meta.dirname, '..'), false)
  assert.deepEqual(stale, [], 'run `npm run docs`')
})

const manPage = join(import.meta.dirname, '../man/claude-serve.1')

test('the man page has every command with its options', () => {
  const text = readFileSync(manPage, 'utf8').replaceAll('\\-', '-').replaceAll('\\e', '\\').replaceAll('\\[u2026]', '…')
  const commands = readCommandHelp()
  assert.ok(commands.length > 25)
  for (const { name, options } of commands) {
    assert.ok(text.includes(`\n.SS claude-serve ${name}`), name)
    for (const { flags } of options) assert.ok(text.includes(`\n\\fB${flags}\\fR\n`), `${name} ${flags}`)
  }
})

const noGroff = spawnSync('groff', ['--version']).error === undefined ? false : 'groff is not installed here'
test('the man page is valid, and no line of it is lost', { skip: noGroff }, () => {
  const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', manPage], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.match(stdout, /\{"max_turns": 3\}/)
})
