// How far the plan is used that Claude Code is logged in with. Shows nothing until Claude Code has reported it.
import type { QuotaReply } from '../../src/surfaces/native/server-schemas.ts'
import { time } from '../lib/format.ts'
import { useLoad } from '../lib/use-load.ts'
import { type Bar, Bars } from './bars.tsx'
import { ErrorNotice } from './error-notice.tsx'

const refreshEveryMs = 10_000

const states: Record<string, string> = { allowed: 'available', allowed_warning: 'nearly used up', rejected: 'used up' }
const stateOf = (status: string) => states[status] ?? status
/** The names are those of the CLI, such as `five_hour`. */
const nameOf = (name: string) => name.replaceAll('_', ' ')
const percent = (utilization: number | null) =>
  utilization === null ? 'not known' : `${Math.round(utilization * 100)} %`

export function PlanLimits() {
  const quota = useLoad<QuotaReply>('/v1/quota', refreshEveryMs)
  const { windows = [], overage = null, as_of: asOf = null } = quota.data.value ?? {}
  const bars = windows.map(
    ({ name, utilization, status, resets_at: resetsAt }): Bar => ({
      name: nameOf(name),
      value: utilization ?? 0,
      text: percent(utilization),
      details: [stateOf(status), time(resetsAt)],
    }),
  )
  return (
    <>
      <ErrorNotice error={quota.error.value} />
      {bars.length === 0 ? null : (
        <>
          <Bars title="Plan" valueTitle="Used" detailTitles={['State', 'Resets']} bars={bars} max={1} />
          <p class="note">
            Reported by Claude Code at {time(asOf)}.
            {overage?.in_use ? ' The plan is used up: extra usage is being billed.' : ''}
          </p>
        </>
      )}
    </>
  )
}
