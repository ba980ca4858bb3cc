// In `npm test`, these files share a process. Their time is that of the CLI, for which they wait one after the other.
import { runTogether } from '../helpers/together.ts'

await runTogether(
  'claude/{faithful,kept-prefix,literal-prompts,long-histories,options,persist,shared-conversations}.test.ts',
)
