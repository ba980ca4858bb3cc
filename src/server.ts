// The wiring: configuration in, a running server out. The only file that knows every part; it decides nothing that a part
// could decide.
import { realpath } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { Authenticator, type Caller } from './auth/authenticate.ts'
import { createLoginLink } from './auth/login-links.ts'
import { watchRevocations } from './auth/revocation.ts'
import { withPathOutside } from './claude/cli/environment.ts'
import { Executable, type Login } from './claude/cli/executable.ts'
import { defaultPoolLimits, defaultProcessLimits, type PoolLimits, type ProcessLimits } from './claude/pool/limits.ts'
import { Pool } from './claude/pool/pool.ts'
import { ownIdentity, ProcessRegistry } from './claude/process/process-registry.ts'
import { configFolder, type Environment } from './claude/sessions/config-folder.ts'
import { createSessionFiles } from './claude/sessions/session-files.ts'
import { withForcedOutputRetry } from './compat/retry-forced-output.ts'
import { TokenCalibration, withTokenCalibration } from './compat/tokens/calibration.ts'
import { estimateRequest } from './compat/tokens/estimate.ts'
import { processEnvironment } from './config/load.ts'
import type { Config } from './config/options.ts'
import { noOptions, noPlainOptions, type RunOptions, type RunRequest } from './core/agent.ts'
import { allObservers, type Observer, withObserver } from './core/observer.ts'
import { scheduleRetention } from './core/retention.ts'
import { createRuns } from './core/run-registry.ts'
import type { Runs, RunsDependencies } from './core/runs.ts'
import type { SessionFiles } from './core/sessions.ts'
import type { Store } from './core/store.ts'
import type { Upstream } from './demo/upstream.ts'
import { StartupError } from './errors.ts'
import { type App, createApp, type ServerFactory } from './http/app.ts'
import { ReaderLimits } from './http/reader-limits.ts'
import { createLogger } from './log/logger.ts'
import { Metrics } from './observability/metrics.ts'
import type { Tracing } from './observability/tracing.ts'
import { isWithin, realPathSoFar } from './platform/allowed-folders.ts'
import { isLoopbackHost } from './platform/loopback.ts'
import { removeServerAddress, writeServerAddress } from './platform/server-address.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { registerAnthropic, sendAnthropicError } from './surfaces/anthropic/routes.ts'
import { registerLogin } from './surfaces/native/login-routes.ts'
import { registerNative } from './surfaces/native/routes.ts'
import { registerSessions } from './surfaces/native/session-routes.ts'
import { registerOpenai, sendOpenaiError } from './surfaces/openai/routes.ts'
import { registerOpenapi } from './web/api-docs-routes.ts'
import { registerUi } from './web/page-routes.ts'

export type ClaudeState = {
  path: string | null
  version: string | null
  loggedIn: boolean | null
  authMethod: string | null
  /** What to do where the CLI cannot be run; null where it can. */
  error: string | null
}

export type RunningServer = {
  url: string
  port: number
  /** Which CLI is used and whether it is logged in; settles within a second of the start. */
  claude: Promise<ClaudeState>
  /** A link that opens the web page, once and within a minute; null where there are no keys, and the page's address is enough. */
  pageLink(): Promise<string | null>
  /** Lets runs go on for `graceMs` milliseconds, then ends everything. May be called twice. */
  close(graceMs?: number): Promise<void>
  closed: Promise<void>
}

export type ServerOptions = {
  /** The environment of which the CLI gets its part; the server's own by default. */
  environment?: Environment
  log?: Logger
  /** For tests that cannot wait minutes. */
  processLimits?: Partial<ProcessLimits>
  poolLimits?: Partial<PoolLimits>
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

/** A request that is never run: it stands for its kind when spares are started. */
const exampleRequest = (options: Partial<RunOptions>): RunRequest => ({
  runId: '',
  prompt: [],
  session: { kind: 'new' },
  options: { ...noOptions, ...options },
  streaming: true,
  plain: null,
  approvals: false,
  isAuxiliary: false,
})

/** The same for plain models. */
const plainExample = (): RunRequest => ({
  ...exampleRequest({ systemPrompt: 'You answer briefly.' }),
  session: { kind: 'history', messages: [] },
  plain: noPlainOptions,
})

/** What of the demo's upstream and folder the CLI must see instead of the operator's login. */
function demoEnvironment(environment: Environment, upstream: Upstream, dataDir: string): Environment {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^(ANTHROPIC_|CLAUDE_|AWS_|GOOGLE_|https?_proxy$|all_proxy$)/i.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    ANTHROPIC_BASE_URL: upstream.url,
    ANTHROPIC_API_KEY: 'sk-ant-demo-000',
    CLAUDE_CONFIG_DIR: join(dataDir, 'demo'),
  }
}

