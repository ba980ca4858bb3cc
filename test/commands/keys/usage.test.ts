// What the command `keys` refuses, and its messages. Not for what it does (see keys.test.ts).
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolders } from '../../helpers/test-server.ts'
import { keys, list } from './process.ts'

const wrong: [words: string[], message: RegExp][] = [
  [['create'], /missing required argument 'name'/],
  [['revoke'], /missing required argument 'key'/],
  [['lst'], /unknown command 'lst' \(Did you mean list\?\)/],
  [['create', 'x', '--scop', 'chat'], /unknown option '--scop' \(Did you mean --scope\?\)/],
  [['create', 'x', '--scope', 'agnet'], /--scope: "agnet" .* did you mean agent\?/],
  [['create', 'x', '--scope', 'everything'], /give chat, agent, admin/],
  [['create', 'x', '--expires', '30m'], /give a time from now such as 30d or 12h, or the last day/],
  [['create', 'x', '--expires', '0d'], /is in the past/],
  [['create', 'x', '--expires', '2020-01-01'], /is in the past/],
  [['create', 'x', '--expires', '2999-02-31'], /is not accepted/],
  [['create', 'x', '--rate', '0'], /give requests per minute/],
  [['create', 'x', '--rate', '1.5'], /give requests per minute/],
  [['create', 'x', '--budget', '0'], /give US dollars above 0/],
  [['create', 'x', '--budget', '-1'], /give US dollars above 0|argument missing/],
  [['create', 'x', '--models', 'a b'], /--models: "a b" .* give names with commas between them/],
  [['create', 'x', '--tools', ''], /--tools: "" is not accepted/],
  [['create', 'x', '--cwd-root', '/no/such'], /--cwd-root: "\/no\/such" .* give an existing folder/],
  [['create', 'x', '--permission-modes', 'plna'], /--permission-modes: "plna" .* did you mean plan\?/],
  [['create', 'x', '--max-concurrency', '0'], /--max-concurrency: "0" .* integer from 1 to 999/],
  [['create', 'x', '--budget', '5', '--budget-period', 'year'], /"year" .* give day, week, month, or none/],
  [['create', 'x', '--budget-period', 'day'], /--budget-period requires a --budget/],
  [['create', ''], /name: "" is not accepted; give up to 64 letters/],
  [['create', 'key_1'], /a name cannot start with key_/],
  [['create', 'a\u001b[31m'], /is not accepted/],
  [['create', 'x', '--json', '--quiet'], /pass either --json or --quiet, not both/],
  [['list', '--data-dir', ''], /--data-dir: "" .* give the path of a folder/],
]

test('wrong usage prints what to pass and a hint at --help, exits with 2, and creates nothing', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong) {
    const { code, stdout, stderr } = await keys(folders, words)
    assert.deepEqual([code, stdout], [2, ''], words.join(' '))
    const [first = '', ...rest] = stderr.split('\n')
    assert.match(first, /^claude-serve: /)
    assert.match(first, message)
    assert.match(rest.join('\n'), /^see \S+claude-serve keys (\w+ )?--help\n$/)
  }
  assert.deepEqual(await list(folders, '--all'), [])
})

test('a secret instead of a name is refused and not repeated', async (t) => {
  const folders = makeFolders(t)
  const secret = (await keys(folders, ['create', 'laptop', '--quiet'])).stdout.trim()
  for (const word of ['create', 'revoke']) {
    const { code, stdout, stderr } = await keys(folders, [word, secret])
    assert.deepEqual([code, stdout], [2, ''])
    assert.ok(!stderr.includes(secret.slice(4, 12)), stderr)
  }
})

test('a setting that matters only to a server does not prevent the creation of the first key', async (t) => {
  const folders = makeFolders(t)
  const { code } = await keys(folders, ['create', 'laptop'], { CLAUDE_SERVE_HOST: '0.0.0.0' })
  assert.equal(code, 0)
  const elsewhere = join(folders.root, 'elsewhere')
  await keys(folders, ['create', 'other', '--data-dir', elsewhere])
  assert.deepEqual(
    (await list(folders, '--data-dir', elsewhere)).map(({ name }) => name),
    ['other'],
  )
})
