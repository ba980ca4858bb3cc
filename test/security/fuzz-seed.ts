// Selects what is sent in tests that send random bodies: the same in `npm test`, so that it fails only for a change, and other bodies each
// time in `npm run test:extended`. The names of these tests contain the seed; FUZZ_SEED runs them again with it.
import { randomInt } from 'node:crypto'

export const fixedSeed = 20_261_122

export const randomSeed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
