// What the page shows of a run that begins again after the server died.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { Turn, TurnWriter } from '../../ui/lib/turn.ts'

test('when a run begins again, what came before is replaced by a note, and the second answer stands alone', () => {
  const turn = new Turn('t', 'assistant')
  const writer = new TurnWriter(turn)
  const start: ChatEvent = { type: 'start', session_id: 's', model: 'm', run_id: 'run_1' }
  const events: ChatEvent[] = [
    start,
    { type: 'thinking', text: 'Hm.' },
    { type: 'delta', text: 'half of the fi' },
    { type: 'restart' },
    start,
    { type: 'delta', text: 'the second ' },
    { type: 'delta', text: 'answer' },
  ]
  for (const event of events) writer.write(event)
  assert.equal(turn.text, 'the second answer')
  assert.deepEqual(
    turn.parts.map((part) => (part.kind === 'note' ? part.text : part.kind)),
    ['The server was restarted: Claude begins again.', 'text'],
  )
})
