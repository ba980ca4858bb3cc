// In `npm test`, the tests of details of the page start early.
import { runTogether } from '../helpers/together.ts'

await runTogether('ui/page-details.test.ts')
