// Runs the program from a clone, with its compiled form cached in the clone. Plain JavaScript: for a single TypeScript file that is not
// cached, Node loads its TypeScript compiler, which takes as long as starting Node itself and 20 MB of memory.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/claude-serve', import.meta.url)))
await import('../src/cli.ts')
