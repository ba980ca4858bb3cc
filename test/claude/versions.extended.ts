// The oldest CLI that is used, and the newest there is: installed from npm, and run through the tests that look at what the CLI does.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newestTestedVersion, oldestVersion } from '../../src/claude/cli/executable.ts'
import { compileCache } from '../helpers/compile-cache.ts'

/** The tests that a CLI must pass, some forty. */
const list = [
  'test/claude/examination/compatibility.ts',
  'test/contract/worker.test.ts',
  'test/claude/faithful.test.ts',
  'test/claude/literal-prompts.test.ts',
  'test/claude/pool/reuse.test.ts',
]

const checksMin = 40
const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, 'node_modules', '.cache', 'claude-versions')
const environment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...compileCache }
const packageName = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`

/** The SDK's packages bring a CLI each: 0.3.310 has 2.1.310. */
const sdkVersion = (version: string) => version.replace(/^2\.1\./, '0.3.')
const cliVersion = (version: string) => version.replace(/^0\.3\./, '2.1.')

function npm(words: string[], cwd: string): string | null {
  const { status, stdout } = spawnSync('npm', words, { cwd, env: environment, encoding: 'utf8', timeout: 240_000 })
  return status === 0 ? stdout.trim() : null
}

/** The path of that CLI; null if npm does not have it here. */
function install(version: string): string | null {
  const folder = join(cache, version)
  const path = join(folder, 'package', 'claude')
  if (existsSync(path)) return path
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  if (npm(['pack', `${packageName}@${sdkVersion(version)}`], unfinished) === null) return null
  const [archive] = readdirSync(unfinished)
  if (archive === undefined) return null
  if (spawnSync('tar', ['xzf', archive], { cwd: unfinished, env: environment }).status !== 0) return null
  rmSync(join(unfinished, archive))
  renameSync(unfinished, folder)
  return path
}

/** The figures at the end of the report of `node --test`. */
const figure = (report: string, name: string) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(report)?.[1])

async function runList(claude: string): Promise<{ code: number | null; report: string }> {
  const words = ['--import', './test/helpers/compile-cache.ts', '--test', '--test-concurrency=1', '--test-reporter=tap']
  const child = spawn(process.execPath, [...words, ...list], {
    cwd: root,
    env: { ...environment, CLAUDE_SERVE_TEST_CLAUDE: claude },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let report = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    report += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, report }
}

const published = npm(['view', packageName, 'version'], root)
const newest = published === null ? null : cliVersion(published)

for (const [what, version] of [
  ['oldest', oldestVersion],
  ['newest', newest],
] as const) {
  const isBundled = version === newestTestedVersion
  const reason = version === null ? 'npm cannot be reached' : isBundled ? 'it is the one that the SDK ships' : false
  test(`the ${what} CLI, ${version}, does what the server needs`, { skip: reason, timeout: 600_000 }, async (t) => {
    const claude = install(version ?? '')
    if (claude === null) return t.skip('npm cannot be reached')
    const { code, report } = await runList(claude)
    const failed = report.split('\n').filter((line) => /^\s*not ok /.test(line))
    assert.deepEqual(failed, [])
    assert.equal(code, 0, report.slice(-2000))
    assert.ok(figure(report, 'pass') >= checksMin, `${figure(report, 'pass')} checks`)
  })
}
