// How many processes there may be, how long they live, and how long each step may take. The operator's settings decide some of these
// (see config/options.ts); the others are fixed here.
import { availableParallelism } from 'node:os'
import type { WorkerLimits } from '../process/worker-context.ts'
import type { TurnLimits } from '../turn/turn.ts'

export type PoolLimits = {
  /** Spare processes kept ready for each profile in recent use. */
  warm: number
  maxProcesses: number
  /**
   * So many are started as soon as a run has none; more, only for runs that have waited for a second, and beside conversations that somebody
   * returns to. Where the model answers at once, the cores are the limit, and each start takes half a second of one.
   */
  eagerMax: number
  /** How many of them may be starting at the same time: each needs a core for half a second. */
  startsMax: number
  queueLimit: number
  /** How long an idle conversation keeps its process, in milliseconds. */
  keepAliveMs: number
  /** The shortest time between two starts: parallel starts race for the login's refresh token and for the cores. */
  startSpacingMs: number
  /** How long a profile counts as in recent use, in milliseconds. */
  recentMs: number
  /** A process reads a history of at least so many messages from a file; see long-histories.ts. */
  loadedMin: number
  /** An ability that processes refuse so many times in a row is given up. */
  refusalsMax: number
  /** A reused process is replaced after so many requests, or above so many bytes. */
  requestsMax: number
  residentBytesMax: number
}

export const defaultPoolLimits = {
  eagerMax: 2 * availableParallelism(),
  startsMax: availableParallelism(),
  startSpacingMs: 250,
  recentMs: 3_600_000,
  // As many are handed over in the time of a start.
  loadedMin: 250,
  refusalsMax: 3,
  requestsMax: 150,
  residentBytesMax: 350 * 1024 * 1024,
} satisfies Partial<PoolLimits>

/** Deadlines of one process and of the turns on it, in milliseconds. */
export type ProcessLimits = WorkerLimits & TurnLimits

export const defaultProcessLimits: ProcessLimits = {
  startMs: 30_000,
  // Some 10 ms are usual. One that is ended by mistake costs another start, no more.
  controlMs: 5_000,
  pingAfterMs: 2_000,
  firstMessageMs: 30_000,
  silenceMs: 180_000,
  toolSilenceMs: 900_000,
  // At most 80 ms were measured, also in the middle of a command.
  interruptMs: 800,
}
