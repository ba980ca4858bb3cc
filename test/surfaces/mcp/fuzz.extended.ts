// Other calls of every tool each time, and more of them.
import { randomSeed } from '../../security/fuzz-seed.ts'
import { testCalls } from './fuzz-calls.ts'

testCalls({ seed: randomSeed, numRuns: 2000 })
