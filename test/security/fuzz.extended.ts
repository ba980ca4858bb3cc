// Four thousand other hostile bodies for every request schema each time. FUZZ_RUNS sets how many there are, FUZZ_SEED selects them.
import { testOddBodies } from './fuzz-requests.ts'
import { randomSeed } from './fuzz-seed.ts'

const numRuns = Number(process.env.FUZZ_RUNS ?? 4_000)

testOddBodies({ seed: randomSeed, numRuns, httpRuns: Math.ceil(numRuns / 5) })
