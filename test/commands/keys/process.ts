// Runs the command `keys` as a separate process, for its tests. Each test has its own folders and environment.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { compileCache } from '../../helpers/compile-cache.ts'
import type { TestFolders } from '../../helpers/test-server.ts'

export const cli = join(import.meta.dirname, '../../../src/cli.ts')

export const environmentOf = ({ home, dataDir }: TestFolders, overrides: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  HOME: home,
  CLAUDE_SERVE_DATA_DIR: dataDir,
  NO_COLOR: '1',
  ...compileCache,
  ...overrides,
})

export type Outcome = { code: number | string | null; stdout: string; stderr: string }

export function keys(
  folders: TestFolders,
  words: string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const options = { cwd: folders.cwd, env: environmentOf(folders, environment), timeout: 30_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'keys', ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr })
    })
  })
}

/** The output of `list --json`. */
export async function list(folders: TestFolders, ...words: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await keys(folders, ['list', '--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}
