// Splits the tests of one file between the two commands. `x.test.ts` runs what it registers with `test`: every promise once. A file
// `x.extended.ts` that only imports it runs what it registers with `extendedTest`: further combinations. An `x.extended.ts` without an
// `x.test.ts` beside it, such as a suite for a former version, runs both kinds.
import { existsSync } from 'node:fs'
import { test as register } from 'node:test'

const [, file = ''] = process.argv
const isExtended = file.endsWith('.extended.ts')
const isOtherHalf = isExtended && existsSync(file.replace(/\.extended\.ts$/, '.test.ts'))

const registerNothing: typeof register = Object.assign(async () => {}, register)

/** Runs in `npm test`. */
export const test = isOtherHalf ? registerNothing : register

/** Runs in `npm run test:extended` only. */
export const extendedTest = isExtended ? register : registerNothing

/** For tests of one promise in several combinations: those for which this holds run in `npm test`. */
export const testIf = (isPromise: boolean) => (isPromise ? test : extendedTest)

type Tests = { test: typeof register; extendedTest: typeof register; testIf: typeof testIf }

/** For suites that run for several versions of a client: the three above, or none of the tests. */
export const testsIf = (isWanted: boolean): Tests =>
  isWanted
    ? { test, extendedTest, testIf }
    : { test: registerNothing, extendedTest: registerNothing, testIf: () => registerNothing }
