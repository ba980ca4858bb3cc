// Runs several test files in one process: starting Node and loading the server's modules costs more than most of them do. They wait for
// each other: what one of them shares among its tests (a server, a hook) is closed before the next is loaded.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')

/** Runs the tests of these files, in this order: patterns are relative to `test/`. */
export async function runTogether(...patterns: string[]): Promise<void> {
  const files = patterns.flatMap((pattern) => {
    const found = globSync(pattern, { cwd: root }).sort()
    if (found.length === 0) throw new Error(`no test file matches ${pattern}`)
    return found
  })
  for (const file of new Set(files)) await runFile(file)
}

/** As a suite, because hooks at the top of a file are then only those of its own tests. */
async function runFile(file: string): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  suite(file, async () => {
    try {
      await import(pathToFileURL(join(root, file)).href)
    } finally {
      // The last of its hooks.
      after(() => end())
    }
  })
  await ended
}
