// The commands `usage` and `quota`: what the runs of a running server have used and cost, and how far the plan of its login is used. Not for
// the budgets of keys (see commands/keys/).
import type { UsageReply } from '../surfaces/native/reply-schemas.ts'
import type { QuotaReply } from '../surfaces/native/server-schemas.ts'
import { type ExitCode, notAccepted, note, print, printJson, runCommand } from './command.ts'
import { terminalColumns } from './output.ts'
import { ServerClient, type ServerFlags } from './server-client.ts'
import { asTable, withHeading } from './table.ts'
import { showDollars, showSpan } from './terminal-text.ts'

export type UsageFlags = ServerFlags & { from?: string; to?: string; by?: string }

export function showUsage(flags: UsageFlags): Promise<ExitCode> {
  return runCommand('usage', async () => {
    const query = new URLSearchParams({ group_by: flags.by ?? 'day' })
    for (const name of ['from', 'to'] as const) {
      const value = flags[name]
      if (value === undefined) continue
      if (Number.isNaN(Date.parse(value)))
        throw notAccepted(`--${name}`, value, 'give a day such as 2026-11-22, or a time such as 2026-11-22T10:00:00Z')
      query.set(name, value)
    }
    const client = await ServerClient.find(flags)
    const usage = await client.json<UsageReply>(`/v1/usage?${query}`, (body) => Array.isArray(body.groups))
    if (flags.json === true) return printJson(usage)
    if (usage.groups.length === 0) return note(`no run ended from ${usage.from} to ${usage.to}`)
    print(withHeading(asTable(usageAsRows(usage), terminalColumns())))
  })
}

type Sums = UsageReply['total']

function usageAsRows({ group_by, groups, total }: UsageReply): string[][] {
  const row = (name: string, sums: Sums) => [
    name,
    String(sums.runs),
    ...[sums.input_tokens, sums.cache_read_input_tokens, sums.cache_creation_input_tokens, sums.output_tokens].map(
      (tokens) => tokens.toLocaleString('en'),
    ),
    showDollars(sums.cost_usd),
  ]
  return [
    [group_by, 'runs', 'input', 'cache read', 'cache write', 'output', 'cost'],
    ...groups.map(({ group, ...sums }) => row(group ?? '-', sums)),
    row('total', total),
  ]
}

export function showQuota(flags: ServerFlags): Promise<ExitCode> {
  return runCommand('quota', async () => {
    const client = await ServerClient.find(flags)
    const quota = await client.json<QuotaReply>('/v1/quota', (body) => Array.isArray(body.windows))
    if (flags.json === true) return printJson(quota)
    if (quota.windows.length === 0 && quota.overage === null)
      return note('Claude Code has reported no limits yet: it does after a run, if it is logged in with a plan')
    print(withHeading(asTable(quotaAsRows(quota, Date.now()), terminalColumns())))
    if (quota.as_of !== null) note(`as of ${showSpan(Date.now() - Date.parse(quota.as_of))} ago`)
  })
}

function quotaAsRows({ windows, overage }: QuotaReply, nowMs: number): string[][] {
  const resets = (time: string | null) => (time === null ? '-' : `in ${showSpan(Date.parse(time) - nowMs)} (${time})`)
  const rows = windows.map(({ name, utilization, status, resets_at }) => [
    name,
    utilization === null ? '-' : `${Math.round(utilization * 100)} %`,
    status,
    resets(resets_at),
  ])
  const state = overage === null ? '' : `${overage.status}${overage.in_use ? ', in use' : ''}`
  const beyond = overage === null ? [] : [['beyond the plan', '-', state, resets(overage.resets_at)]]
  return [['window', 'used', 'status', 'resets'], ...rows, ...beyond]
}
