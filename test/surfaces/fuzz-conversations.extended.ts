// Other requests each time. FUZZ_RUNS sets how many there are for each surface, FUZZ_SEED selects them.
import { randomSeed } from '../security/fuzz-seed.ts'
import { testConversations } from './fuzz-conversations.ts'

await testConversations({ seed: randomSeed, numRuns: Number(process.env.FUZZ_RUNS ?? 150), openMax: 8 })
