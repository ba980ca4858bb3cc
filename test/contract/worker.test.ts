// Runs the worker contract suite on the real CLI and on the fake worker of the pool's tests.

import { after } from 'node:test'
import { Executable } from '../../src/claude/cli/executable.ts'
import { fileStamp } from '../../src/claude/cli/file-stamp.ts'
import { loadSdk } from '../../src/claude/cli/sdk.ts'
import { defaultProcessLimits } from '../../src/claude/pool/limits.ts'
import { workerSpawner } from '../../src/claude/pool/spawn-worker.ts'
import { PlanLimits } from '../../src/claude/process/plan-limits.ts'
import { ownIdentity, ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { startUpstream } from '../../src/demo/upstream.ts'
import { AppError } from '../../src/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { assumedAbilities } from '../helpers/abilities.ts'
import { FakeWorker } from '../helpers/fake-worker.ts'
import { otherClaude } from '../helpers/test-claude.ts'
import { fakeCli, makeFolders, testEnvironment } from '../helpers/test-server.ts'
import { testWorker } from './worker-suite.ts'

const upstream = await startUpstream()
const folders = makeFolders({ after: () => {} })
const environment = testEnvironment(folders, upstream.url)
const registry = new ProcessRegistry(folders.dataDir, await ownIdentity())
const spawn = workerSpawner({
  environment,
  configDir: folders.configDir,
  registry,
  clock: systemClock,
  planLimits: new PlanLimits(Date.now),
  limits: defaultProcessLimits,
  abilities: assumedAbilities(),
  onWarning: () => {},
})
const [real] = await Promise.all([new Executable(otherClaude, environment).claude(), loadSdk()])
const broken = { path: fakeCli('crash-at-start'), version: real.version, state: fileStamp(fakeCli('crash-at-start')) }

after(async () => {
  await registry.close()
  await upstream.close()
})

testWorker(
  'a worker on the CLI',
  () => registry.scratchDir(),
  async (t, spec, behavior) => {
    const claude = behavior === 'works' ? real : broken
    const worker = spawn({ ...spec, claude }, { kind: 'new', sessionId: crypto.randomUUID() })
    t.after(() => worker.retire(0))
    return { worker, reply: () => {}, kill: () => void worker.retire(0) }
  },
)

testWorker(
  'a fake worker',
  () => '/work',
  async (_t, spec, behavior) => {
    const claude = { path: '/claude', version: '2.1.330', state: 'stamp' }
    const worker = new FakeWorker({ ...spec, claude }, { kind: 'new', sessionId: crypto.randomUUID() }, systemClock)
    setImmediate(() =>
      behavior === 'works'
        ? worker.start()
        : worker.failStart(new AppError('claude_failed', 'Claude Code ended while it was starting.')),
    )
    return { worker, reply: () => worker.reply(), kill: () => worker.die() }
  },
)
