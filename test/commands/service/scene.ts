// A service manager that only records how it is called, with the command `service` in front of it, for its tests. The machine's own
// services are not touched.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { type Outcome, run } from '../command-process.ts'

export type Scene = {
  folders: TestFolders
  /** The folder of the manager's program. */
  bin: string
  service(words: readonly string[], options?: { environment?: Record<string, string>; cwd?: string }): Promise<Outcome>
  /** The arguments of each call since this was last called. */
  calls(): string[]
  /** Sets the manager's output for a call from now on, and its exit code. */
  answer(call: string, output: string, code: number): void
}

/** Simulates this platform, on any machine with a POSIX shell. */
export function setUp(t: TestContext, platform: 'linux' | 'darwin' | 'sunos', program: string | null): Scene {
  const folders = makeFolders(t)
  const bin = join(folders.root, 'bin')
  const log = join(bin, 'calls')
  mkdirSync(bin)
  if (program !== null) {
    const answers = `for word; do f='${bin}'/answer-$word; [ -f "$f" ] && { . "$f"; exit $code; }; done`
    writeFileSync(join(bin, program), `#!/bin/sh\necho "$*" >> '${log}'\n${answers}\nexit 0\n`)
    chmodSync(join(bin, program), 0o755)
  }
  return {
    folders,
    bin,
    service: (words, { environment = {}, cwd } = {}) =>
      run(folders, ['service', ...words], {
        environment: { PATH: `${bin}:/usr/bin:/bin`, CLAUDE_SERVE_DATA_DIR: '', ...environment },
        platform,
        ...(cwd === undefined ? {} : { cwd }),
      }),
    calls: () => {
      const text = existsSync(log) ? readFileSync(log, 'utf8') : ''
      writeFileSync(log, '')
      return text.split('\n').slice(0, -1)
    },
    answer: (call, output, code) =>
      writeFileSync(join(bin, `answer-${call}`), `echo '${output}'; echo '${output}' >&2; code=${code}\n`),
  }
}
