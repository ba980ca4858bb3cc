// Runs programs of documents, as a newcomer would, but all of them in one process: loading the same libraries for each takes longer than
// everything that they do.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { compileCache } from './compile-cache.ts'

/** Not in any program's output. */
const separator = '\u0000'

/** What each prints. `cwd` holds the `node_modules` that they import from. A program that fails fails all of them. */
export async function runPrograms(programs: readonly string[], cwd: string, home: string): Promise<string[]> {
  const files = programs.map((text, index) => {
    const file = join(cwd, `program-${index}.mjs`)
    writeFileSync(file, text)
    return pathToFileURL(file).href
  })
  const main = `for (const file of ${JSON.stringify(files)}) { await import(file); process.stdout.write('\\0') }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', main], {
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, ...compileCache },
    timeout: 60_000,
  })
  return stdout.split(separator).slice(0, -1)
}
