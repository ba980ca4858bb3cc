// `npm run test:chaos`: tries to break what SECURITY.md promises, for as long as it takes, and prints a table of what was tried and lost.
// Takes more than an hour in full. Exits with 1 if anything was lost.
//
//   npm run test:chaos -- [--only kills,floods] [--short] [--minutes 60] [--seed 1]
import { parseArgs } from 'node:util'
import { scenarios } from './scenarios.ts'
import { runScenario } from './trial.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
})
const names = values.only?.split(',') ?? scenarios.map(({ name }) => name)
const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  console.error(
    `There is no scenario ${unknown.join(', ')}. There are: ${scenarios.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}
const seed = Number(values.seed)
const minutes = Number(values.minutes)
console.error(`seed ${seed}`)

const rows: string[] = []
let lostInAll = 0
for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
  const startedAt = Date.now()
  const show = (text: string) => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${scenario.name}: ${text}`)
  const trial = await runScenario(scenario, { size: values.short ? 'short' : 'full', seed, minutes, onProgress: show })
  const seconds = Math.round((Date.now() - startedAt) / 1000)
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  console.error(`${scenario.name}: ${trial.tried} ${scenario.unit}, ${trial.lost.length} lost, ${seconds} s`)
  for (const text of trial.notes) console.error(`  ${text}`)
  for (const text of trial.lost.slice(0, 20)) console.error(`  LOST ${text}`)
  rows.push(`| ${scenario.promise} | ${scenario.name} | ${trial.tried} ${scenario.unit} | ${trial.lost.length} |`)
  lostInAll += trial.lost.length
}
console.log(['| promise | scenario | tried | lost |', '| --- | --- | --- | --- |', ...rows].join('\n'))
process.exitCode = lostInAll === 0 ? 0 : 1
