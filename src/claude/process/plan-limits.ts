// The limits of the plan that the CLI is logged in with, as its processes last reported them. The API tells them with its answers, and
// the CLI passes on each change: nothing is requested for them. With an API key there are none.
import type { SDKRateLimitInfo } from '@anthropic-ai/claude-agent-sdk'
import { noQuota, type Quota } from '../../core/agent.ts'
import { AppError } from '../../errors.ts'

/** `resetsAt` is in seconds since 1970, `utilization` from 0 to 1. */
type Window = { utilization?: number; resetsAt?: number; status?: string }

/** Not all of it is in the SDK's types. */
export type PlanReport = SDKRateLimitInfo & { unifiedWindows?: Record<string, Window> }

/**
 * While a plan is used up, one run in this time is let through, in milliseconds: a person may have bought more, and only an answer of the
 * API shows it.
 */
const probeMs = 60_000

/** Windows that limit one family of models only. */
const familyOf: Record<string, string> = { seven_day_opus: 'opus', seven_day_sonnet: 'sonnet' }

export class PlanLimits {
  readonly #now: () => number
  #report: PlanReport | null = null
  #reportedAtMs = 0
  #probedAtMs = 0

  /** `now` is the wall clock, in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  note(report: PlanReport): void {
    this.#report = report
    this.#reportedAtMs = this.#now()
    this.#probedAtMs = this.#reportedAtMs
  }

  read(): Quota {
    const report = this.#report
    if (report === null) return noQuota
    const { overageStatus: status, overageResetsAt, overageDisabledReason: reason = null, isUsingOverage } = report
    return {
      windows: windowsOf(report).map(([name, window]) => ({
        name,
        utilization: window.utilization ?? null,
        status: window.status ?? 'unknown',
        resets_at: toTime(window.resetsAt),
      })),
      overage:
        status === undefined
          ? null
          : { status, in_use: isUsingOverage === true, reason, resets_at: toTime(overageResetsAt) },
      as_of: new Date(this.#reportedAtMs).toISOString(),
    }
  }

  /** Seconds until the plan can be used again; null if nothing says that it is used up. */
  secondsLeft(): number | null {
    const { status, resetsAt } = this.#report ?? {}
    if (status !== 'rejected' || resetsAt === undefined) return null
    const left = resetsAt - this.#now() / 1000
    return left > 0 ? Math.ceil(left) : null
  }

  /** Throws `quota_exhausted` if the plan is used up for the model, `null` for the CLI's own choice. */
  check(model: string | null): void {
    const left = this.secondsLeft()
    if (left === null || !this.#isAbout(model)) return
    if (this.#now() - this.#probedAtMs >= probeMs) {
      this.#probedAtMs = this.#now()
      return
    }
    const until = new Date(this.#now() + left * 1000).toISOString()
    throw new AppError('quota_exhausted', `The plan that Claude Code is logged in with is used up until ${until}.`, {
      retryAfterS: left,
    })
  }

  #isAbout(model: string | null): boolean {
    const family = familyOf[this.#report?.rateLimitType ?? '']
    return family === undefined || model?.includes(family) === true
  }
}

/** An older CLI reports only the window that is decisive. */
function windowsOf({ unifiedWindows, rateLimitType, ...window }: PlanReport): [string, Window][] {
  if (unifiedWindows !== undefined) return Object.entries(unifiedWindows)
  return rateLimitType === undefined ? [] : [[rateLimitType, window]]
}

const toTime = (seconds: number | undefined): string | null =>
  seconds === undefined ? null : new Date(seconds * 1000).toISOString()
