// In `npm test`, the longest tests of the page start early.
import { runTogether } from '../helpers/together.ts'

await runTogether('ui/page.test.ts')
