// The CLI as a person uses it in a terminal, beside a test's server.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { sdkExecutable } from '../../src/claude/cli/executable.ts'
import { type TestServer, testEnvironment } from './test-server.ts'

const run = promisify(execFile)

/** Runs `claude -p` in the server's home and folder, with the model that the server uses. */
export async function inTerminal(
  { folders, upstream }: TestServer,
  ...args: string[]
): Promise<{ session_id: string; total_cost_usd: number }> {
  const claude = sdkExecutable()
  assert.ok(claude)
  const child = run(claude, ['-p', '--output-format=json', ...args], {
    cwd: folders.cwd,
    // Without its requests for news, such a short process takes a quarter less.
    env: { ...testEnvironment(folders, upstream.url), CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
  })
  child.child.stdin?.end()
  return JSON.parse((await child).stdout)
}
