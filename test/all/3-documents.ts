// In `npm test`, the test files of documents, packaging and the whole server share a process, and the process in which they run commands.
import '../commands/command-process.ts'
import { runTogether } from '../helpers/together.ts'

await runTogether('*.test.ts', 'web/**/*.test.ts')
