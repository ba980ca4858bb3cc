// A server on the real CLI with one change (test/fakes/altered.mjs): what it finds out about it, and what then reaches the model.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { post } from '../../helpers/client.ts'
import { fakeCli, makeFolders, startTestServer, step, type TestServer } from '../../helpers/test-server.ts'

export type AlteredServer = TestServer & {
  /** What the server says about the CLI once it knows it. */
  readiness: Readiness
}

export type Readiness = { abilities: Record<string, string>; claude_warnings: { code: string; message: string }[] }

const readinessOf = async (server: TestServer) => (await (await fetch(`${server.url}/readyz`)).json()) as Readiness

/** Started with a CLI that has been changed so; returns once it has been examined. */
export async function startAltered(t: TestContext, ...changes: string[]): Promise<AlteredServer> {
  const folders = makeFolders(t)
  writeFileSync(join(folders.home, 'altered.json'), JSON.stringify(changes))
  const server = await startTestServer(t, { folders, config: { claudeBin: fakeCli('altered') }, examines: true })
  for (;;) {
    const readiness = await readinessOf(server)
    if (Object.values(readiness.abilities).every((state) => state !== 'not_checked')) {
      return Object.assign(server, { readiness })
    }
    await delay(50)
  }
}

export const healthOf = async (server: TestServer) =>
  (await (await fetch(`${server.url}/v1/health`)).json()) as Record<string, unknown>

type Sent = { model: string; system: { text: string }[]; tools: { name: string }[]; max_tokens: number; raw: string }

const tool = (name: string) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: { word: { type: 'string' } } } },
})

/** A chat completion; returns its answer and the one request that reached the model. */
async function complete(server: TestServer, body: Record<string, unknown>): Promise<{ text: string; sent: Sent }> {
  server.upstream.reset()
  const { status, body: answer } = await post(server, '/v1/chat/completions', body)
  assert.equal(status, 200, JSON.stringify(answer))
  const [request, ...more] = server.upstream.requests
  assert.ok(request?.body)
  assert.equal(more.length, 0, 'the model is asked once')
  const choices = answer.choices as { message: { content: string } }[]
  return { text: choices[0]?.message.content ?? '', sent: { ...request.body, raw: request.raw } as unknown as Sent }
}

const fullIds: Record<string, RegExp> = { sonnet: /^claude-sonnet-/, haiku: /^claude-haiku-/ }

/**
 * Unrelated conversations one after the other, different in everything that a live process is set to: each reaches the model as it was
 * sent, and nothing of another.
 */
export async function checkConversations(server: TestServer): Promise<void> {
  const words: string[] = []
  for (const [index, model] of ['sonnet', 'haiku', 'sonnet'].entries()) {
    const word = `ossifrage${index}`
    const limit = index === 1 ? 77 : null
    const { text, sent } = await complete(server, {
      model,
      messages: [
        { role: 'system', content: `Prompt of ${word}.` },
        { role: 'user', content: `Earlier ${word}.` },
        { role: 'assistant', content: `Answer ${word}.` },
        { role: 'user', content: `${word} ${step({ text: `Hello ${word}` })}` },
      ],
      tools: [tool(`tool_${word}`)],
      ...(limit === null ? {} : { max_completion_tokens: limit, reasoning_effort: 'low' }),
    })
    assert.equal(text, `Hello ${word}`)
    assert.equal(sent.system.at(-1)?.text, `Prompt of ${word}.`)
    assert.match(sent.model, fullIds[model] ?? /^$/)
    assert.deepEqual(
      sent.tools.map(({ name }) => name),
      [`tool_${word}`],
    )
    assert.equal(sent.max_tokens === 77, limit !== null)
    assert.equal(sent.raw.includes('"effort":"low"'), limit !== null)
    for (const other of words) assert.equal(sent.raw.includes(other), false, `${other} reached the request of ${word}`)
    words.push(word)
  }
}
