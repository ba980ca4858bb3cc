// A whole claude-serve for tests: a real server on a free port, with the real CLI (or a fake one) and the scripted
// upstream, everything in folders of its own. The developer's login and settings are not visible to it.

import { existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import type { PoolLimits, ProcessLimits } from '../../src/claude/pool/limits.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/options.ts'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { type RunningServer, startServer } from '../../src/server.ts'
import { otherClaude, testClaude } from './test-claude.ts'

/** The only inherited part of the environment: enough for a child to find `node` and a shell. */
const searchPath = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')

/** The path of a fake CLI in test/fakes. */
export const fakeCli = (name: string) => fileURLToPath(new URL(`../fakes/${name}.mjs`, import.meta.url))

export type TestFolders = { root: string; home: string; cwd: string; dataDir: string; configDir: string }

/** Fresh folders, removed after the test. */
export function makeFolders(t: Pick<TestContext, 'after'>): TestFolders {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-test-')))
  const folders = { root, home: join(root, 'home'), cwd: join(root, 'work'), dataDir: join(root, 'data') }
  for (const folder of [folders.home, folders.cwd]) mkdirSync(folder)
  t.after(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))
  return { ...folders, configDir: join(folders.home, '.claude') }
}

/** The environment of a test's CLI processes. */
export function testEnvironment(folders: TestFolders, upstreamUrl: string): Record<string, string> {
  return {
    PATH: searchPath,
    HOME: folders.home,
    LANG: 'C.UTF-8',
    TMPDIR: folders.root,
    ANTHROPIC_BASE_URL: upstreamUrl,
    ANTHROPIC_API_KEY: 'sk-ant-test-000',
  }
}

/**
 * Lets the CLI find the file that its very first start would write. Its appearance counts as a change of settings, so that the second
 * conversation would need another process.
 */
export function prepareHome(folder: string): void {
  const path = join(folder, '.claude.json')
  if (existsSync(path)) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(path, '{}', { mode: 0o600 })
}

/**
 * The real CLI, which is told by name only that it is logged in: each server asks for that once, with a process that costs half as much as
 * one for a conversation. What the real one reports is tested in executable.test.ts.
 */
export function loggedInCli({ root }: TestFolders): string {
  const path = join(root, 'claude')
  const login = `[ "$1 $2" = 'auth status' ] && echo '{"loggedIn":true,"authMethod":"api_key"}' && exit`
  writeFileSync(path, `#!/bin/sh\n${login}\nexec '${testClaude}' "$@"\n`, { mode: 0o755 })
  return path
}

/** Whether a test's own choice of the CLI, its login or its place does not matter. */
const isUsual = ({ fake, environment, config }: TestServerOptions) =>
  [fake, environment, config?.claudeBin, config?.cwdRoots].every((choice) => choice === undefined)

export type TestServerOptions = {
  config?: Partial<Config>
  environment?: Record<string, string>
  folders?: TestFolders
  upstream?: Upstream
  /** The name of a fake CLI; by default the SDK's real one is used. */
  fake?: string
  processLimits?: Partial<ProcessLimits>
  poolLimits?: Partial<PoolLimits>
  clock?: Clock
  /** Whether the CLI is examined before its abilities are used; by default it counts as having all. */
  examines?: boolean
}

export type TestServer = RunningServer & {
  upstream: Upstream
  folders: TestFolders
  logLines: Record<string, unknown>[]
}

/** Started without spares (`warm: 0`) by default, so that the test decides which processes exist. */
export async function startTestServer(
  t: Pick<TestContext, 'after'>,
  options: TestServerOptions = {},
): Promise<TestServer> {
  const folders = options.folders ?? makeFolders(t)
  const upstream = options.upstream ?? (await startUpstream())
  const environment = { ...testEnvironment(folders, upstream.url), ...options.environment }
  prepareHome(options.config?.demo ? join(folders.dataDir, 'demo') : (environment.HOME ?? folders.home))
  const { config } = loadConfig({
    flags: {
      port: '0',
      dataDir: folders.dataDir,
      defaultCwd: folders.cwd,
      warm: '0',
      logLevel: 'info',
      logFormat: 'json',
    },
    environment: { HOME: folders.home },
    cwd: folders.cwd,
    isTerminal: false,
  })
  const logLines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(JSON.parse(line)) })
  const running = await startServer(
    {
      ...config,
      ...(otherClaude === null ? {} : { claudeBin: otherClaude }),
      ...(options.fake ? { claudeBin: fakeCli(options.fake) } : {}),
      ...(isUsual(options) ? { claudeBin: loggedInCli(folders) } : {}),
      ...options.config,
    },
    {
      environment,
      log,
      poolLimits: { startSpacingMs: 0, ...options.poolLimits },
      examines: options.examines ?? false,
      ...(options.clock ? { clock: options.clock } : {}),
      ...(options.processLimits ? { processLimits: options.processLimits } : {}),
    },
  ).catch(async (error) => {
    if (options.upstream === undefined) await upstream.close()
    throw error
  })
  t.after(async () => {
    await running.close(0)
    if (options.upstream === undefined) await upstream.close()
    // Once more, because processes may write until the very end.
    if (options.folders === undefined) await rm(folders.root, { recursive: true, force: true, maxRetries: 5 })
  })
  return Object.assign(running, { upstream, folders, logLines })
}

/** A directive for the scripted upstream, to be put into a prompt; see src/demo/step.ts. */
export const step = (fields: Record<string, unknown>) => `[[fake ${JSON.stringify(fields)}]]`
