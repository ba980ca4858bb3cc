// In `npm test`, the test files of this surface share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('surfaces/openai/**/*.test.ts')
