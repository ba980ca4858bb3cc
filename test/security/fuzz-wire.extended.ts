// Thousands of other odd requests on bare sockets each time. FUZZ_WIRE_RUNS sets how many there are, FUZZ_SEED selects them.
import { randomSeed } from './fuzz-seed.ts'
import { testOddRequests } from './fuzz-wire.ts'

testOddRequests({ seed: randomSeed, numRuns: Number(process.env.FUZZ_WIRE_RUNS ?? 800) })
