// Shares compiled code between test files and the servers that they start. Loaded before each file (`npm run
// test:files`).
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../node_modules/.cache/claude-serve-tests')

enableCompileCache(folder)

/** For child processes, which get a new home folder in each test. */
export const compileCache: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE: folder }
