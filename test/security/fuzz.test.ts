// The same 500 hostile bodies for every request schema each time; fuzz.extended.ts searches further.
import { testGoodBodies, testOddBodies } from './fuzz-requests.ts'
import { fixedSeed } from './fuzz-seed.ts'

testOddBodies({ seed: fixedSeed, numRuns: 500, httpRuns: 100 })
testGoodBodies(fixedSeed)
