// A pool of real processes without a server around it: the real CLI, or a fake one.

import { Executable } from '../../src/claude/cli/executable.ts'
import { fileStamp } from '../../src/claude/cli/file-stamp.ts'
import { loadSdk } from '../../src/claude/cli/sdk.ts'
import {
  defaultPoolLimits,
  defaultProcessLimits,
  type PoolLimits,
  type ProcessLimits,
} from '../../src/claude/pool/limits.ts'
import { Pool } from '../../src/claude/pool/pool.ts'
import { workerSpawner } from '../../src/claude/pool/spawn-worker.ts'
import { PlanLimits } from '../../src/claude/process/plan-limits.ts'
import type { ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { assumedAbilities } from './abilities.ts'
import { otherClaude } from './test-claude.ts'
import { prepareHome, type TestFolders, testEnvironment } from './test-server.ts'

export type CliPoolOptions = {
  folders: TestFolders
  registry: ProcessRegistry
  upstreamUrl?: string
  /** The path of a fake CLI; by default the SDK's real one is used. */
  fake?: string
  limits?: Partial<PoolLimits>
  processLimits?: Partial<ProcessLimits>
  /** The folder of plain models; by default the registry's. */
  scratchDir?: string
  onWarning?: (message: string) => void
}

export function createCliPool({ folders, registry, fake, ...options }: CliPoolOptions): Pool {
  const environment = testEnvironment(folders, options.upstreamUrl ?? 'http://127.0.0.1:9')
  prepareHome(folders.home)
  const executable = new Executable(otherClaude, environment)
  const context = {
    environment,
    configDir: folders.configDir,
    clock: systemClock,
    planLimits: new PlanLimits(Date.now),
    abilities: assumedAbilities(),
    onWarning: options.onWarning ?? (() => {}),
  }
  const limits = { ...defaultProcessLimits, ...options.processLimits }
  return new Pool(
    {
      ...defaultPoolLimits,
      warm: 0,
      maxProcesses: 3,
      queueLimit: 99,
      keepAliveMs: 60_000,
      startSpacingMs: 0,
      ...options.limits,
    },
    {
      ...context,
      spawn: workerSpawner({ ...context, registry, limits }),
      turnLimits: limits,
      claude: async () => {
        await loadSdk()
        return fake === undefined ? executable.claude() : { path: fake, version: '2.1.330', state: fileStamp(fake) }
      },
      defaultCwd: folders.cwd,
      scratchDir: () => options.scratchDir ?? registry.scratchDir(),
      privateDir: registry.privateDir,
    },
  )
}
