// The table of what each switch of the CLI stops, measured against the installed CLI: a new CLI that differs in a single cell fails
// here, for the set of switches that the server uses in `npm test` (HARD), for the others in `npm run test:extended`. Each column is
// observed once, with two processes, and its cells are read from that observation.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { judge, type Observation, observe } from './cli-switches-observe.ts'
import { cells, columns } from './cli-switches-table.ts'
import { canaries as allCanaries } from './hostile-folder.ts'

/** Proves that every attack can succeed, so that a canary that does not appear is meaningful. */
const trusted = 'plain, if the user trusts the folder'

const looks = new Map<string, () => Promise<Observation>>([
  ...columns.map((column): [string, () => Promise<Observation>] => [column.name, () => observe(column)]),
  [trusted, () => observe({ name: trusted, arguments: [] }, true)],
])

const observations = new Map<string, Promise<Observation>>()

/** Each is made when the first test needs it. */
function observed(name: string): Promise<Observation> {
  const look = looks.get(name)
  assert.ok(look)
  const observation = observations.get(name) ?? look()
  observations.set(name, observation)
  return observation
}

for (const { column, attack, expected } of cells) {
  testIf(column === 'HARD')(`F25 ${column}: ${attack}: ${expected}`, async () => {
    assert.equal(judge(attack, await observed(column)), expected)
  })
}

test('F25 HARD: each prompt reaches the model unchanged, in one request', async () => {
  const { prompts, userTexts } = await observed('HARD')
  for (const prompt of prompts) assert.equal(userTexts.filter((text) => text === prompt).length, 1, prompt)
})

test('F25 HARD: nothing was read and nothing was run', async () => {
  const { canaries, marks, hasOriginalSettings, heapDumps, astray, wroteInFolder, ranAllowed } = await observed('HARD')
  assert.deepEqual({ canaries, marks, astray }, { canaries: [], marks: [], astray: [] })
  assert.deepEqual(
    { hasOriginalSettings, heapDumps, wroteInFolder, ranAllowed },
    { hasOriginalSettings: true, heapDumps: 0, wroteInFolder: false, ranAllowed: false },
  )
})

test('F25 HARD: the process reports that it has no tools, servers or commands', async () => {
  const { inits } = await observed('HARD')
  assert.ok(inits.length > 0)
  for (const { tools, mcp_servers, slash_commands, permissionMode } of inits) {
    assert.deepEqual({ tools, mcp_servers, slash_commands }, { tools: [], mcp_servers: [], slash_commands: [] })
    assert.equal(permissionMode, 'dontAsk')
  }
})

test('F25 HARD: the conversation can be resumed', async () => {
  assert.equal((await observed('HARD')).hasResumed, true)
})

extendedTest('F25 in a folder that the user trusts, without switches, every attack succeeds', async () => {
  const { canaries, marks } = await observed(trusted)
  assert.deepEqual(canaries.sort(), Object.keys(allCanaries).sort())
  const all = ['plugin-hook', 'repo-api-key-helper', 'repo-hook-PreToolUse', 'repo-hook-SessionStart', 'repo-hook-Stop']
  const others = ['repo-hook-UserPromptSubmit', 'repo-local-hook', 'repo-mcp', 'user-hook-SessionStart', 'user-mcp']
  for (const mark of [...all, ...others, 'bash-outside']) assert.ok(marks.includes(mark), mark)
})
