// The disk fills up and gets room again while background runs are accepted, at work and ending. Every run that was accepted has its end on
// disk afterward; what could not be stored was refused.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { diskTest, fill, startOnDisk, storedStatus } from '../faults/disk-scene.ts'
import { runOf, until } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

async function fillRepeatedly(trial: Trial): Promise<void> {
  if (diskTest.skip !== false) return trial.note(`not tried: ${diskTest.skip}`)
  const { url, upstream, disk } = await startOnDisk(
    trial,
    '--max-processes=3',
    '--queue-limit=1000',
    '--log-level=error',
  )
  const words = new Words(upstream)
  const accepted: { id: string; word: string }[] = []
  let refused = 0
  const start = async () => {
    const word = words.next()
    const prompt = `${word} ${step({ tokens: 6, gap: 30 })}`
    const answer = await post({ url }, '/v1/chat', { prompt, background: true, tools: [], system_prompt: 'S' })
    if (answer.status === 202) return void accepted.push({ id: String(answer.body.id), word })
    assert.deepEqual([answer.status, answer.body.code], [503, 'storage_full'])
    refused++
  }
  for (let round = 0; round < trial.times(2, 4); round++) {
    for (let count = 0; count < 4; count++) await start()
    // What is accepted or at work when the disk fills up varies.
    const reached = Math.floor(trial.random() * 5)
    await until(
      'runs are at work',
      () => accepted.slice(-4).filter(({ word }) => words.count(word) > 0).length >= reached,
    )
    const filler = fill(disk)
    for (let count = 0; count < 3; count++) await start()
    const isOver = async ({ id }: { id: string }) => (await runOf({ url }, id)).ended_at !== null
    for (const run of accepted) await until('it has ended while the disk is full', () => isOver(run))
    rmSync(filler)
    await until('there is room again', async () => (await fetch(`${url}/readyz`)).status === 200)
  }
  for (const { id, word } of accepted) {
    await trial.check(word, async () => {
      const { status } = await runOf({ url }, id)
      await until('its end is on disk', () => storedStatus(disk, id) === status)
      const requests = words.count(word)
      assert.ok(
        requests === 1 || (requests === 0 && status === 'failed'),
        `sent to the model ${requests} times, ${status}`,
      )
    })
  }
  trial.note(`${refused} runs refused while the disk was full`)
}

export const fullDisk: Scenario = {
  name: 'full-disk',
  promise:
    'While the disk is full nothing is accepted that must be stored, and what was accepted is stored once there is room',
  unit: 'runs',
  run: fillRepeatedly,
}
