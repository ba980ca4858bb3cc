// Tokens and cost by day and by model.
import { useSignal } from '@preact/signals'
import type { UsageReply } from '../../src/surfaces/native/reply-schemas.ts'
import { query } from '../lib/api.ts'
import { toCurl } from '../lib/curl.ts'
import { count, money, share } from '../lib/format.ts'
import { useLoad } from '../lib/use-load.ts'
import { type Bar, Bars } from '../parts/bars.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { ErrorNotice } from '../parts/error-notice.tsx'
import { PlanLimits } from '../parts/plan-limits.tsx'

const refreshEveryMs = 10_000
const dayMs = 86_400_000

type Totals = UsageReply['total']

const measures = {
  cost: {
    title: 'Cost',
    valueOf: (totals: Totals) => totals.cost_usd,
    textOf: (totals: Totals) => money(totals.cost_usd),
  },
  tokens: { title: 'Tokens', valueOf: tokensOf, textOf: (totals: Totals) => count(tokensOf(totals)) },
  runs: { title: 'Runs', valueOf: (totals: Totals) => totals.runs, textOf: (totals: Totals) => String(totals.runs) },
} as const
type Measure = keyof typeof measures

function tokensOf(totals: Totals): number {
  return (
    totals.input_tokens + totals.output_tokens + totals.cache_read_input_tokens + totals.cache_creation_input_tokens
  )
}

const detailTitles = ['Runs', 'Input', 'Output', 'Cache read', 'From cache', 'Cost']
const detailsOf = (totals: Totals) => [
  String(totals.runs),
  count(totals.input_tokens),
  count(totals.output_tokens),
  count(totals.cache_read_input_tokens),
  share(totals.cache_read_share),
  money(totals.cost_usd),
]

export function Usage() {
  const days = useSignal(30)
  const measure = useSignal<Measure>('cost')
  // Full days in UTC, like the server counts them.
  const from = new Date(Date.now() - (days.value - 1) * dayMs).toISOString().slice(0, 10)
  const pathOf = (group: string) => `/v1/usage${query({ from, group_by: group })}`
  const byDay = useLoad<UsageReply>(pathOf('day'), refreshEveryMs)
  const byModel = useLoad<UsageReply>(pathOf('model'), refreshEveryMs)
  const total = byDay.data.value?.total ?? null
  const barsOf = (usage: UsageReply | null): Bar[] =>
    (usage?.groups ?? []).map(({ group, ...totals }) => ({
      name: group ?? 'unknown',
      value: measures[measure.value].valueOf(totals),
      text: measures[measure.value].textOf(totals),
      details: detailsOf(totals),
    }))
  const { title } = measures[measure.value]
  return (
    <>
      <h1>Usage</h1>
      <div class="line">
        <label>
          Period
          <select value={days.value} onInput={({ currentTarget }) => (days.value = Number(currentTarget.value))}>
            <option value={1}>today</option>
            <option value={7}>last 7 days</option>
            <option value={30}>last 30 days</option>
            <option value={90}>last 90 days</option>
          </select>
        </label>
        <label>
          Measure
          <select
            value={measure.value}
            onInput={({ currentTarget }) => (measure.value = currentTarget.value as Measure)}
          >
            {Object.entries(measures).map(([name, each]) => (
              <option key={name} value={name}>
                {each.title}
              </option>
            ))}
          </select>
        </label>
        <CopyButton text={() => toCurl(pathOf('day'))} label="Copy as curl" />
      </div>
      <PlanLimits />
      <ErrorNotice error={byDay.error.value ?? byModel.error.value} />
      {total === null ? null : total.runs === 0 ? (
        <p class="empty">No usage in this period. Runs and their costs are stored for a week.</p>
      ) : (
        <>
          <p class="total">
            {money(total.cost_usd)} for {count(total.runs)} {total.runs === 1 ? 'run' : 'runs'} and{' '}
            {count(tokensOf(total))} tokens. This is what the API would have charged; a subscription is not billed for
            it.
            {total.cache_read_share !== null && ` Of the input, ${share(total.cache_read_share)} came from the cache.`}
          </p>
          <Bars title="Day" valueTitle={title} detailTitles={detailTitles} bars={barsOf(byDay.data.value)} />
          <Bars title="Model" valueTitle={title} detailTitles={detailTitles} bars={barsOf(byModel.data.value)} />
        </>
      )}
    </>
  )
}
