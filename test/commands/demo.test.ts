// The demo says that it is one, wherever a person or a program looks; and what is attached to a prompt is noticed, whatever the CLI adds to it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SCENARIOS } from '../../src/demo/scenarios.ts'
import { makeFolders } from '../helpers/test-server.ts'
import { run, startDemo } from './command-process.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
const text = (words: string) => ({ type: 'text', text: words })
const note = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'the slow tool' } }

test('the demo says so, and notices what is attached', { timeout: 90_000 }, async (t) => {
  const folders = makeFolders(t)
  const { url, process: server } = await startDemo(t, folders)
  await server.until('stdout', /\nclaude .*\n/)
  assert.match(server.stdout, /\(demo: a scripted model answers instead of Claude, and no login is used\)/)
  assert.doesNotMatch(server.stdout, /logged in/)
  const health = (await (await fetch(`${url}/v1/health`)).json()) as Record<string, unknown>
  assert.deepEqual([health.demo, health.auth_method], [true, 'demo'])
  const status = await run(folders, ['status'])
  assert.match(status.stdout, /login +not needed: this is the demo/)
  const prompts: [what: string, blocks: object[], answer: RegExp][] = [
    ['an image first', [image, text('what is this?')], /^I got 1 image and 0 documents\./],
    ['an image last', [text('what is this?'), image], /^I got 1 image and 0 documents\./],
    ['two images', [image, image, text('which?')], /^I got 2 images and 0 documents\./],
    ['a document', [note, text('sum up')], /^I got 0 images and 1 document\./],
    ['a script beside an image', [image, text('[[fake {"text":"as written"}]]')], /^as written$/],
  ]
  for (const [what, prompt, answer] of prompts) {
    const response = await fetch(`${url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt }),
    })
    const { result } = (await response.json()) as { result: string }
    assert.match(result, answer, what)
  }
})

test('docs/demo.md lists every word of the demo', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/demo.md'), 'utf8')
  for (const { keywords, help } of SCENARIOS) {
    assert.ok(page.includes(help), help)
    for (const keyword of keywords) assert.ok(page.includes(`\`${keyword}\``), keyword)
  }
})
