// Runs the command `keys` for tests: the secret that it prints, and its list.
import assert from 'node:assert/strict'
import type { TestFolders } from '../../helpers/test-server.ts'
import { type Outcome, run } from '../command-process.ts'

export const keys = (
  folders: TestFolders,
  words: string[],
  environment: Record<string, string> = {},
): Promise<Outcome> => run(folders, ['keys', ...words], { environment })

/** The output of `list --json`. */
export async function list(folders: TestFolders, ...words: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await keys(folders, ['list', '--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}
