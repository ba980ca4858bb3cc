// In `npm test`, the test files of these folders share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('{compat,config,platform}/**/*.test.ts')
