// Which messages of a process belong to a turn, when the turn is over, and how the ends of its parts become one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import { TurnProgress } from '../../../src/claude/turn/turn-progress.ts'
import { endOfRun, type RunEnd } from '../../../src/core/events.ts'

const prompt = 'prompt-1'
const message = (fields: Record<string, unknown>) => fields as unknown as SDKMessage
const state = (name: string) => message({ type: 'system', subtype: 'session_state_changed', state: name })
const lifecycle = (name: string) => message({ type: 'command_lifecycle', command_uuid: prompt, state: name })
const resultFor = (id?: string, kind?: string) =>
  message({ type: 'result', user_message_uuid: id, ...(kind === undefined ? {} : { origin: { kind } }) })

function endWith(fields: Partial<RunEnd>, thinking: number): RunEnd {
  const raw = { output_tokens: 5, output_tokens_details: { thinking_tokens: thinking }, service_tier: 'standard' }
  const usage = { inputTokens: 1, outputTokens: 5, cacheReadInputTokens: 2, cacheCreationInputTokens: 3, raw }
  return {
    ...endOfRun({ sessionId: 's', model: 'm' }, null),
    usage,
    costUsd: 0.5,
    numTurns: 1,
    durationMs: 10,
    ...fields,
  }
}

test('what a process reports before it takes up the prompt is not about the turn', () => {
  const progress = new TurnProgress(prompt, null)
  assert.equal(progress.accept(lifecycle('queued')), false)
  assert.equal(progress.accept(resultFor(undefined, 'task-notification')), false)
  assert.equal(progress.accept(lifecycle('started')), true)
  assert.equal(progress.accept(resultFor('another')), false)
  assert.equal(progress.accept(resultFor(undefined, 'task-notification')), false)
  assert.equal(progress.accept(resultFor(prompt)), true)
})

test('a turn is over with its end if the process does not report its state', () => {
  const progress = new TurnProgress(prompt, null)
  assert.equal(progress.isOver, false)
  progress.addEnd(endWith({}, 0))
  assert.equal(progress.isOver, true)
})

test('a turn is over once the process is idle; the answer is the last one, the figures are those of all parts', () => {
  const progress = new TurnProgress(prompt, 'idle')
  progress.accept(state('running'))
  progress.addEnd(endWith({ result: 'LAUNCHED', costIsEstimated: true }, 1))
  assert.equal(progress.isOver, false)
  assert.equal(progress.accept(resultFor()), true)
  progress.addEnd(endWith({ result: 'FINAL' }, 2))
  progress.accept(state('idle'))
  assert.equal(progress.isOver, true)
  const end = progress.reported
  assert.deepEqual(
    [end?.result, end?.costUsd, end?.costIsEstimated, end?.numTurns, end?.durationMs],
    ['FINAL', 1, true, 2, 20],
  )
  assert.deepEqual(end?.usage, {
    ...{ inputTokens: 2, outputTokens: 10, cacheReadInputTokens: 4, cacheCreationInputTokens: 6 },
    raw: { output_tokens: 10, output_tokens_details: { thinking_tokens: 3 }, service_tier: 'standard' },
  })
})
