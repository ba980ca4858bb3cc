// The wiring: configuration in, a running server out. The only file that knows every part; it decides nothing that a part could
// decide.
import { realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Logger } from 'pino'
import { Authenticator } from './auth/authenticate.ts'
import { createLoginLink } from './auth/login-links.ts'
import { watchRevocations } from './auth/revocation.ts'
import { withPathOutside } from './claude/cli/environment.ts'
import { Executable } from './claude/cli/executable.ts'
import { loadSdk } from './claude/cli/sdk.ts'
import { Examinations } from './claude/examination/examinations.ts'
import { defaultPoolLimits, defaultProcessLimits, type PoolLimits, type ProcessLimits } from './claude/pool/limits.ts'
import { Pool } from './claude/pool/pool.ts'
import { workerSpawner } from './claude/pool/spawn-worker.ts'
import { PlanLimits } from './claude/process/plan-limits.ts'
import { ownIdentity, ProcessRegistry } from './claude/process/process-registry.ts'
import { configFolder, type Environment } from './claude/sessions/config-folder.ts'
import { createSessionFiles } from './claude/sessions/session-files.ts'
import { withReservedToolNames } from './compat/reserved-tool-names.ts'
import { withForcedOutputRetry } from './compat/retry-forced-output.ts'
import { sealersIn } from './compat/sealed-text.ts'
import { TokenCalibration, withTokenCalibration } from './compat/tokens/calibration.ts'
import { processEnvironment } from './config/load.ts'
import type { Config } from './config/options.ts'
import { BatchEngine } from './core/batches/batch-engine.ts'
import { allObservers, type Observer, withObserver } from './core/observer.ts'
import { scheduleRetention } from './core/retention.ts'
import { createRuns } from './core/run-registry.ts'
import type { Runs } from './core/runs.ts'
import type { SessionFiles } from './core/sessions.ts'
import type { Store } from './core/store.ts'
import { demoEnvironment } from './demo/environment.ts'
import type { Upstream } from './demo/upstream.ts'
import { logChange, logExaminations, logRun } from './event-log.ts'
import { type ClaudeState, describeClaude } from './health.ts'
import { type App, createApp } from './http/app.ts'
import { type Listeners, listen, localUrl } from './http/listen.ts'
import { ReaderLimits } from './http/reader-limits.ts'
import { createLogger } from './log/logger.ts'
import { Metrics } from './observability/metrics.ts'
import type { Tracing } from './observability/tracing.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { collectWhenIdle } from './platform/idle-memory.ts'
import { isLoopbackHost } from './platform/loopback.ts'
import { removeServerAddress, writeServerAddress } from './platform/server-address.ts'
import { examiner, hasStandIn, prepare } from './preparation.ts'
import { refuseOpenDoor, refuseOwnFolders, refuseUnusableTemp } from './start-checks.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { registerSurfaces } from './surfaces.ts'

export type RunningServer = {
  url: string
  port: number
  /** Which CLI is used and whether it is logged in; settles within a second of the start. */
  claude: Promise<ClaudeState>
  /** A link that opens the web page, once and within a minute; null if there are no keys: the page's address is enough then. */
  pageLink(): Promise<string | null>
  /** Lets runs continue for `graceMs` milliseconds, then ends everything. Safe to call twice. */
  close(graceMs?: number): Promise<void>
  closed: Promise<void>
}

