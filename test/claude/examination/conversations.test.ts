// What the conversations of an examination say about an ability that the pool itself finds wrong while they go on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allAbilities } from '../../../src/claude/cli/abilities.ts'
import { Conversations } from '../../../src/claude/examination/conversations.ts'
import type { Finding } from '../../../src/claude/examination/findings.ts'
import type { Pool } from '../../../src/claude/pool/pool.ts'
import type { RunRequest } from '../../../src/core/agent.ts'
import { startUpstream } from '../../../src/demo/upstream.ts'
import { makeFolders } from '../../helpers/test-server.ts'

test('a request that is repeated because an ability failed in use says nothing about another ability', async (t) => {
  const upstream = await startUpstream()
  t.after(() => upstream.close())
  const lost: Finding[] = []
  const failed: Finding = { ability: 'modelSwitch', reason: 'it uses the model before' }

  /** A CLI that keeps the first model: its process asks the model before that is noticed, and another process repeats the request. */
  async function* run({ options, prompt, session }: RunRequest) {
    const past = session?.kind === 'history' ? session.messages : []
    const messages = [...past, { role: 'user', content: prompt }]
    const body = JSON.stringify({ model: options.model, system: options.systemPrompt, messages, stream: false })
    const ask = () => fetch(`${upstream.url}/v1/messages`, { method: 'POST', body }).then((answer) => answer.text())
    await ask()
    if (options.model === 'haiku' && lost.length === 0) {
      lost.push(failed)
      await ask()
    }
    yield { type: 'run-end', error: null }
  }
  const pool = { run, models: async () => [] } as unknown as Pool
  const { home } = makeFolders(t)
  const conversations = new Conversations(pool, upstream, { folder: home, abilities: allAbilities, lost })
  assert.deepEqual(await conversations.run(), { findings: [failed], failure: null })
})
