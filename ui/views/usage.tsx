// What has been used and what it cost, by day and by model.
import { useSignal } from '@preact/signals'
import type { UsageReply } from '../../src/surfaces/native/run-schemas.ts'
import { query } from '../lib/api.ts'
import { toCurl } from '../lib/curl.ts'
import { count, money } from '../lib/format.ts'
import { useLoad } from '../lib/use-load.ts'
import { type Bar, Bars } from '../parts/bars.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { Fault } from '../parts/fault.tsx'

const lookEveryMs = 10_000
const dayMs = 86_400_000

type Sums = UsageReply['total']

const measures = {
  cost: { title: 'Cost', valueOf: (sums: Sums) => sums.cost_usd, textOf: (sums: Sums) => money(sums.cost_usd) },
  tokens: { title: 'Tokens', valueOf: tokensOf, textOf: (sums: Sums) => count(tokensOf(sums)) },
  runs: { title: 'Runs', valueOf: (sums: Sums) => sums.runs, textOf: (sums: Sums) => String(sums.runs) },
} as const
type Measure = keyof typeof measures

function tokensOf(sums: Sums): number {
  return sums.input_tokens + sums.output_tokens + sums.cache_read_input_tokens + sums.cache_creation_input_tokens
}

const detailTitles = ['Runs', 'In', 'Out', 'Cache read', 'Cost']
const detailsOf = (sums: Sums) => [
  String(sums.runs),
  count(sums.input_tokens),
  count(sums.output_tokens),
  count(sums.cache_read_input_tokens),
  money(sums.cost_usd),
]

export function Usage() {
  const days = useSignal(30)
  const measure = useSignal<Measure>('cost')
  // Whole days in UTC, as the server counts them.
  const from = new Date(Date.now() - (days.value - 1) * dayMs).toISOString().slice(0, 10)
  const pathOf = (group: string) => `/v1/usage${query({ from, group_by: group })}`
  const byDay = useLoad<UsageReply>(pathOf('day'), lookEveryMs)
  const byModel = useLoad<UsageReply>(pathOf('model'), lookEveryMs)
  const total = byDay.data.value?.total ?? null
  const barsOf = (usage: UsageReply | null): Bar[] =>
    (usage?.groups ?? []).map(({ group, ...sums }) => ({
      name: group ?? 'unknown',
      value: measures[measure.value].valueOf(sums),
      text: measures[measure.value].textOf(sums),
      details: detailsOf(sums),
    }))
  const { title } = measures[measure.value]
  return (
    <>
      <h1>Usage</h1>
      <div class="line">
        <label>
          Time
          <select value={days.value} onInput={({ currentTarget }) => (days.value = Number(currentTarget.value))}>
            <option value={1}>today</option>
            <option value={7}>7 days</option>
            <option value={30}>30 days</option>
            <option value={90}>90 days</option>
          </select>
        </label>
        <label>
          Shown
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
      <Fault fault={byDay.fault.value ?? byModel.fault.value} />
      {total === null ? null : total.runs === 0 ? (
        <p class="empty">
          Nothing was used in this time. Runs are kept for a week, what they cost as long as they are.
        </p>
      ) : (
        <>
          <p class="total">
            {money(total.cost_usd)} for {count(total.runs)} {total.runs === 1 ? 'run' : 'runs'} and{' '}
            {count(tokensOf(total))} tokens. It is what the API would have charged; a subscription is not charged by it.
          </p>
          <Bars title="Day" valueTitle={title} detailTitles={detailTitles} bars={barsOf(byDay.data.value)} />
          <Bars title="Model" valueTitle={title} detailTitles={detailTitles} bars={barsOf(byModel.data.value)} />
        </>
      )}
    </>
  )
}
