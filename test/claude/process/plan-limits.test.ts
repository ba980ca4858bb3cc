// What the CLI reports about its plan, as clients read it, and which runs are refused while the plan is used up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlanLimits, type PlanReport } from '../../../src/claude/process/plan-limits.ts'
import { noQuota } from '../../../src/core/agent.ts'
import { AppError } from '../../../src/errors.ts'

const startMs = Date.parse('2026-01-01T00:00:00Z')
const inSeconds = (seconds: number) => startMs / 1000 + seconds

function scene(report?: PlanReport) {
  let nowMs = startMs
  const limits = new PlanLimits(() => nowMs)
  if (report !== undefined) limits.note(report)
  const refusal = (model: string | null = null) => {
    try {
      limits.check(model)
      return null
    } catch (error) {
      assert.ok(error instanceof AppError)
      return { code: error.code, retryAfterS: error.details.retryAfterS }
    }
  }
  const wait = (seconds: number) => {
    nowMs += seconds * 1000
  }
  return { limits, refusal, wait }
}

const rejected: PlanReport = { status: 'rejected', resetsAt: inSeconds(10_800), rateLimitType: 'five_hour' }

test('without a report there is no plan, and no run is refused', () => {
  const { limits, refusal } = scene()
  assert.deepEqual(limits.read(), noQuota)
  assert.equal(refusal(), null)
})

test('all windows and the overage are reported, with the time of the report', () => {
  const { limits, refusal } = scene({
    ...rejected,
    status: 'allowed_warning',
    overageStatus: 'rejected',
    overageDisabledReason: 'out_of_credits',
    unifiedWindows: {
      five_hour: { utilization: 0.91, resetsAt: inSeconds(60), status: 'allowed' },
      seven_day: { utilization: 0.4 },
    },
  })
  assert.deepEqual(limits.read(), {
    windows: [
      { name: 'five_hour', utilization: 0.91, status: 'allowed', resets_at: '2026-01-01T00:01:00.000Z' },
      { name: 'seven_day', utilization: 0.4, status: 'unknown', resets_at: null },
    ],
    overage: { status: 'rejected', in_use: false, reason: 'out_of_credits', resets_at: null },
    as_of: '2026-01-01T00:00:00.000Z',
  })
  assert.equal(refusal(), null)
})

test('an older CLI reports one window', () => {
  const [window] = scene({ ...rejected, utilization: 1 }).limits.read().windows
  assert.deepEqual(window, {
    name: 'five_hour',
    utilization: 1,
    status: 'rejected',
    resets_at: '2026-01-01T03:00:00.000Z',
  })
})

test('while the plan is used up, runs are refused with the time that is left, but for one each minute', () => {
  const { limits, refusal, wait } = scene(rejected)
  const refused = (retryAfterS: number) => ({ code: 'quota_exhausted', retryAfterS })
  assert.deepEqual(refusal(), refused(10_800))
  wait(59)
  assert.deepEqual(refusal(), refused(10_741))
  wait(1)
  assert.equal(refusal(), null)
  assert.deepEqual(refusal(), refused(10_740))
  assert.equal(limits.secondsLeft(), 10_740)
  wait(10_740)
  assert.deepEqual([refusal(), refusal(), limits.secondsLeft()], [null, null, null])
})

test('a plan that has more again is used at once', () => {
  const { limits, refusal } = scene(rejected)
  limits.note({ status: 'allowed', rateLimitType: 'five_hour' })
  assert.equal(refusal(), null)
})

test('a window for one family of models refuses that family only', () => {
  const { refusal } = scene({ ...rejected, rateLimitType: 'seven_day_opus' })
  assert.deepEqual(
    ['opus', 'claude-opus-5-5', 'sonnet', null].map((model) => refusal(model) === null),
    [false, false, true, true],
  )
})
