// The same few requests of one surface each time; fuzz-conversations.extended.ts searches further.
import { fixedSeed } from '../security/fuzz-seed.ts'
import { testConversations } from './fuzz-conversations.ts'

await testConversations({ seed: fixedSeed, numRuns: 10, openMax: 1, isQuick: true, surfaces: ['chat'] })
