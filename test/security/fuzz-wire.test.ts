// The same 500 odd requests on bare sockets each time; fuzz-wire.extended.ts searches further.
import { fixedSeed } from './fuzz-seed.ts'
import { testOddRequests } from './fuzz-wire.ts'

testOddRequests({ seed: fixedSeed, numRuns: 500 })