export type ServerOptions = {
  /** The environment from which the CLI gets its part; the server's own by default. */
  environment?: Environment
  log?: Logger
  /** For tests that cannot wait minutes. */
  processLimits?: Partial<ProcessLimits>
  poolLimits?: Partial<PoolLimits>
  clock?: Clock
  /** Whether each executable is examined before its abilities are used; true by default. If not, it counts as having all. */
  examines?: boolean
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const log = options.log ?? createLogger(config, processEnvironment())
  const startedAt = performance.now()
  refuseUnusableTemp()
  await refuseOwnFolders(config, options.environment ?? processEnvironment())
  // First of all: a server that does not have its folder to itself must not start.
  const store = await openSqliteStore({ folder: config.dataDir, onWarning: (text) => log.warn(text) })
  await refuseOpenDoor(config, store)
  const demo = config.demo ? await (await import('./demo/upstream.ts')).startUpstream({ scenarios: true }) : null
  const serverEnvironment = withPathOutside(options.environment ?? processEnvironment(), config.cwdRoots ?? [])
  const environment = demo === null ? serverEnvironment : demoEnvironment(serverEnvironment, demo.url, config.dataDir)
  const defaultCwd = await realpath(config.defaultCwd)
  const identity = await ownIdentity()
  const registry = new ProcessRegistry(config.dataDir, identity)
  const processLimits = { ...defaultProcessLimits, ...options.processLimits }
  const examinations = new Examinations({
    dataDir: config.dataDir,
    serverVersion: version,
    examine:
      options.examines === false
        ? null
        : examiner({ environment, registry, clock: systemClock, limits: processLimits }),
    hasStandIn,
    ...logExaminations(log),
  })
  const executable = new Executable(config.claudeBin, environment, {
    roots: config.cwdRoots ?? [],
    defectOf: (claude) => examinations.defectOf(claude),
    versionOf: (claude) => examinations.versionOf(claude),
    onChange: (change) => {
      logChange(log)(change)
      if (change.to !== null) void examinations.examine(change.to)
    },
  })
  const onWarning = (message: string, facts: Record<string, unknown>) => log.warn(facts, message)
  const metrics = new Metrics(() => pool.stats())
  const tracing = await tracingFor(environment)
  const observer = tracing === null ? metrics : allObservers([metrics, tracing])
  const pool = createPool(config, options, {
    defaultCwd,
    environment,
    registry,
    executable,
    examinations,
    processLimits,
    log,
    observer,
  })
  const calibration = new TokenCalibration()
  const runs = createRuns({
    agent: withObserver(
      withForcedOutputRetry(withReservedToolNames(withTokenCalibration(pool, calibration))),
      observer,
    ),
    store,
    approvalTimeoutMs: config.approvalTimeoutMs,
    onEnd: logRun(log),
    onWarning,
  })
  const callers = new Authenticator({
    keys: store,
    isLoopback: isLoopbackHost(config.host),
    now: Date.now,
    cwdRoots: config.cwdRoots,
    onWarning,
  })
  const { clock = systemClock } = options
  const batches = new BatchEngine({ store, concurrency: config.batchConcurrency, clock, now: Date.now, onWarning })
  const { app, createListener } = createApp({
    log,
    observer,
    bodyBytesMax: config.bodyLimitBytes,
    allowHosts: config.allowHosts,
    corsOrigins: config.corsOrigins,
    callers,
  })
  const files = createSessionFiles({ environment })
  const readers = new ReaderLimits()
  registerSurfaces(app, {
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
    batches,
    callerOf: (owner) => callers.callerOf(owner),
    sealers: sealersIn(config.dataDir),
    startedAt,
  })
  const swept = registry.sweep()
  const found = await runs.recover(swept)
  if (found.failed + found.restarted > 0) log.warn(found, 'found runs that a previous server left unfinished')
  const batchesLeft = await batches.recover(swept)
  if (batchesLeft > 0) log.info({ batches: batchesLeft }, 'continues batches that a previous server left')
  // Those there are now: the uploads to come are incomplete as well.
  void store
    .deleteIncompleteFiles()
    .catch((error: unknown) => onWarning('incomplete files could not be deleted', { reason: String(error) }))
  const listeners = await listen(app, createListener, config).catch(async (error) => {
    await Promise.all([app.close(), pool.close(0), demo?.close()])
    await Promise.all([registry.close(), store.close()])
    throw error
  })
  const url = localUrl(config.host, listeners.port)
  const listeningSince = new Date().toISOString()
  writeServerAddress(config.dataDir, {
    url,
    pid: process.pid,
    process: identity,
    version,
    startedAt: listeningSince,
  })
  void prepare({ executable, examinations, pool, metrics, swept, log })
  const stopRetention = scheduleRetention(store, Date.now, onWarning)
  const stopWatching = watchRevocations([readers, runs], store, Date.now)
  const stopCollecting = collectWhenIdle({ clock: systemClock, isIdle: () => runs.active() === 0 })
  const stopBackground = async () => {
    stopRetention()
    stopCollecting()
    stopWatching()
    executable.close()
    await tracing?.close().catch((error: unknown) => log.warn({ reason: String(error) }, 'traces could not be sent'))
  }
  const claude = describeClaude(executable)
  return running({
    app,
    listeners,
    url,
    examinations,
    pool,
    runs,
    batches,
    registry,
    store,
    files,
    stopBackground,
    demo,
    config,
    claude,
  })
}

