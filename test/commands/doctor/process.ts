// Runs the command `doctor` for its tests, and prepares what its checks examine.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DoctorContext, Finding, State } from '../../../src/commands/doctor/finding.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Config } from '../../../src/config/options.ts'
import { compileCache } from '../../helpers/compile-cache.ts'
import type { TestFolders } from '../../helpers/test-server.ts'
import { cli, fakeClaude, type Outcome, run } from '../command-process.ts'

/** With a fake token, so that claude reports a login, and a claude that answers like the scripted model. */
export const environmentFor = ({ root, home, dataDir }: TestFolders, overrides: Record<string, string> = {}) => {
  mkdirSync(join(root, 'tmp'), { recursive: true })
  return {
    // The first line of a fake looks for node on the search path.
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    CLAUDE_BIN: fakeClaude,
    HOME: home,
    TMPDIR: join(root, 'tmp'),
    CLAUDE_SERVE_DATA_DIR: dataDir,
    CLAUDE_SERVE_PORT: '0',
    CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-test-000',
    NO_COLOR: '1',
    ...compileCache,
    ...overrides,
  }
}

/** The user to run as, in a process of its own, if the tests run as root, for whom modes do not apply. */
export type AsWhom = { uid: number; gid: number }

export function doctor(
  folders: TestFolders,
  words: string[],
  environment: Record<string, string> = {},
  whom: AsWhom | null = null,
): Promise<Outcome> {
  if (whom === null) {
    return run(folders, ['doctor', ...words], { environment: environmentFor(folders, environment), isWhole: true })
  }
  const options = { cwd: folders.cwd, env: environmentFor(folders, environment), timeout: 60_000, ...whom }
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'doctor', ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr })
    })
  })
}

/** All findings of a run, which must exit with this code. */
export async function examine(
  folders: TestFolders,
  code: 0 | 1,
  environment?: Record<string, string>,
  { words = [], whom = null }: { words?: string[]; whom?: AsWhom | null } = {},
): Promise<Finding[]> {
  const outcome = await doctor(folders, ['--json', ...words], environment, whom)
  assert.deepEqual([outcome.code, outcome.stderr], [code, ''], outcome.stdout)
  return JSON.parse(outcome.stdout)
}

export const inState = (findings: readonly Finding[], state: State): string[] =>
  findings.filter((finding) => finding.state === state).map(({ check }) => check)

export const findingOf = (findings: readonly Finding[], check: string): Finding =>
  findings.find((finding) => finding.check === check) ?? assert.fail(`no finding for ${check}`)

/** What single checks examine. */
export function contextIn(
  folders: TestFolders,
  {
    config = {},
    environment = {},
    appliesFixes = false,
  }: Partial<Omit<DoctorContext, 'config'>> & { config?: Partial<Config> } = {},
): DoctorContext {
  const loaded = loadConfig({
    flags: { dataDir: folders.dataDir, defaultCwd: folders.cwd },
    environment: { HOME: folders.home },
    cwd: folders.cwd,
    isTerminal: false,
  })
  const own = { PATH: '/usr/bin:/bin', HOME: folders.home, ...environment }
  return { config: { ...loaded.config, ...config }, environment: own, appliesFixes }
}

export function assertOne(findings: readonly Finding[], state: State, message: RegExp, fix: RegExp | null): void {
  assert.equal(findings.length, 1, JSON.stringify(findings))
  const [finding] = findings
  assert.equal(finding?.state, state, JSON.stringify(finding))
  assert.match(finding?.message ?? '', message)
  if (fix === null) assert.equal(finding?.fix, null)
  else assert.match(finding?.fix ?? '', fix)
}
