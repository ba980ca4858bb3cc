// What is noticed in use of a CLI whose examination found nothing: it must not reach the model, and requests are answered all the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sdkExecutable } from '../../../src/claude/cli/executable.ts'
import { extendedTest } from '../../helpers/extended.ts'
import { checkConversations, healthOf, readinessOf, startUnnoticed } from './altered-cli.ts'

type Row = [change: string, lost: string, isMain?: 'main']

const rows: Row[] = [
  ['rewind-lies', 'reuse_processes', 'main'],
  ['model-ignored', 'switch_models'],
  ['opening-asks', 'keep_prompt_cache'],
  ['unknown:rewind_conversation', 'reuse_processes'],
  ['unknown:mcp_set_servers', 'switch_client_tools'],
]

for (const [change, lost, isMain] of rows) {
  const declare = isMain === undefined ? extendedTest : test
  declare(`${change}: the ability is given up at its first failure, and every request is right`, async (t) => {
    const server = await startUnnoticed(t, change)
    assert.equal(server.readiness.abilities[lost], 'in_use')
    await checkConversations(server, { isLearning: true })
    const { abilities } = await readinessOf(server)
    assert.equal(abilities[lost], 'not_available')
    const notes = server.logLines.filter(({ msg }) => msg === 'an ability of the CLI failed and is not used any more')
    assert.equal(notes.length, 1)
    await checkConversations(server)
  })
}

for (const change of ['new-tool', 'new-command']) {
  const declare = change === 'new-command' ? extendedTest : test
  declare(
    `${change}: the request is answered by the CLI that comes with the server, as are all that follow`,
    async (t) => {
      const server = await startUnnoticed(t, change)
      await checkConversations(server, { isLearning: true })
      assert.equal((await healthOf(server)).claude_path, sdkExecutable())
      const { claude_warnings: warnings } = await readinessOf(server)
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['not_used'],
      )
    },
  )
}

test('a process that reports another version than its file is used without what only some can do', async (t) => {
  const server = await startUnnoticed(t, 'other-version', 'rewind-lies-well', 'prompt-ignored', 'model-ignored')
  await checkConversations(server)
  const { abilities, claude_warnings: warnings } = await readinessOf(server)
  assert.deepEqual(new Set(Object.values(abilities)), new Set(['not_available']))
  assert.match(warnings[0]?.message ?? '', /its --version prints .+, and its processes are of version 9\.9\.9/)
})
