// Runs several test files in one process: starting Node and loading the server's modules costs more than most of them do. For files that
// start few processes: here they wait for each other.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')

/** Registers the tests of these files: `pattern` is relative to `test/`. */
export async function runTogether(pattern: string): Promise<void> {
  const files = globSync(pattern, { cwd: root }).sort()
  if (files.length === 0) throw new Error(`no test file matches ${pattern}`)
  for (const file of files) await import(pathToFileURL(join(root, file)).href)
}
