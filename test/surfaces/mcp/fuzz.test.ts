// The same 150 calls of every tool each time; fuzz.extended.ts searches further.
import { fixedSeed } from '../../security/fuzz-seed.ts'
import { testCalls } from './fuzz-calls.ts'

testCalls({ seed: fixedSeed, numRuns: 150 })