/** Traces are sent only to the collector that the operator names with OpenTelemetry's own variables. */
async function tracingFor(environment: Environment): Promise<Tracing | null> {
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT
  const url = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || (base ? `${base.replace(/\/$/, '')}/v1/traces` : '')
  if (url === '') return null
  const { startTracing } = await import('./observability/tracing.ts')
  return startTracing(url, version)
}

type PoolParts = {
  defaultCwd: string
  environment: Environment
  registry: ProcessRegistry
  executable: Executable
  examinations: Examinations
  processLimits: ProcessLimits
  log: Logger
  observer: Observer
}

function createPool(
  config: Config,
  options: ServerOptions,
  { defaultCwd, environment, registry, executable, examinations, processLimits, log, observer }: PoolParts,
): Pool {
  const limits: PoolLimits = {
    ...defaultPoolLimits,
    warm: config.warm,
    maxProcesses: config.maxProcesses,
    queueLimit: config.queueLimit,
    keepAliveMs: config.keepAliveMs,
    ...options.poolLimits,
  }
  const configDir = configFolder(environment)
  const { clock = systemClock } = options
  const planLimits = new PlanLimits(Date.now)
  const onWarning = (message: string, facts: Record<string, unknown>) => log.warn(facts, message)
  return new Pool(limits, {
    spawn: workerSpawner({
      environment,
      configDir,
      registry,
      clock,
      planLimits,
      limits: processLimits,
      permissionModes: config.permissionModes,
      abilities: examinations,
      onWarning,
    }),
    abilities: examinations,
    clock,
    planLimits,
    claude: async () => {
      const [claude] = await Promise.all([executable.claude(), loadSdk()])
      return claude
    },
    environment,
    configDir,
    turnLimits: processLimits,
    defaultCwd,
    scratchDir: registry.scratchDir,
    privateDir: registry.privateDir,
    observer,
    onWarning,
  })
}

type Parts = {
  app: App
  url: string
  listeners: Listeners
  examinations: Examinations
  pool: Pool
  runs: Runs
  batches: BatchEngine
  registry: ProcessRegistry
  store: Store
  files: SessionFiles & { close(): Promise<void> }
  /** Stops timers and flushes traces. */
  stopBackground(): Promise<void>
  demo: Upstream | null
  config: Config
  claude: Promise<ClaudeState>
}

/** How long processes may take to end when the server does, in milliseconds. */
const processGraceMs = 4_000

function running({
  app,
  url,
  listeners,
  examinations,
  pool,
  runs,
  batches,
  registry,
  store,
  files,
  stopBackground,
  demo,
  config,
  claude,
}: Parts): RunningServer {
  let closing: Promise<void> | null = null
  let settle: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    settle = resolve
  })
  const end = async (graceMs: number) => {
    removeServerAddress(config.dataDir)
    batches.close()
    await runs.close(graceMs)
    await Promise.all([pool.close(processGraceMs), examinations.close()])
    listeners.second?.closeAllConnections()
    listeners.second?.close()
    await app.close()
    await demo?.close()
    await stopBackground()
    await Promise.all([registry.close(), store.close(), files.close()])
    settle()
  }
  return {
    url,
    port: listeners.port,
    claude,
    closed,
    pageLink: async () => (await createLoginLink(url, store, Date.now()))?.address ?? null,
    close: (graceMs = 30_000) => {
      closing ??= end(graceMs)
      return closing
    },
  }
}
