// The order of a run's events: valid orders pass, and every rule is broken once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isContent, type RunEvent } from '../../src/core/events.ts'
import { AppError } from '../../src/errors.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import { failedEnd, goodRun, runEnd, runStart, textBlock } from '../helpers/scripted-agent.ts'

const thinking: RunEvent[] = [
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'hm' },
  { type: 'thinking-end', index: 0 },
]
const tool: RunEvent[] = [
  { type: 'tool-start', index: 1, toolId: 't', name: 'Read' },
  { type: 'tool-delta', index: 1, json: '{}' },
  { type: 'tool-end', index: 1 },
]
const toolResult: RunEvent = { type: 'tool-result', toolId: 't', isError: false, text: 'x' }
const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 5, upstreamStatus: 529 }
const start = runStart('run_1')
const open = (index: number): RunEvent => ({ type: 'text-start', index })
const delta = (index: number): RunEvent => ({ type: 'text-delta', index, text: 'a' })
const close = (index: number): RunEvent => ({ type: 'text-end', index })
const failed = failedEnd(new AppError('claude_failed', 'it broke'))
const cancelled = failedEnd(new AppError('cancelled', 'stopped'))

const good: [what: string, events: RunEvent[]][] = [
  ['one block of text', goodRun(['a', 'b'])],
  ['several blocks', goodRun(['a'], [], ['b'])],
  ['no block at all', [start, runEnd()]],
  ['every kind of event', [start, retry, ...thinking, ...tool, toolResult, ...textBlock(2, ['a']), runEnd()]],
  ['blocks that overlap', [start, open(0), open(1), delta(1), delta(0), close(0), close(1), runEnd()]],
  ['indexes with gaps', [start, ...textBlock(7, ['a']), ...textBlock(3, ['b']), runEnd()]],
  ['a failure before the first text', [start, failed]],
  ['a block cut short by a failure', [start, open(0), delta(0), failed]],
  ['a block cut short by a cancellation', [start, open(0), delta(0), cancelled]],
  ['a cancellation that carries no error', [start, runEnd({ outcome: 'cancelled' })]],
]
for (const [what, events] of good) {
  test(`a run with ${what} is in order`, () => {
    const checker = new OrderChecker()
    for (const event of events) checker.accept(event)
    checker.finish()
  })
}

const bad: [what: string, events: RunEvent[], rule: RegExp][] = [
  ['text before run-start', [open(0)], /^text-start before run-start$/],
  ['a retry before run-start', [retry], /^retry before run-start$/],
  ['a tool result before run-start', [toolResult], /^tool-result before run-start$/],
  ['an end before run-start', [runEnd()], /^run-end before run-start$/],
  ['two starts', [start, start], /^run-start twice$/],
  ['two ends', [start, runEnd(), runEnd()], /^run-end after run-end$/],
  ['a start after the end', [start, runEnd(), start], /^run-start after run-end$/],
  ['a retry after the end', [start, runEnd(), retry], /^retry after run-end$/],
  ['text after the end', [start, runEnd(), open(0)], /^text-start after run-end$/],
  ['a delta without a block', [start, delta(0)], /^text-delta for block 0, which is not open$/],
  ['an end without a block', [start, close(0)], /^text-end for block 0, which is not open$/],
  ['a delta after its block', [start, ...textBlock(0, []), delta(0)], /^text-delta for block 0, which is not open$/],
  ['a block that ends twice', [start, ...textBlock(0, []), close(0)], /^text-end for block 0, which is not open$/],
  ['a delta for another block', [start, open(0), delta(1)], /^text-delta for block 1, which is not open$/],
  ['a block that starts twice', [start, open(0), open(0)], /^block 0 started twice$/],
  ['an index used again', [start, ...textBlock(0, []), open(0)], /^block 0 started twice$/],
  ['an index used again by another kind', [start, ...thinking, open(0)], /^block 0 started twice$/],
  ['a delta of another kind', [start, open(0), { type: 'thinking-delta', index: 0, text: 'a' }], /not open$/],
  [
    'an end of another kind',
    [start, open(1), { type: 'tool-end', index: 1 }],
    /^tool-end for block 1, which is not open$/,
  ],
  ['a success with an open block', [start, open(0), runEnd()], /^run-end with an open block$/],
  [
    'a failure without an error',
    [start, runEnd({ outcome: 'failed' })],
    /^run-end with outcome failed and error null$/,
  ],
  [
    'a success with an error',
    [start, { ...failed, outcome: 'succeeded' }],
    /outcome succeeded and error claude_failed$/,
  ],
  [
    'a cancellation with another error',
    [start, { ...failed, outcome: 'cancelled' }],
    /outcome cancelled and error claude_/,
  ],
  [
    'a failure with the error of a cancellation',
    [start, { ...cancelled, outcome: 'failed' }],
    /outcome failed and error cancelled$/,
  ],
]
for (const [what, events, rule] of bad) {
  test(`a run with ${what} is out of order`, () => {
    const checker = new OrderChecker()
    for (const event of events.slice(0, -1)) checker.accept(event)
    const last = events.at(-1)
    assert.ok(last)
    assert.throws(() => checker.accept(last), { message: rule })
  })
}

for (const [what, events] of [
  ['nothing', []],
  ['only a start', [start]],
  ['a block and no end', [start, ...textBlock(0, ['a'])]],
] as const) {
  test(`a stream of ${what} is not finished`, () => {
    const checker = new OrderChecker()
    for (const event of events) checker.accept(event)
    assert.throws(() => checker.finish(), { message: 'the stream is over without run-end' })
  })
}

test('text, thinking and tools are content; the events around them and retries are not', () => {
  const shown = [...thinking, ...tool, toolResult, ...textBlock(0, ['a'])].filter(isContent).map(({ type }) => type)
  assert.deepEqual(shown, ['thinking-delta', 'tool-start', 'tool-result', 'text-delta'])
  for (const event of [start, retry, runEnd(), failed]) assert.equal(isContent(event), false, event.type)
})
