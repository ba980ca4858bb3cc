// Events of a run as every form of server-sent events allows them: a proxy may change line ends and pieces.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from '../../src/commands/run-events.ts'

async function read(...pieces: string[]): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of eventsOf(new Blob(pieces).stream())) events.push(event)
  return events
}

const delta = (text: string) => ({ type: 'delta', text })
const json = JSON.stringify(delta('hé'))

const forms: [what: string, text: string][] = [
  ['as our server writes them', `id: 1\ndata: ${json}\n\n`],
  ['with CRLF', `id: 1\r\ndata: ${json}\r\n\r\n`],
  ['with CR', `data: ${json}\r\r`],
  ['without the space', `data:${json}\n\n`],
  ['in several lines', `data: {"type": "delta",\ndata: "text": "hé"}\n\n`],
  ['with a type, comments and unknown fields', `: hello\nevent: delta\nnew: x\ndata: ${json}\n\n: bye\n\n`],
]
for (const [what, text] of forms) {
  test(`an event ${what}`, async () => {
    assert.deepEqual(await read(text, `data: ${JSON.stringify({ type: 'error' })}\n\n`), [
      delta('hé'),
      { type: 'error' },
    ])
  })
}

test('an incomplete event at the end is left out, and one that is not JSON throws', async () => {
  assert.deepEqual(await read(`data: ${json}\n\ndata: ${json}\n`), [delta('hé')])
  await assert.rejects(read('data: {\n\n'), SyntaxError)
})
