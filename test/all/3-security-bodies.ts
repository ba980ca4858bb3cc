// In `npm test`, these files share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('security/{blocking-bodies,bodies}.test.ts')
