// What is compiled for one file of tests, or for a server that it starts, is there for the next one. Loaded before each file
// (`npm run test:all`).
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../node_modules/.cache/claude-serve-tests')

enableCompileCache(folder)

/** For children, whose home is a new one with each test. */
export const compileCache: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE: folder }
