// The chaos scenarios, shortened. In full: `npm run test:chaos`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scenarios } from './scenarios.ts'
import { runScenario } from './trial.ts'

for (const scenario of scenarios) {
  test(`${scenario.name}: ${scenario.promise}`, async (t) => {
    const trial = await runScenario(scenario, { size: 'short', seed: 1, minutes: 0.25 })
    t.diagnostic(`${trial.tried} ${scenario.unit}`)
    for (const text of trial.notes) t.diagnostic(text)
    assert.notEqual(trial.tried, 0)
    assert.deepEqual(trial.lost, [])
  })
}
