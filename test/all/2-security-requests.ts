// In `npm test`, these files share a process. The limits come first: they look at the memory in use, which others would have filled.
import { runTogether } from '../helpers/together.ts'

await runTogether(
  'security/limits.test.ts',
  'security/{cors,door,fuzz,fuzz-wire,keys,login,routes,secrets-headers,secrets-source,shape}.test.ts',
)
