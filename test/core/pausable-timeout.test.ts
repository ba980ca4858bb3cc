// The clock of a run: when its time is over, and that it stands while a person is being waited for.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PausableTimeout } from '../../src/core/pausable-timeout.ts'

/** A clock of so many milliseconds, and a world in which time passes when it is told to. */
function setUp(t: TestContext, timeoutMs: number) {
  let nowMs = 1000
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => nowMs)
  const rings: number[] = []
  const clock = new PausableTimeout(timeoutMs, () => rings.push(nowMs - 1000))
  const pass = (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
  }
  return { clock, rings, pass }
}

test('the time of a run is over once, when it has passed', (t) => {
  const { rings, pass } = setUp(t, 1000)
  pass(999)
  assert.deepEqual(rings, [])
  pass(1)
  pass(5000)
  assert.deepEqual(rings, [1000])
})

test('time that passes while the clock stands does not count', (t) => {
  const { clock, rings, pass } = setUp(t, 1000)
  pass(400)
  clock.pause()
  pass(3_600_000)
  assert.deepEqual(rings, [])
  clock.resume()
  pass(599)
  assert.deepEqual(rings, [])
  pass(1)
  assert.deepEqual(rings, [3_601_000])
})

test('what was left at each of several pauses is what is left at the end', (t) => {
  const { clock, rings, pass } = setUp(t, 1000)
  for (let turn = 0; turn < 9; turn++) {
    pass(100)
    clock.pause()
    pass(50)
    clock.resume()
  }
  pass(99)
  assert.deepEqual(rings, [])
  pass(1)
  assert.equal(rings.length, 1)
})

test('a clock that stands can be stopped again, and one that goes can be set going again', (t) => {
  const { clock, rings, pass } = setUp(t, 1000)
  pass(500)
  clock.pause()
  pass(200)
  clock.pause()
  pass(200)
  clock.resume()
  pass(300)
  clock.resume()
  pass(199)
  assert.deepEqual(rings, [])
  pass(1)
  assert.equal(rings.length, 1)
})

test('a pause that comes when no time is left ends with the time', (t) => {
  const { clock, rings, pass } = setUp(t, 1000)
  pass(400)
  clock.pause()
  clock.resume()
  pass(599)
  clock.pause()
  pass(10_000)
  clock.resume()
  pass(1)
  assert.equal(rings.length, 1)
})

test('a clock that was stopped never rings', (t) => {
  const { clock, rings, pass } = setUp(t, 1000)
  pass(999)
  clock.stop()
  clock.stop()
  pass(100_000)
  assert.deepEqual(rings, [])
})

test('a time longer than timers can be is not over at once, nor after a pause', (t) => {
  const { clock, rings, pass } = setUp(t, 2 ** 40)
  pass(1)
  clock.pause()
  clock.resume()
  pass(2 ** 31 - 2)
  assert.deepEqual(rings, [])
})
