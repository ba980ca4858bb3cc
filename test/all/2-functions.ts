// In `npm test`, the test files of these folders share a process.
import { runTogether } from '../helpers/together.ts'

await runTogether('{auth,compat,config,contract,core,demo,http,observability,platform,store}/**/*.test.ts')
