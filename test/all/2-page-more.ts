// In `npm test`, the other test files of the page share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('ui/{connection-loss,files,keys,markdown-blocks,screenshot,turn}.test.ts')
