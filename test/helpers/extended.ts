// Splits the tests of one file between the two commands. `x.test.ts` runs what it registers with `test`: every promise once. A file
// `x.extended.ts` that only imports it runs what it registers with `extendedTest`: further combinations.
import { test as register, type TestContext, type TestOptions } from 'node:test'

type Run = (t: TestContext) => void | Promise<void>
type Register = { (name: string, run: Run): void; (name: string, options: TestOptions, run: Run): void }

const isExtended = process.argv[1]?.endsWith('.extended.ts') === true
const runs = { promises: !isExtended, combinations: isExtended }

/** For a file that is extended as a whole, such as a suite for a former version: it runs both kinds. */
export function runBothKinds(): void {
  runs.promises = true
  runs.combinations = true
}

const registerIf =
  (kind: keyof typeof runs): Register =>
  (name: string, ...rest: [Run] | [TestOptions, Run]) => {
    if (!runs[kind]) return
    const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest
    void register(name, options, run)
  }

/** Runs in `npm test` only. */
export const test = registerIf('promises')

/** Runs in `npm run test:extended` only. */
export const extendedTest = registerIf('combinations')

/** For tests of one promise in several combinations: those for which this holds run in `npm test`. */
export const testIf = (isPromise: boolean): Register => (isPromise ? test : extendedTest)
