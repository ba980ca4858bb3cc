// Who a caller is and what it may do, as `GET /v1/whoami` reports it.
import type { Caller } from '../../auth/authenticate.ts'
import { budgetUse } from '../../auth/key-policy.ts'
import type { PermissionMode } from '../../core/agent.ts'
import { isMostlySpent, noPolicy, scopes } from '../../core/key-record.ts'
import type { KeyStore } from '../../core/store.ts'
import type { WhoamiReply } from './server-schemas.ts'

export type WhoamiOptions = {
  store: Pick<KeyStore, 'spentBy'>
  now(): number
  /** Those that the server allows. */
  permissionModes: readonly PermissionMode[]
  /** Null: anywhere. */
  cwdRoots(caller: Caller): readonly string[] | null
}

const toTime = (ms: number) => new Date(ms).toISOString()

export async function whoami(options: WhoamiOptions, caller: Caller): Promise<WhoamiReply> {
  const { key, may } = caller
  const { policy = noPolicy } = key ?? {}
  const cwdRoots = options.cwdRoots(caller)
  const use = key === null ? null : await budgetUse(key, options.store, options.now())
  return {
    key: key && {
      id: key.id,
      name: key.name,
      prefix: key.prefix,
      created_at: toTime(key.createdAtMs),
      expires_at: key.expiresAtMs === null ? null : toTime(key.expiresAtMs),
    },
    scopes: scopes.filter((scope) => may(scope)),
    limits: {
      rate_per_minute: key?.ratePerMinute ?? null,
      max_concurrency: policy.runsMax,
      models: policy.models,
      tools: policy.tools,
      cwd_roots: cwdRoots && [...cwdRoots],
      permission_modes: options.permissionModes.filter((mode) => policy.permissionModes?.includes(mode) ?? true),
    },
    budget: use && {
      limit_usd: use.budgetUsd,
      spent_usd: use.spentUsd,
      period: policy.budgetPeriod,
      resets_at: use.period && toTime(use.period.endMs),
    },
    warnings:
      use === null || !isMostlySpent(use.spentUsd, use.budgetUsd)
        ? []
        : [`${Math.floor((100 * use.spentUsd) / use.budgetUsd)} % of the budget is spent`],
  }
}
