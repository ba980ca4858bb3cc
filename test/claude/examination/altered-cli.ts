// A server on the real CLI with one change (test/fakes/altered.mjs): what it finds out about it, and what then reaches the model.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { noteExamined } from '../../helpers/abilities.ts'
import { post } from '../../helpers/client.ts'
import {
  fakeCli,
  makeFolders,
  startTestServer,
  step,
  type TestFolders,
  type TestServer,
} from '../../helpers/test-server.ts'

export type AlteredServer = TestServer & {
  /** What the server says about the CLI once it knows it. */
  readiness: Readiness
}

export type Readiness = { abilities: Record<string, string>; claude_warnings: { code: string; message: string }[] }

export const readinessOf = async (server: TestServer) =>
  (await (await fetch(`${server.url}/readyz`)).json()) as Readiness

/** Started with a CLI that has been changed so; returns once it has been examined. */
export async function startAltered(t: TestContext, ...changes: string[]): Promise<AlteredServer> {
  const server = await start(makeFolders(t), t, changes)
  return Object.assign(server, { readiness: await examined(server) })
}

/** The same, but it counts as examined, and as having every ability: the change is noticed in use, or not at all. */
export async function startUnnoticed(t: TestContext, ...changes: string[]): Promise<AlteredServer> {
  const folders = makeFolders(t)
  noteExamined(folders.dataDir, [`--claude-bin=${fakeCli('altered')}`])
  const server = await start(folders, t, changes)
  return Object.assign(server, { readiness: await examined(server) })
}

/** With an unchanged CLI, which has not been examined yet. */
export const startExamining = (t: TestContext): Promise<TestServer> => start(makeFolders(t), t, [])

function start(folders: TestFolders, t: TestContext, changes: string[]): Promise<TestServer> {
  writeFileSync(join(folders.home, 'altered.json'), JSON.stringify(changes))
  return startTestServer(t, { folders, config: { claudeBin: fakeCli('altered') }, examines: true })
}

/** Resolves once it is known what the CLI can do. */
export async function examined(server: TestServer): Promise<Readiness> {
  for (;;) {
    const readiness = await readinessOf(server)
    if (Object.values(readiness.abilities).every((state) => state !== 'not_checked')) return readiness
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

/** A chat completion; returns its answer and the request that it is the answer to. */
async function complete(
  server: TestServer,
  body: Record<string, unknown>,
  mayBeRepeated: boolean,
): Promise<{ text: string; sent: Sent }> {
  server.upstream.reset()
  const { status, body: answer } = await post(server, '/v1/chat/completions', body)
  assert.equal(status, 200, JSON.stringify(answer))
  const request = server.upstream.requests.at(-1)
  assert.ok(request?.body)
  if (!mayBeRepeated) assert.equal(server.upstream.requests.length, 1, 'the model is asked once')
  const choices = answer.choices as { message: { content: string } }[]
  return { text: choices[0]?.message.content ?? '', sent: { ...request.body, raw: request.raw } as unknown as Sent }
}

const fullIds: Record<string, RegExp> = { sonnet: /^claude-sonnet-/, haiku: /^claude-haiku-/ }

/**
 * Unrelated conversations one after the other, different in everything that a live process is set to: each reaches the model as it was
 * sent, and nothing of another. `isLearning`: a process that is given up may have asked the model before the one that answers.
 */
export async function checkConversations(server: TestServer, { isLearning = false } = {}): Promise<void> {
  const words: string[] = []
  for (const [index, model] of ['sonnet', 'haiku', 'sonnet'].entries()) {
    const word = `ossifrage${index}`
    const limit = index === 1 ? 77 : null
    const { text, sent } = await complete(
      server,
      {
        model,
        messages: [
          { role: 'system', content: `Prompt of ${word}.` },
          { role: 'user', content: `Earlier ${word}.` },
          { role: 'assistant', content: `Answer ${word}.` },
          { role: 'user', content: `${word} ${step({ text: `Hello ${word}` })}` },
        ],
        tools: [tool(`tool_${word}`)],
        ...(limit === null ? {} : { max_completion_tokens: limit, reasoning_effort: 'low' }),
      },
      isLearning,
    )
    assert.equal(text, `Hello ${word}`)
    assert.equal(sent.system.at(-1)?.text, `Prompt of ${word}.`)
    assert.match(sent.model, fullIds[model] ?? /^$/)
    assert.deepEqual(
      sent.tools.map(({ name }) => name),
      [`tool_${word}`],
    )
    assert.equal(sent.max_tokens === 77, limit !== null)
    assert.equal(sent.raw.includes('"effort":"low"'), limit !== null)
    for (const { raw } of server.upstream.requests)
      for (const other of words) assert.equal(raw.includes(other), false, `${other} reached a request of ${word}`)
    words.push(word)
  }
}
