// The timeout of a run: when it fires, and that it is paused while the run waits for a person.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PausableTimeout } from '../../src/core/pausable-timeout.ts'

/** A timeout, and a mocked clock that the test moves forward. */
function setUp(t: TestContext, timeoutMs: number) {
  let nowMs = 1000
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => nowMs)
  const fired: number[] = []
  const timeout = new PausableTimeout(timeoutMs, () => fired.push(nowMs - 1000))
  const pass = (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
  }
  return { timeout, fired, pass }
}

test('a timeout fires once, when its time has passed', (t) => {
  const { fired, pass } = setUp(t, 1000)
  pass(999)
  assert.deepEqual(fired, [])
  pass(1)
  pass(5000)
  assert.deepEqual(fired, [1000])
})

test('time that passes during a pause does not count', (t) => {
  const { timeout, fired, pass } = setUp(t, 1000)
  pass(400)
  timeout.pause()
  pass(3_600_000)
  assert.deepEqual(fired, [])
  timeout.resume()
  pass(599)
  assert.deepEqual(fired, [])
  pass(1)
  assert.deepEqual(fired, [3_601_000])
})

test('time before and between several pauses adds up', (t) => {
  const { timeout, fired, pass } = setUp(t, 1000)
  for (let turn = 0; turn < 9; turn++) {
    pass(100)
    timeout.pause()
    pass(50)
    timeout.resume()
  }
  pass(99)
  assert.deepEqual(fired, [])
  pass(1)
  assert.equal(fired.length, 1)
})

test('pausing a paused timeout or resuming a running one changes nothing', (t) => {
  const { timeout, fired, pass } = setUp(t, 1000)
  pass(500)
  timeout.pause()
  pass(200)
  timeout.pause()
  pass(200)
  timeout.resume()
  pass(300)
  timeout.resume()
  pass(199)
  assert.deepEqual(fired, [])
  pass(1)
  assert.equal(fired.length, 1)
})

test('a timeout that is paused just before it fires still fires after the pause', (t) => {
  const { timeout, fired, pass } = setUp(t, 1000)
  pass(400)
  timeout.pause()
  timeout.resume()
  pass(599)
  timeout.pause()
  pass(10_000)
  timeout.resume()
  pass(1)
  assert.equal(fired.length, 1)
})

test('a stopped timeout never fires', (t) => {
  const { timeout, fired, pass } = setUp(t, 1000)
  pass(999)
  timeout.stop()
  timeout.stop()
  pass(100_000)
  assert.deepEqual(fired, [])
})

test('a timeout longer than the longest timer does not fire at once, nor after a pause', (t) => {
  const { timeout, fired, pass } = setUp(t, 2 ** 40)
  pass(1)
  timeout.pause()
  timeout.resume()
  pass(2 ** 31 - 2)
  assert.deepEqual(fired, [])
})
