// Which APIs the server has, and what each of them gets of it. Not for what an API consists of (surfaces/), nor for the parts themselves
// (server.ts).
import type { Caller } from './auth/authenticate.ts'
import type { Executable } from './claude/cli/executable.ts'
import type { Examinations } from './claude/examination/examinations.ts'
import type { Pool } from './claude/pool/pool.ts'
import type { Sealers } from './compat/sealed-text.ts'
import type { TokenCalibration } from './compat/tokens/calibration.ts'
import { estimateRequest } from './compat/tokens/estimate.ts'
import type { Config } from './config/options.ts'
import type { RunRequest } from './core/agent.ts'
import type { BatchEngine } from './core/batches/batch-engine.ts'
import type { Runs } from './core/runs.ts'
import type { SessionFiles } from './core/sessions.ts'
import type { Store } from './core/store.ts'
import { health, readiness } from './health.ts'
import type { App } from './http/app.ts'
import type { ReaderLimits } from './http/reader-limits.ts'
import type { Metrics } from './observability/metrics.ts'
import type { Clock } from './platform/clock.ts'
import { plainExample } from './preparation.ts'
import { batchApiName, messageBatches } from './surfaces/anthropic/batches/batch-api.ts'
import { registerAnthropic, sendAnthropicError } from './surfaces/anthropic/routes.ts'
import { registerMcp } from './surfaces/mcp/routes.ts'
import { chatItems } from './surfaces/native/batch-items.ts'
import { registerLogin } from './surfaces/native/login-routes.ts'
import { registerNative } from './surfaces/native/routes.ts'
import { registerSessions } from './surfaces/native/session-routes.ts'
import { registerOllama, sendOllamaError } from './surfaces/ollama/routes.ts'
import { openaiBatches, batchApiName as openaiBatchName } from './surfaces/openai/batches/batch-api.ts'
import { ConversationLocks } from './surfaces/openai/conversations/conversation-locks.ts'
import { registerOpenai, sendOpenaiError } from './surfaces/openai/routes.ts'
import { registerOpenapi } from './web/api-docs-routes.ts'
import { registerUi } from './web/page-routes.ts'

type SurfaceParts = {
  config: Config
  /** Of this program. */
  version: string
  /** A real path. */
  defaultCwd: string
  executable: Executable
  examinations: Examinations
  pool: Pool
  runs: Runs
  readers: ReaderLimits
  store: Store
  files: SessionFiles
  calibration: TokenCalibration
  metrics: Metrics
  clock: Clock
  sealers: Sealers
  batches: BatchEngine
  /** The caller of that key. Throws `unauthorized`. */
  callerOf(owner: string | null): Promise<Caller>
  /** When the server started, on the monotonic clock, in milliseconds. */
  startedAt: number
}

/** Each in a scope of its own, for the format of its errors. */
export function registerSurfaces(app: App, parts: SurfaceParts): void {
  const {
    config,
    version,
    defaultCwd,
    executable,
    examinations,
    pool,
    runs,
    readers,
    store,
    files,
    calibration,
    metrics,
    clock,
    sealers,
    batches,
  } = parts
  const names = { models: () => pool.models(plainExample()), modelMap: config.modelMap }
  const compatible = {
    ...names,
    runs,
    requestTimeoutMs: config.requestTimeoutMs,
  }
  const countTokens = (run: Omit<RunRequest, 'runId'>, model: string) =>
    calibration.estimate(model, estimateRequest(run))
  const cwdRoots = ({ key }: Caller) => key?.policy.cwdRoots ?? config.cwdRoots ?? (key === null ? null : [defaultCwd])
  const healthParts = { executable, examinations, pool, version, isDemo: config.demo, startedAt: parts.startedAt }
  const agent = {
    ...names,
    runs,
    readers,
    permissionModes: config.permissionModes,
    cwdRoots,
    requestTimeoutMs: config.requestTimeoutMs,
    maxRequestTimeoutMs: config.maxRequestTimeoutMs,
  }
  const withBatches = { ...compatible, countTokens, batches, batchStore: store, callerOf: parts.callerOf }
  const openai = {
    ...withBatches,
    readers,
    sealers,
    conversations: store,
    locks: new ConversationLocks(),
    store,
    chatItems: chatItems(agent),
  }
  batches.serve(openaiBatchName, openaiBatches(openai, Date.now))
  app.register(async (scope) => registerOpenai(scope, openai))
  batches.serve(batchApiName, messageBatches(withBatches))
  app.register(async (scope) => registerAnthropic(scope, withBatches))
  app.register(async (scope) => registerOllama(scope, { ...compatible, countTokens }))
  const { approvalTimeoutMs } = config
  app.register(async (scope) => registerMcp(scope, { ...agent, files, clock, approvalTimeoutMs, version }))
  registerNative(app, {
    ...agent,
    store,
    now: Date.now,
    errorSenders: { anthropic: sendAnthropicError, openai: sendOpenaiError, ollama: sendOllamaError },
    metrics: () => metrics.read(),
    health: () => health(healthParts),
    readiness: () => readiness({ ...healthParts, store, runs }),
    quota: () => pool.stats().quota,
  })
  const holder = (id: string) => runs.holderOf(id)
  const release = (id: string) => pool.unloadSession(id)
  registerSessions(app, { files, store, holder, release, cwdRoots, executable })
  registerLogin(app, { keys: store, now: Date.now })
  registerOpenapi(app)
  registerUi(app)
}
