// What every worker is given by the server.
import type { Clock } from '../../platform/clock.ts'
import type { Environment } from '../sessions/config-folder.ts'
import type { PlanLimits } from './plan-limits.ts'
import type { ProcessRegistry } from './process-registry.ts'

/** In milliseconds. */
export type WorkerLimits = {
  /** How long a process may take to start. */
  startMs: number
  /** How long it may take to answer a request between its turns. */
  controlMs: number
  /** After so long without a turn it must give a sign of life before the next one. */
  pingAfterMs: number
}

export type WorkerContext = {
  claude: { path: string; version: string; state: string }
  /** The server's environment; claude/cli/environment.ts decides which of it reaches the process. */
  environment: Environment
  configDir: string
  registry: ProcessRegistry
  clock: Clock
  planLimits: PlanLimits
  limits: WorkerLimits
  /** The modes that the operator allows; a person who answers cannot allow more. None if absent. */
  permissionModes?: readonly string[]
  /** The priority of its processes, if they are to wait for others: a `nice` value. */
  nice?: number
  /** A process for a plain model was not what it should be. */
  onDefect: (reason: string) => void
  /** A process has reported another version than its executable. */
  onVersion: (reported: string) => void
  onWarning: (message: string, facts: Record<string, unknown>) => void
}
