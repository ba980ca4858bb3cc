// In `npm test`, this file starts before the shorter ones.
import { runTogether } from '../helpers/together.ts'

await runTogether('security/browser.test.ts')