export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const log = options.log ?? createLogger(config, processEnvironment())
  const started = performance.now()
  await refuseOwnFolders(config, options.environment ?? processEnvironment())
  // First of all: without its folder to itself there is nothing to start.
  const store = await openSqliteStore({ folder: config.dataDir, onWarning: (text) => log.warn(text) })
  await refuseOpenDoor(config, store)
  const demo = config.demo ? await (await import('./demo/upstream.ts')).startUpstream({ scenarios: true }) : null
  const given = withPathOutside(options.environment ?? processEnvironment(), config.cwdRoots ?? [])
  const environment = demo === null ? given : demoEnvironment(given, demo, config.dataDir)
  const defaultCwd = await realpath(config.defaultCwd)
  const identity = await ownIdentity()
  const registry = new ProcessRegistry(config.dataDir, identity)
  const executable = new Executable(config.claudeBin, environment, config.cwdRoots ?? [])
  const onWarning = (message: string, facts: Record<string, unknown>) => log.warn(facts, message)
  const metrics = new Metrics(() => pool.stats())
  const tracing = await tracingFor(environment)
  const observer = tracing === null ? metrics : allObservers([metrics, tracing])
  const pool = createPool(config, options, { defaultCwd, environment, registry, executable, log, observer })
  const calibration = new TokenCalibration()
  const runs = createRuns({
    agent: withObserver(withForcedOutputRetry(withTokenCalibration(pool, calibration)), observer),
    store,
    approvalTimeoutMs: config.approvalTimeoutMs,
    onEnd: logRun(log),
    onWarning,
  })
  const { app, createListener } = createApp({
    log,
    observer,
    bodyBytesMax: config.bodyLimitBytes,
    allowHosts: config.allowHosts,
    corsOrigins: config.corsOrigins,
    callers: new Authenticator({ keys: store, isLoopback: isLoopbackHost(config.host), now: Date.now }),
  })
  const files = createSessionFiles({ environment })
  const readers = new ReaderLimits()
  registerSurfaces(app, {
    config,
    defaultCwd,
    executable,
    pool,
    runs,
    readers,
    store,
    files,
    calibration,
    metrics,
    started,
  })
  const swept = registry.sweep()
  const found = await runs.recover(swept)
  if (found.failed + found.restarted > 0) log.warn(found, 'runs that a former server had left unfinished')
  const listeners = await listen(app, createListener, config).catch(async (fault) => {
    await Promise.all([app.close(), pool.close(0), demo?.close()])
    await Promise.all([registry.close(), store.close()])
    throw fault
  })
  const url = urlOf(config.host, listeners.port)
  const startedAt = new Date().toISOString()
  writeServerAddress(config.dataDir, { url, pid: process.pid, process: identity, version, startedAt })
  void prepare({ pool, metrics, swept, log })
  const endTidying = scheduleRetention(store, Date.now, onWarning)
  const endWatching = watchRevocations([readers, runs], store, Date.now)
  const end = async () => {
    endTidying()
    endWatching()
    await tracing?.close().catch((fault: unknown) => log.warn({ reason: String(fault) }, 'traces could not be sent'))
  }
  const claude = describeClaude(executable)
  return running({ app, listeners, url, pool, runs, registry, store, files, end, demo, config, claude })
}

/** Traces go where the operator has said, by OpenTelemetry's own variables, and nowhere else. */
async function tracingFor(environment: Environment): Promise<Tracing | null> {
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT
  const url = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || (base ? `${base.replace(/\/$/, '')}/v1/traces` : '')
  if (url === '') return null
  const { startTracing } = await import('./observability/tracing.ts')
  return startTracing(url, version)
}

