// In `npm test`, these files share a process. Most of them start servers as processes.
import { runTogether } from '../helpers/together.ts'

await runTogether('security/{folders-process,peer-uid,posture*,secrets,secrets-files,secrets-texts}.test.ts')
