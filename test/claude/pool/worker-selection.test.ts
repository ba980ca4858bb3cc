// Which of the existing processes takes a request: pure choices. This file tests those for auxiliary requests;
// reuse.test.ts covers the others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Candidate,
  idleWorkerFor,
  type RequestMatch,
  reservedFromAuxiliary,
  wouldTakeLastProcess,
} from '../../../src/claude/pool/worker-selection.ts'
import { noOptions, noPlainOptions, type RunRequest } from '../../../src/core/agent.ts'
import type { ClientTool } from '../../../src/core/conversation.ts'

type Named = Candidate & { readonly name: string }

function worker(name: string, fields: Partial<Candidate> = {}): Named {
  return {
    name,
    key: 'key',
    fingerprint: 'print',
    spawnMode: { kind: 'new', sessionId: name },
    profile: { reusable: true },
    state: 'idle',
    conversation: null,
    lastUsedAt: 0,
    knownTools: new Map(),
    promptDistance: () => 2,
    ...fields,
  }
}

/** A worker that holds a conversation of so many turns. */
const holder = (name: string, lastUsedAt: number, turns = 1, fields: Partial<Candidate> = {}): Named =>
  worker(name, { conversation: { sessionId: name, turns }, lastUsedAt, ...fields })

function match(isAuxiliary: boolean, tools: ClientTool[] = []): RequestMatch {
  const request: RunRequest = {
    runId: 'run_1',
    prompt: [{ type: 'text', text: 'hi' }],
    session: { kind: 'history', messages: [] },
    options: noOptions,
    streaming: true,
    plain: { ...noPlainOptions, tools },
    approvals: false,
    isAuxiliary,
  }
  return { key: 'key', fingerprint: 'print', request, turn: { systemPrompt: 'S' } }
}

const chosen = (workers: readonly Named[], isAuxiliary: boolean) =>
  idleWorkerFor(workers, match(isAuxiliary), {
    reserved: reservedFromAuxiliary(workers, match(isAuxiliary), true),
  })?.name ?? null

const cases: [title: string, workers: Named[], ordinary: string | null, side: string | null][] = [
  ['there is no process', [], null, null],
  ['one holds nothing', [worker('empty')], 'empty', 'empty'],
  ['one alone holds a conversation', [holder('only', 5)], 'only', null],
  [
    'one holds nothing and one the last conversation',
    [holder('last', 5), worker('empty', { lastUsedAt: 9 })],
    'empty',
    'empty',
  ],
  ['two hold conversations', [holder('last', 9), holder('older', 5)], 'older', 'older'],
  [
    'the older conversation is the one that has continued',
    [holder('last', 9, 1), holder('older', 5, 4)],
    'last',
    'older',
  ],
  ['the last conversation is busy', [holder('last', 9, 1, { state: 'busy' }), holder('older', 5, 1)], 'older', 'older'],
  [
    'the last conversation has tools and keeps its process',
    [holder('last', 9, 1, { profile: { reusable: false }, key: 'other' }), holder('older', 5, 1)],
    'older',
    'older',
  ],
  ['one with another profile holds nothing', [worker('other', { key: 'other' })], null, null],
  ['one has read other settings', [worker('stale', { fingerprint: 'old' })], null, null],
]
for (const [title, workers, ordinary, side] of cases) {
  test(`${title}: an ordinary request gets ${ordinary ?? 'none'}, an auxiliary request ${side ?? 'none'}`, () => {
    assert.equal(chosen(workers, false), ordinary)
    assert.equal(chosen(workers, true), side)
    assert.equal(chosen(workers.toReversed(), false), ordinary)
    assert.equal(chosen(workers.toReversed(), true), side)
  })
}

test('of processes that are alike, the one gets the request that is nearest to its system prompt', () => {
  const far = worker('far', { lastUsedAt: 1 })
  const near = worker('near', { lastUsedAt: 2, promptDistance: () => 1 })
  const there = worker('there', { lastUsedAt: 3, promptDistance: (text) => (text === 'S' ? 0 : 2) })
  assert.equal(idleWorkerFor([far, near, there], match(false)), there)
  assert.equal(idleWorkerFor([far, near], match(false)), near)
})

test('a process that knows another tool with this name does not get the request', () => {
  const tool = { name: 'look', description: 'Looks.', inputSchema: { type: 'object' } }
  const other = { ...tool, description: 'Looks elsewhere.' }
  const knowing = (known: ClientTool) => worker('one', { knownTools: new Map([[known.name, JSON.stringify(known)]]) })
  assert.equal(idleWorkerFor([knowing(other)], match(false, [tool])), null)
  assert.equal(idleWorkerFor([knowing(tool)], match(false, [tool]))?.name, 'one')
  assert.equal(idleWorkerFor([knowing(other)], match(false))?.name, 'one')
})

const states: [states: Candidate['state'][], processesMax: number, expected: boolean][] = [
  [[], 1, false],
  [['idle'], 1, false],
  [['starting'], 1, false],
  [['busy'], 1, true],
  [[], 2, false],
  [['idle', 'idle'], 2, false],
  [['busy'], 2, true],
  [['busy', 'idle'], 2, true],
  [['busy', 'busy'], 2, true],
  [['busy'], 3, false],
  [['busy', 'idle', 'idle'], 3, false],
  [['busy', 'busy', 'idle'], 3, true],
  [['busy', 'ending', 'gone'], 3, false],
]
for (const [each, processesMax, expected] of states) {
  const what = each.join(', ') || 'no process'
  test(`with ${what} of ${processesMax}, an auxiliary request would ${expected ? '' : 'not '}take the last`, () => {
    const workers = each.map((state, index) => worker(String(index), { state }))
    assert.equal(wouldTakeLastProcess(workers, processesMax), expected)
  })
}
