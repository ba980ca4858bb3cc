// In `npm test`, the test files of the other surfaces share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('surfaces/*.test.ts', 'surfaces/!(openai)/**/*.test.ts')