/** Who can change what the server or the CLI keeps can do everything: agents must not be led there. */
async function refuseOwnFolders({ cwdRoots, dataDir }: Config, environment: Environment): Promise<void> {
  for (const folder of [dataDir, configFolder(environment)]) {
    const own = await realPathSoFar(folder)
    const root = cwdRoots?.find((each) => isWithin(own, each) || isWithin(each, own))
    if (root === undefined) continue
    throw new StartupError(
      `--cwd-root ${root} would let agents into ${own}, which is the server's or the CLI's own: name another folder.`,
    )
  }
}

/** Beyond loopback nobody may get in without a key, and only under a name that the operator has given. */
async function refuseOpenDoor({ host, allowHosts }: Config, store: Store): Promise<void> {
  if (isLoopbackHost(host)) return
  const fault = !(await store.hasKeys())
    ? 'needs at least one API key: make one with claude-serve keys create'
    : allowHosts.length === 0
      ? 'needs the names by which it may be called: give --allow-host'
      : null
  if (fault === null) return
  await store.close()
  throw new StartupError(
    `--host ${host} reaches beyond this machine and ${fault}, or give 127.0.0.1, ::1 or localhost.`,
  )
}

type SurfaceParts = {
  config: Config
  /** By its real path. */
  defaultCwd: string
  executable: Executable
  pool: Pool
  runs: Runs
  readers: ReaderLimits
  store: Store
  files: SessionFiles
  calibration: TokenCalibration
  metrics: Metrics
  /** When the server started, on the monotonic clock. */
  started: number
}

function registerSurfaces(app: App, parts: SurfaceParts): void {
  const { config, defaultCwd, executable, pool, runs, readers, store, files, calibration, metrics, started } = parts
  const face = {
    runs,
    models: () => pool.models(plainExample()),
    modelMap: config.modelMap,
    requestTimeoutMs: config.requestTimeoutMs,
  }
  const countTokens = (run: Omit<RunRequest, 'runId'>, model: string) =>
    calibration.estimate(model, estimateRequest(run))
  app.register(async (scope) => registerOpenai(scope, { ...face, readers, countTokens }))
  app.register(async (scope) => registerAnthropic(scope, { ...face, countTokens }))
  const cwdRoots = ({ key }: Caller) => config.cwdRoots ?? (key === null ? null : [defaultCwd])
  const login = () => executable.loginSoFar()
  registerNative(app, {
    runs,
    readers,
    store,
    now: Date.now,
    permissionModes: config.permissionModes,
    cwdRoots,
    requestTimeoutMs: config.requestTimeoutMs,
    maxRequestTimeoutMs: config.maxRequestTimeoutMs,
    errorSenders: { anthropic: sendAnthropicError, openai: sendOpenaiError },
    metrics: () => metrics.read(),
    health: () => health(config, executable, pool, login(), started),
    readiness: () => readiness(executable, pool, login()),
  })
  const holder = (id: string) => runs.holderOf(id)
  const release = (id: string) => pool.unloadSession(id)
  registerSessions(app, { files, store, holder, release, cwdRoots })
  registerLogin(app, { keys: store, now: Date.now })
  registerOpenapi(app)
  registerUi(app)
}

type PoolParts = {
  defaultCwd: string
  environment: Environment
  registry: ProcessRegistry
  executable: Executable
  log: Logger
  observer: Observer
}

function createPool(
  config: Config,
  options: ServerOptions,
  { defaultCwd, environment, registry, executable, log, observer }: PoolParts,
): Pool {
  const limits: PoolLimits = {
    ...defaultPoolLimits,
    warm: config.warm,
    maxProcesses: config.maxProcesses,
    queueLimit: config.queueLimit,
    keepAliveMs: config.keepAliveMs,
    ...options.poolLimits,
  }
  return new Pool(limits, {
    claude: () => executable.claude(),
    environment,
    configDir: configFolder(environment),
    registry,
    limits: { ...defaultProcessLimits, ...options.processLimits },
    permissionModes: config.permissionModes,
    defaultCwd,
    scratchDir: registry.scratchDir,
    observer,
    onWarning: (message, facts) => log.warn(facts, message),
  })
}

type Prepared = { pool: Pool; metrics: Metrics; swept: Promise<number>; log: Logger }

