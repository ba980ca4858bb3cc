// In `npm test`, the test files of the other commands share a process, and the process in which they run the commands.
import '../commands/command-process.ts'
import { runTogether } from '../helpers/together.ts'

await runTogether('commands/*.test.ts', 'commands/!(batch|chat|doctor)/**/*.test.ts')
