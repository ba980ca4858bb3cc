// When garbage is collected: after a flood, while nothing else is to be done.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectWhenIdle } from '../../src/platform/idle-memory.ts'
import { HandClock } from '../helpers/hand-clock.ts'

function watch() {
  const clock = new HandClock()
  const scene = { bytes: 100, isIdle: true, collections: 0, left: 100 }
  const stop = collectWhenIdle({
    clock,
    isIdle: () => scene.isIdle,
    residentBytes: () => scene.bytes,
    collect: () => {
      scene.collections++
      scene.bytes = scene.left
    },
  })
  return { scene, stop, look: () => clock.advance(5_000) }
}

test('what a flood has cost is given back once the server is idle, and only then', async () => {
  const { scene, look } = watch()
  for (let count = 0; count < 3; count++) await look()
  assert.equal(scene.collections, 0)
  scene.isIdle = false
  scene.bytes = 300
  await look()
  await look()
  scene.isIdle = true
  await look()
  assert.equal(scene.collections, 0, 'it may be between two requests')
  await look()
  assert.deepEqual([scene.collections, scene.bytes], [1, 100])
  await look()
  assert.equal(scene.collections, 1)
})

test('what is in use is not collected again and again', async () => {
  const { scene, look } = watch()
  await look()
  await look()
  scene.bytes = 200
  scene.left = 190
  for (let count = 0; count < 5; count++) await look()
  assert.equal(scene.collections, 1)
})

test('nothing is collected after it was stopped', async () => {
  const { scene, stop, look } = watch()
  await look()
  await look()
  stop()
  scene.bytes = 300
  for (let count = 0; count < 3; count++) await look()
  assert.equal(scene.collections, 0)
})

test('garbage of this process can be collected', async () => {
  const clock = new HandClock()
  const readings = [100, 100, 300, 100]
  const stop = collectWhenIdle({ clock, isIdle: () => true, residentBytes: () => readings.shift() ?? 100 })
  const garbage = new WeakRef({})
  await new Promise((resolve) => setImmediate(resolve))
  for (let count = 0; count < 4; count++) await clock.advance(5_000)
  stop()
  assert.equal(garbage.deref(), undefined)
})