/** After the server listens: ends what a killed predecessor left, starts the first spares, tries what is undocumented. */
async function prepare({ pool, metrics, swept, log }: Prepared): Promise<void> {
  try {
    const left = await swept
    if (left > 0) log.warn({ processes: left }, 'ended processes that a former server had left')
    // Of agents none yet: where they start, the folder's settings may run commands, and nobody has asked for that.
    await pool.warmUp(plainExample())
    if (pool.isChecked) log.info(pool.abilities, 'checked what the CLI can do')
    await metrics.load()
  } catch (fault) {
    log.warn({ reason: String(fault) }, 'could not start processes ahead of the first request')
  }
}

async function describeClaude(executable: Executable): Promise<ClaudeState> {
  try {
    const { path, version } = await executable.claude()
    const login = await executable.login().catch((): Login => ({ loggedIn: false, method: 'unknown' }))
    return { path, version, loggedIn: login.loggedIn, authMethod: login.method, error: null }
  } catch (fault) {
    return { path: null, version: null, loggedIn: null, authMethod: null, error: (fault as Error).message }
  }
}

async function health(config: Config, executable: Executable, pool: Pool, login: Login | null, started: number) {
  const claude = await executable.claude()
  return {
    status: 'ok',
    claude_version: `${claude.version} (Claude Code)`,
    version,
    uptime_s: Math.round((performance.now() - started) / 100) / 10,
    logged_in: login?.loggedIn ?? null,
    auth_method: login?.method ?? null,
    claude_path: claude.path,
    demo: config.demo,
    ...pool.stats(),
  }
}

/** Which of the CLI's undocumented abilities are in use; without them requests are served all the same, but colder. */
async function readiness(executable: Executable, pool: Pool, login: Login | null) {
  const state = (ability: boolean) => (!pool.isChecked ? 'not_checked' : ability ? 'in_use' : 'not_available')
  const facts = {
    logged_in: login?.loggedIn ?? null,
    abilities: {
      reuse_processes: state(pool.abilities.rewind),
      switch_system_prompts: state(pool.abilities.promptSwitch),
    },
  }
  try {
    await executable.claude()
    return { ready: true, facts }
  } catch (fault) {
    return { ready: false, facts: { ...facts, error: (fault as Error).message } }
  }
}

function logRun(log: Logger): NonNullable<RunsDependencies['onEnd']> {
  return (runId, end, refused) => {
    const code = refused?.code ?? end?.error?.code ?? null
    const facts = {
      run_id: runId,
      outcome: end?.outcome ?? (refused === null ? 'cancelled' : 'refused'),
      code,
      session_id: end?.sessionId,
      model: end?.model,
      cost_usd: end?.costUsd,
    }
    log.info(facts, 'run')
  }
}

/** As programs of this machine can reach it. */
function urlOf(host: string, port: number): string {
  const isWide = ['0.0.0.0', '::', '::1'].includes(host)
  const name = isWide ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}

/** `localhost` may mean either loopback address, and another user must not be able to take the one we left free. */
async function listen(
  app: App,
  createListener: ServerFactory,
  { host, port }: Config,
): Promise<{ port: number; second: Server | null }> {
  const both = host === 'localhost' || host === '127.0.0.1' || host === '::1'
  if (!both) {
    await app.listen({ host, port })
    return { port: portOf(app), second: null }
  }
  await app.listen({ host: '127.0.0.1', port })
  const second = await listenSecond(createListener(), portOf(app))
  return { port: portOf(app), second }
}

function portOf(app: App): number {
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Null on a machine without IPv6. Throws where the port is taken there. */
function listenSecond(server: Server, port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    server.once('error', (fault: NodeJS.ErrnoException) => {
      const isMissing = fault.code === 'EADDRNOTAVAIL' || fault.code === 'EAFNOSUPPORT'
      if (isMissing) resolve(null)
      else reject(fault)
    })
    server.listen({ host: '::1', port, ipv6Only: true }, () => resolve(server))
  })
}

type Parts = {
  app: App
  url: string
  listeners: { port: number; second: Server | null }
  pool: Pool
  runs: Runs
  registry: ProcessRegistry
  store: Store
  files: SessionFiles & { close(): Promise<void> }
  /** Ends what goes on in the background. */
  end(): Promise<void>
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
  pool,
  runs,
  registry,
  store,
  files,
  end: endBackground,
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
    await runs.close(graceMs)
    await pool.close(processGraceMs)
    listeners.second?.closeAllConnections()
    listeners.second?.close()
    await app.close()
    await demo?.close()
    await endBackground()
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
