// In `npm test`, the test files of the commands share a process, and the process in which they run the commands.
import '../commands/batch/process.ts'
import '../commands/command-process.ts'
import { runTogether } from '../helpers/together.ts'

await runTogether('commands/{batch,chat,doctor}/**/*.test.ts')
