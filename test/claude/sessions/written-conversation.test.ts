// Which conversations' files are known to be this program's own, and what is read of them.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { TranscriptWriter, transcriptFile } from '../../../src/claude/sessions/transcript.ts'
import { readWrittenConversation } from '../../../src/claude/sessions/written-conversation.ts'

const sessionId = '3c7c1ecb-1018-4a6e-bc25-e2ff5ba4a011'
const text = (words: string) => [{ type: 'text', text: words }]
const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'signed' }

/** A conversation of two turns; the second answer was reported in two parts. */
function scene(t: TestContext, systemPrompt: string | null = 'S') {
  const configDir = mkdtempSync(join(tmpdir(), 'claude-serve-test-'))
  t.after(() => rmSync(configDir, { recursive: true }))
  const options = { configDir, cwd: '/work', sessionId, version: '2.1.332' }
  const writer = new TranscriptWriter(options)
  writer.append(
    [
      { role: 'user', content: text('one') },
      { role: 'assistant', content: text('uno') },
    ],
    systemPrompt,
  )
  writer.append(
    [
      { role: 'user', content: text('two') },
      { role: 'assistant', content: [thinking] },
      { role: 'assistant', content: text('dos') },
    ],
    systemPrompt,
  )
  return { file: transcriptFile(configDir, '/work', sessionId), options }
}

const messages = [
  { role: 'user', content: text('one') },
  { role: 'assistant', content: text('uno') },
  { role: 'user', content: text('two') },
  { role: 'assistant', content: [thinking, ...text('dos')] },
]

for (const systemPrompt of ['S', null]) {
  test(`a conversation with the system prompt ${systemPrompt} is read whole`, async (t) => {
    const { file } = scene(t, systemPrompt)
    const written = await readWrittenConversation(file)
    assert.ok(written)
    assert.deepEqual(written.messages, messages)
    assert.equal(written.systemPrompt, systemPrompt)
    assert.equal(written.bytes, readFileSync(file).length)
  })
}

test('what is written to it later belongs to it', async (t) => {
  const { file, options } = scene(t)
  const { lastId = '' } = (await readWrittenConversation(file)) ?? {}
  const writer = new TranscriptWriter({ ...options, lastId })
  const more = [
    { role: 'user' as const, content: text('three') },
    { role: 'assistant' as const, content: text('tres') },
  ]
  writer.append(more, 'S')
  const written = await readWrittenConversation(file)
  assert.deepEqual(written?.messages, [...messages, ...more])
  assert.equal(written?.systemPrompt, 'S')
})

test('names and marks make no difference', async (t) => {
  const { file } = scene(t)
  for (const type of ['custom-title', 'tag']) appendFileSync(file, `${JSON.stringify({ type, sessionId })}\n`)
  assert.deepEqual((await readWrittenConversation(file))?.messages, messages)
})

test('a file that does not exist is none', async () => {
  assert.equal(await readWrittenConversation('/nonexistent/file.jsonl'), null)
})

const changeLine = (file: string, index: number, change: (line: Record<string, unknown>) => void) => {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const line = JSON.parse(lines[index] ?? '') as Record<string, unknown>
  change(line)
  lines[index] = JSON.stringify(line)
  writeFileSync(file, `${lines.join('\n')}\n`)
}

const deviations: [title: string, (file: string) => void][] = [
  ['has a line of the CLI', (file) => appendFileSync(file, '{"type":"queue-operation"}\n')],
  ['has a part that the CLI adds', (file) => changeLine(file, 1, (line) => { line.attachment = { type: 'environment' } })],
  ['has a message with a field of the CLI', (file) => changeLine(file, 2, (line) => { line.requestId = 'req_1' })],
  ['has a message that lacks a field', (file) => changeLine(file, 2, (line) => { delete line.userType })],
  ['has a branch', (file) => changeLine(file, 3, (line) => { line.parentUuid = null })],
  ['has a message as one text', (file) => changeLine(file, 0, (line) => { line.message = { role: 'user', content: 'one' } })],
  ['ends with a prompt', (file) => writeFileSync(file, `${readFileSync(file, 'utf8').split('\n').slice(0, 4).join('\n')}\n`)],
  ['ends within a line', (file) => appendFileSync(file, '{"type":')],
  ['is empty', (file) => writeFileSync(file, '')],
] // biome-ignore format: one line for each

for (const [title, deviate] of deviations) {
  test(`a file that ${title} is for the CLI to read`, async (t) => {
    const { file } = scene(t)
    deviate(file)
    assert.equal(await readWrittenConversation(file), null)
  })
}
